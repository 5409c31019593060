"""What every board must do, real or simulated: see tinydeploy.pytest_plugin for how to choose."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tinydeploy.abi import protocol
from tinydeploy.errors import DeviceFaultError
from tinydeploy.hardware.connection import Connection
from tinydeploy.link.frame import Frame, encode
from tinydeploy.pytest_plugin import unpacked
from tinydeploy.stages import input_spec, vectors, verify

pytestmark = pytest.mark.device

VECTORS = {"sine": 20, "kws": 2}
UDF = bytes.fromhex("00de")  # an undefined instruction


def test_hello(app: Any, device: Any) -> None:
    for firmware, each in zip(unpacked(app), unpacked(device), strict=True):
        me = each.hello()
        assert me.board == firmware.board.id
        assert me.has_model
        assert me.cpu_hz == firmware.board.cpu_hz
        assert firmware.image.build_id.startswith(me.build_id)
        assert me.model_hash == hashlib.sha256(firmware.source.data).hexdigest()


@pytest.mark.parametrize("model", VECTORS, indirect=True)
def test_parity_with_tflm(app: Any, device: Any, record_property: Any) -> None:
    for firmware, each in zip(unpacked(app), unpacked(device), strict=True):
        specs = input_spec.input_specs(firmware.source.model)
        inputs, labels = firmware.source.record.test_set()
        chosen = vectors.fitted((inputs,), labels, specs, "test set")
        chosen = chosen.take(VECTORS[firmware.source.name], seed=3)
        found = verify.verify(
            each, firmware.source.model, firmware.source.data, chosen, firmware.program.steps
        )
        assert found.mismatching_bytes == 0, found.first_mismatch
        assert found.vectors == VECTORS[firmware.source.name]
        record_property("cycles", found.cycles[0])


@pytest.mark.parametrize("model", ["kws"], indirect=True)
def test_profile(app: Any, device: Any) -> None:
    for firmware, each in zip(unpacked(app), unpacked(device), strict=True):
        total = each.invoke().cycles
        per_step = each.profile(len(firmware.program.steps))
        assert min(per_step) > 0
        assert sum(per_step) <= total
        assert total < 1.05 * sum(per_step) + 2000  # what lies between operators


def test_memory_and_stack(app: Any, device: Any) -> None:
    for firmware, each in zip(unpacked(app), unpacked(device), strict=True):
        each.invoke()
        memory = each.memory()
        assert memory["arena_used_bytes"] <= memory["arena_bytes"] == firmware.program.arena_bytes
        assert memory["static_bytes"] == firmware.image.ram_bytes
        assert 100 < memory["stack_used_bytes"] < memory["stack_bytes"] * 3 // 4


def test_reset_starts_anew(device: Any) -> None:
    for each in unpacked(device):
        before = each.status()["invokes"]
        each.invoke()
        assert each.status()["invokes"] == before + 1
        each.reset()
        each.hello()
        assert each.status()["invokes"] == 0


def test_repeated_invokes_agree(serial: Any, device: Any) -> None:
    for connection, each in zip(unpacked(serial), unpacked(device), strict=True):
        outputs, cycles = set(), []
        for _ in range(20):
            each.load_input(0, b"\x2a")
            cycles.append(each.invoke().cycles)
            outputs.add(each.read(protocol.TensorKind.OUTPUT, 0, 1))
        assert len(outputs) == 1
        assert max(cycles[1:]) < 1.1 * min(cycles[1:])
        if connection.is_simulated:
            assert len(set(cycles[1:])) == 1


def test_corrupt_frames_do_no_harm(serial: Any, device: Any) -> None:
    for connection, each in zip(unpacked(serial), unpacked(device), strict=True):
        dropped = each.status()["frames_dropped"]
        noise = random.Random(7)
        for _ in range(10):
            frame = bytearray(encode(Frame(protocol.Command.ECHO, 1, 1, noise.randbytes(30))))
            at = noise.randrange(2, len(frame) - 1)
            frame[at] ^= 1 << noise.randrange(8)
            connection.write(bytes(frame))
            connection.write(noise.randbytes(20) + b"\0")
            while connection.wire.read(0.05):  # its NAKs, which would each cost the client a try
                pass
        assert each.echo(b"still here") == b"still here"
        assert each.status()["frames_dropped"] >= dropped + 10


def test_throughput(serial: Any, device: Any, record_property: Any) -> None:
    """Payload there and back, one frame at a time: latency counts as well as the bit rate."""
    for connection, each in zip(unpacked(serial), unpacked(device), strict=True):
        payload = bytes(range(256)) * 2
        started = now_s(connection)
        for _ in range(8):
            assert each.echo(payload) == payload
        rate = 16 * len(payload) / (now_s(connection) - started)
        record_property("echo_bytes_per_s", round(rate))
        assert rate > (5_000 if connection.is_simulated else 500)  # through a pty, or a slow hub


def now_s(connection: Connection) -> float:
    """Seconds on the clock that the device lives by."""
    return float(getattr(connection.inner, "time_s", time.monotonic()))


def test_a_fault_is_reported_until_a_reset(serial: Any, device: Any) -> None:
    for connection, each in zip(unpacked(serial), unpacked(device), strict=True):
        if not connection.is_simulated:
            pytest.skip("no request makes a real board fault")
        with broken_run(connection.inner):
            for request in (each.invoke, each.status, each.hello):
                with pytest.raises(DeviceFaultError, match="undefined instruction"):
                    request()
        each.reset()
        assert each.hello().has_model
        assert each.invoke().ops_run > 0


@contextmanager
def broken_run(simulated: Any) -> Iterator[None]:
    """The model's first step begins with an undefined instruction for a while."""
    first = ("Step0EPh", "EvalFullyConnectedInt8EPKvPKPv")  # of either engine
    name = next(name for name in simulated.image.symbols if name.endswith(first))
    address = simulated.symbol(name).address & ~1
    before = simulated.machine.read(address, len(UDF))
    simulated.machine.write(address, UDF)
    yield
    simulated.machine.write(address, before)


def test_a_wedged_board_is_revived(serial: Any, device: Any) -> None:
    for connection in unpacked(serial):
        assert connection.revive() == "a RESET request"
        assert connection.identity().has_model
