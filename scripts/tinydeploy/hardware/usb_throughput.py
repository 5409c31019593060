"""How fast the link over USB is, beside the UART: bytes of payload in a second of modelled time.

    tinydeploy bench usb

The host of the simulator polls without pause and has the bus to itself; transactions take what
USB 2.0 says, so 1,216,000 bytes/s is the most that bulk transfers of 64 bytes reach (table 5-9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinydeploy import boards, images, programs, simulate, sources
from tinydeploy.abi import protocol
from tinydeploy.link.client import Device
from tinydeploy.simulate.device import SimulatedDevice
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.ui import Ui

LIMIT_BYTES_PER_S = 1_216_000
REQUESTS = 24


@dataclass(frozen=True)
class Throughput:
    """Payload that a link carries, bytes/s of modelled time.

    Attributes:
        echo: there and back, each counted; every request waits for its answer.
        load: into the model's input, as verification does it.
        inferences_per_s: LOAD_INPUT, INVOKE, READ of the model.
    """

    model: str
    link: str
    echo: float
    load: float
    inferences_per_s: float


def measure(device: SimulatedDevice, model: str, link: str, requests: int = REQUESTS) -> Throughput:
    """Time so many requests of each kind."""
    client = Device(device)
    payload_bytes = client.hello().max_payload_bytes
    payload = bytes(index & 0xFF for index in range(payload_bytes))
    size = client.tensor(protocol.TensorKind.INPUT, 0).bytes
    output_bytes = client.tensor(protocol.TensorKind.OUTPUT, 0).bytes
    inputs = bytes(size)

    def infer() -> None:
        client.load_input(0, inputs)
        client.invoke()
        client.read(protocol.TensorKind.OUTPUT, 0, output_bytes)

    echo_s = _seconds(device, lambda: client.echo(payload), requests)
    load_s = _seconds(device, lambda: client.load_input(0, inputs), requests)
    return Throughput(
        model, link, 2 * payload_bytes / echo_s, size / load_s, 1 / _seconds(device, infer, 4)
    )


def run(
    model_names: Sequence[str] | None, board_ids: Sequence[str] | None, toolchain: str, ui: Ui
) -> list[Throughput]:
    """Measure each model on each simulated board, over USB and over the UART."""
    found = []
    for name in model_names or ("kws",):
        source = sources.resolve(name, None, False, None, ui)
        for board in map(boards.load, board_ids or boards.of_each_chip(with_usb=True)):
            with programs.held(source, board, ui):
                options = BuildOptions(toolchain=toolchain)
                _, image = images.make_image(source, board, options, ui)
                wired = simulate.open(board, image.elf, simulate.Options(fast_uart=False))
                over_usb = simulate.open(board, image.elf, simulate.Options(usb=True))
            for device, link in ((over_usb, "USB"), (wired, f"UART {board.baud:,}")):
                found.append(measure(device, name, link))
    return found


def table(found: Sequence[Throughput]) -> str:
    """For people."""
    heads = ("echo bytes/s", "load bytes/s", "inferences/s")
    lines = [f"{'model':<8}{'link':<18}" + "".join(f"{head:>14}" for head in heads)]
    for one in found:
        figures = f"{one.echo:>14,.0f}{one.load:>14,.0f}{one.inferences_per_s:>14.1f}"
        lines.append(f"{one.model:<8}{one.link:<18}{figures}")
    return "\n".join(lines)


def _seconds(device: SimulatedDevice, act, count: int) -> float:  # type: ignore[no-untyped-def]
    """Modelled time of one `act`, the mean of `count`."""
    started_s = device.time_s
    for _ in range(count):
        act()
    return (device.time_s - started_s) / count
