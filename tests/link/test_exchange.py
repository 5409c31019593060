"""Inputs over the link or into memory, and which of the two an inference takes."""

from __future__ import annotations

from typing import Any

from tinydeploy.abi import protocol
from tinydeploy.link.client import RemoteTensor
from tinydeploy.link.exchange import LINK_BYTES, Exchanges

INPUT, OUTPUT = protocol.TensorKind.INPUT, protocol.TensorKind.OUTPUT


class Reachable:
    """A transport whose device's memory can be reached."""

    def __init__(self) -> None:
        self.ram = bytearray(64)

    def memory(self, address: int, size: int) -> bytes:
        return bytes(self.ram[address : address + size])

    def set_memory(self, address: int, data: bytes) -> None:
        self.ram[address : address + len(data)] = data


class Device:
    """Says where its tensors lie, and counts what goes over the link."""

    def __init__(self, transport: object) -> None:
        self.transport = transport
        self.linked: list[str] = []

    def tensor(self, kind: int, index: int) -> RemoteTensor:
        return RemoteTensor(9, (4,), 4, 0, 1.0, 0, address=16 * kind + 8 * index)

    def load_input(self, index: int, data: bytes) -> None:
        self.linked.append(f"load {index}")

    def read(self, kind: int, index: int, length: int) -> bytes:
        self.linked.append(f"read {kind} {index}")
        return bytes(length)


def _run(device: Any, link_count: int | None, count: int) -> Exchanges:
    exchanges = Exchanges(device, link_count)
    for vector in range(count):
        exchange = exchanges.next()
        exchange.load(1, bytes([vector] * 4))
        exchange.read(0, 2)
    return exchanges


def test_the_first_go_over_the_link_the_others_into_memory() -> None:
    transport = Reachable()
    device = Device(transport)
    transport.ram[16 * OUTPUT : 16 * OUTPUT + 2] = b"ab"
    assert _run(device, 2, 5).over_link == 2
    assert device.linked == ["load 1", f"read {OUTPUT} 0"] * 2
    assert transport.ram[16 * INPUT + 8 :][:4] == bytes([4] * 4)
    assert Exchanges(device, 0).next().read(0, 2) == b"ab"  # type: ignore[arg-type]


def test_large_inputs_leave_the_link_sooner() -> None:
    device: Any = Device(Reachable())
    exchanges = Exchanges(device, 10)
    for _ in range(5):
        exchanges.next().load(0, bytes(LINK_BYTES // 2))
    assert exchanges.over_link == 2


def test_all_go_over_the_link_when_asked_or_when_there_is_no_other_way() -> None:
    assert _run(Device(Reachable()), None, 5).over_link == 5
    assert _run(Device(object()), 2, 5).over_link == 5
