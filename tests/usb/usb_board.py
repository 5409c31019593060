"""A simulated Nano 33 with our firmware at a USB cable, the UART beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tinydeploy import boards, simulate, sources
from tinydeploy.config import MODELS_DIR
from tinydeploy.link.client import Device
from tinydeploy.link.patience import Patience
from tinydeploy.mlperf import settings
from tinydeploy.simulate.usb_bus import Setup
from tinydeploy.simulate.usb_host import State
from tinydeploy.simulate.usb_transfers import Transfer
from tinydeploy.stages.build import build
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.compile import compile_model
from tinydeploy.stages.flavour import Flavour
from tinydeploy.ui import Ui

SINE = MODELS_DIR / "sine" / "sine_int8.tflite"
ARENA_BYTES = 4096
TEXT = bytes(index * 7 + 1 & 0xFF for index in range(512))


@cache
def image(toolchain: str = "zig", *, mlperf: bool = False) -> Path:
    """The sine model's firmware, built once for each compiler."""
    folder = Path(mkdtemp(prefix="tinydeploy-usb-"))
    program = compile_model(SINE, None, folder, name="sine", arena_bytes=ARENA_BYTES)
    if mlperf:
        settings.write(
            settings.Settings("sine"),
            sources.resolve(str(SINE), None, False, 1, Ui(quiet=True)),
            folder,
        )
    flavour = Flavour.MLPERF if mlperf else Flavour.PLAIN
    options = BuildOptions("interpreter", toolchain=toolchain, flavour=flavour)
    built = build(program.folder, boards.load("nano33"), options, out_dir=folder)
    return built.elf


class UsbBoard:
    """The board, its host, and what travels on both links.

    Attributes:
        simulated: the simulator; as a transport it is the USB port.
        host, port: of USB.
        uart: the serial line at the header.
    """

    def __init__(self, elf: Path | None = None, **options: Any) -> None:
        self.simulated = simulate.open(
            *(boards.load("nano33"), elf or image()), simulate.Options(usb=True, **options)
        )
        self.port = self.simulated.chip.usb
        self.host = self.port.host
        self.uart = self.simulated.chip.wire
        self.device = Device(self.simulated, Patience(invoke_s=5.0))

    def enumerate(self) -> UsbBoard:
        """Run until the host may use the port, and what came before is forgotten."""
        assert self.host.await_state(State.CONFIGURED)
        self.simulated.run(0.05)  # line coding and control lines; answers to what was sent before
        self.uart.received.clear()
        self.port.received.clear()
        return self

    def is_well(self) -> bool:
        """Whether it answers over USB, in full, and has broken no rule of the chip."""
        self.device.hello()
        return self.device.echo(TEXT) == TEXT and self.simulated.violations == []

    def control(
        self, kind: int, request: int, value: int = 0, index: int = 0, length: int = 0, **more: Any
    ) -> Transfer:
        """A control transfer, to its end."""
        return self.host.control(Transfer(Setup(kind, request, value, index, length), **more))

    def over_uart(self) -> Device:
        """A client at the header's pins."""
        return Device(UartTransport(self), Patience(invoke_s=5.0))

    def run_cycles(self, cycles: int) -> None:
        """Let CPU and bus go on for about so many cycles of time."""
        self.simulated.run(cycles / self.simulated.machine.time.tick_hz)


class UartTransport:
    """The UART of a board whose transport is USB."""

    description = "the UART"

    def __init__(self, board: UsbBoard) -> None:
        self._board = board

    def write(self, data: bytes) -> None:
        """To the board."""
        self._board.uart.send(data)

    def read(self, timeout_s: float) -> bytes:
        """Run until something comes, and a little longer."""
        received, machine = self._board.uart.received, self._board.simulated.machine
        machine.run(machine.time.now + machine.time.ticks(timeout_s), lambda: bool(received))
        if received:
            self._board.simulated.run(100e-6)
        data = bytes(received)
        received.clear()
        return data

    def close(self) -> None:
        """Nothing to close."""
