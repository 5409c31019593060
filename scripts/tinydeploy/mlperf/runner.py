"""Drives a device as MLPerf Tiny's runner does: text commands, answers that end with `m-ready`."""

from __future__ import annotations

import re
import time

from tinydeploy.errors import DeviceFaultError, DeviceWedgedError, LinkError
from tinydeploy.foreign import shown
from tinydeploy.link.transport import Transport

BYTES_PER_LINE = 31  # of a `db` command
READY = "m-ready"
# What a sound device never exceeds: `db print` of the longest input has some 3,500 lines.
MOST_LINES, MOST_LINE_BYTES, LONGEST_S = 1 << 14, 64 << 10, 600.0
SILENCE_S = 10.0  # until any talker must have come to an end
_LAP = re.compile(r"^m-lap-us-(\d{1,19})$")
_RESULTS = re.compile(r"^m-results-\[([^]]*)\]$")


class Runner:
    """A device in MLPerf mode.

    Raises (every method):
        LinkError: an answer is not what the protocol says.
        DeviceFaultError: the device answered with an error, `e-[...]`.
        DeviceWedgedError: no answer in time.
    """

    def __init__(self, transport: Transport, *, reply_s: float = 2.0) -> None:
        self._transport = transport
        self._reply_s = reply_s
        self._text = ""

    def synchronise(self) -> None:
        """Drop what the device says of itself at start-up and what others left there."""
        self._transport.write(b"\0%")
        end = time.monotonic() + SILENCE_S
        while self._transport.read(0.2):
            if time.monotonic() > end:
                raise self._endless("%")
        self._text = ""

    def command(self, text: str, timeout_s: float | None = None) -> list[str]:
        """Send a command; the lines of the answer but the last."""
        self._transport.write(f"{text}%".encode())
        lines: list[str] = []
        wait_s = timeout_s or self._reply_s
        end = time.monotonic() + wait_s + LONGEST_S
        while (line := self._line(text, wait_s, end)) != READY:
            if line.startswith("e-["):
                raise DeviceFaultError(
                    f"the device answered {text[:40]!r} with {shown(line)}",
                    "`help%` lists what it knows",
                )
            if len(lines) == MOST_LINES:
                raise self._endless(text)
            lines.append(line)
        return lines

    def name(self) -> str:
        """The device's vendor name."""
        return self._field(self.command("name"), r"^m-name-dut-\[(.+)\]$")

    def model(self) -> str:
        """Which model it runs."""
        return self._field(self.command("profile"), r"^m-model-\[(.+)\]$")

    def load(self, data: bytes) -> None:
        """Send the input of the next inferences."""
        self.command(f"db load {len(data)}")
        answer: list[str] = []
        for at in range(0, len(data), BYTES_PER_LINE):
            answer = self.command(f"db {data[at : at + BYTES_PER_LINE].hex()}")
        if "m-load-done" not in answer:
            raise LinkError(f"no m-load-done after {len(data)} bytes", "reset the board")

    def infer(
        self, count: int, warmups: int, timeout_s: float = 10.0
    ) -> tuple[int, tuple[float, ...]]:
        """Run `count` inferences after `warmups`; their time in microseconds, and the results."""
        lines = self.command(f"infer {count} {warmups}", timeout_s)
        laps = [int(found.group(1)) for line in lines if (found := _LAP.match(line))]
        results = [found.group(1) for line in lines if (found := _RESULTS.match(line))]
        if len(laps) != 2 or len(results) != 1 or "m-infer-done" not in lines:
            raise LinkError(f"the answer to `infer` is {shown(str(lines))}", "reset the board")
        try:
            return laps[1] - laps[0], tuple(float(value) for value in results[0].split(","))
        except ValueError as error:
            raise LinkError(
                f"the results of `infer` are {shown(results[0])}", "reset the board"
            ) from error

    def _endless(self, command: str) -> LinkError:
        return LinkError(
            f"{self._transport.description}: the answer to {command[:40]!r} does not end",
            "check that the board runs the firmware of `tinydeploy mlperf`, at 115200 baud",
        )

    def _line(self, command: str, timeout_s: float, end: float) -> str:
        while "\n" not in self._text:
            if len(self._text) > MOST_LINE_BYTES or time.monotonic() > end:
                raise self._endless(command)
            data = self._transport.read(timeout_s)
            if not data:
                raise DeviceWedgedError(
                    f"{self._transport.description}: no answer to {command[:40]!r} within "
                    f"{timeout_s:g} s",
                    "check that the board runs the firmware of `tinydeploy mlperf`, at 115200 baud",
                )
            self._text += data.replace(b"\0", b"").decode("ascii", "replace")
        line, self._text = self._text.split("\n", 1)
        return line.strip()

    @staticmethod
    def _field(lines: list[str], pattern: str) -> str:
        for line in lines:
            if found := re.match(pattern, line):
                return found.group(1)
        raise LinkError(
            f"the device says {shown(str(lines))}", "it does not run the firmware for MLPerf Tiny"
        )
