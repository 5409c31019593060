"""Failed inferences are answers: what a device says and keeps across them, on both engines."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tinydeploy import boards, images, simulate, sources
from tinydeploy.abi import protocol
from tinydeploy.errors import DeviceFaultError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.link.client import Device
from tinydeploy.link.process import ProcessTransport
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.ui import Ui

Q = per_tensor(0.1, -7)
ROWS, SHAPE = 8, (4, 4)
Command, OUTPUT = protocol.Command, protocol.TensorKind.OUTPUT
ENGINES = ("interpreter", "compiled")


def handle(build: Builder) -> Tensor:
    return build.op("VAR_HANDLE", [], (), Type.RESOURCE, container="", shared_name="sum")


def sum_of_rows() -> Model:
    """Rows of a table, chosen by the input, added to what was there: a bad index is refused."""
    build = Builder()
    table = np.arange(ROWS * 4, dtype=np.int8).reshape(ROWS, 4)
    x = build.input((4,), Type.INT32)
    found = build.op("GATHER", [build.constant(table, quantization=Q), x], SHAPE, Type.INT8, Q)
    old = build.op("READ_VARIABLE", [handle(build)], SHAPE, Type.INT8, Q)
    new = build.op("ADD", [old, found], SHAPE, Type.INT8, per_tensor(0.2, -7))
    kept = build.op("QUANTIZE", [new], SHAPE, Type.INT8, Q)
    build.ops("ASSIGN_VARIABLE", [handle(build), kept], [])
    return build.model(build.op("RELU", [kept], SHAPE, Type.INT8, Q))


def opened(path: Path, board_id: str, engine: str) -> Device:
    quiet, board = Ui(quiet=True), boards.load(board_id)
    source = sources.resolve(str(path), None, False, None, quiet)
    elf = images.make_image(source, board, BuildOptions(engine), quiet)[1].elf
    device = Device(ProcessTransport(elf) if board.is_host else simulate.open(board, elf))
    device.hello()
    return device


@pytest.fixture(scope="module")
def tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "sum_of_rows.tflite"
    path.write_bytes(dump(sum_of_rows()))
    return path


def rows(*indices: int) -> bytes:
    return np.array(indices, np.int32).tobytes()


BAD = [rows(0, 1, 2, ROWS), rows(-1, 0, 0, 0), rows(0, 1 << 30, 0, 0), rows(0, 0, -(1 << 31), 0)]


def infer(device: Device, data: bytes) -> bytes:
    device.load_input(0, data)
    device.invoke()
    return device.read(OUTPUT, 0, 16)


def expected(judge: Judge, data: bytes) -> bytes:
    return judge.run([np.frombuffer(data, np.int32)])[0].tobytes()


def refused(request: Callable[[], object]) -> str:
    """Why the device refused a request, "" if it did not; anything else is an error."""
    try:
        request()
    except DeviceFaultError as error:
        if "refused request" not in error.message:
            raise
        return error.message
    return ""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("board_id", ["nano33", "sparkfun_edge", "host"])
def test_a_hundred_bad_inferences_then_a_right_one(
    tflite: Path, board_id: str, engine: str
) -> None:
    device, judge = opened(tflite, board_id, engine), Judge(tflite.read_bytes())
    good = rows(7, 3, 0, 5)
    assert infer(device, good) == expected(judge, good)
    for turn in range(100):
        device.load_input(0, BAD[turn % len(BAD)])
        assert "an operator failed" in refused(device.invoke)
        assert device.tensor(protocol.TensorKind.INPUT, 0).bytes == 16
    assert device.diagnose() == "operator 0: the operator refused its input"
    assert infer(device, good) == expected(judge, good), "what it keeps took a failed inference in"
    assert device.status()["invokes"] == 2
    device.close()


class Stranger:
    """Sends requests of any kind in any order, with any numbers, and follows what should be."""

    def __init__(self, device: Device, judge: Judge, seed: int) -> None:
        self.device, self.judge = device, judge
        self.random = random.Random(seed)
        self.counts = {"right": 0, "failed": 0}

    def number(self, most: int) -> int:
        edges = [0, 1, 2, 3, most // 2, most - 1, most]
        return self.random.choice([*edges, self.random.randrange(most)])

    def right(self) -> None:
        data = rows(*(self.random.randrange(ROWS) for _ in range(4)))
        assert infer(self.device, data) == expected(self.judge, data)
        self.counts["right"] += 1

    def bad(self) -> None:
        self.device.load_input(0, self.random.choice(BAD))
        assert "an operator failed" in refused(self.device.invoke)
        self.counts["failed"] += 1

    def part(self) -> None:
        """A range of operators on whatever lies there, and the state anew."""
        first, count = self.number(12), self.number(12)
        self.counts["failed"] += bool(refused(lambda: self.device.invoke(first, count)))
        self.forget()

    def forget(self) -> None:
        self.device.reset_state()
        self.judge.reset()

    def restart(self) -> None:
        self.device.reset()
        self.device.hello()
        self.judge.reset()

    def raw(self) -> None:
        """What changes no state, with numbers that nobody would send."""
        request = protocol.ReadRequest.pack(
            kind=self.number(4), index=self.number(0xFFFF),
            offset=self.number(0xFFFFFFFF), bytes=self.number(0xFFFFFFFF),
        )  # fmt: skip
        command = self.random.choice([
            Command.TENSOR, Command.READ, Command.PROFILE, Command.DIAGNOSE, Command.MEMORY,
            Command.STATUS, Command.ECHO, Command.SLOT_VERIFY, Command.SLOT_ERASE, 0x3F,
        ])  # fmt: skip
        payload = request[: self.random.choice([0, 4, len(request)])]
        refused(lambda: self.device.request(command, payload))

    def tensor(self) -> None:
        """Every tensor by its number: described and read as far as the device lets us."""
        for index in range(self.device.hello().op_count + 4):
            refused(lambda index=index: self.device.tensor(protocol.TensorKind.ANY, index))
            refused(lambda index=index: self.device.read(protocol.TensorKind.ANY, index, 4))

    def load(self) -> None:
        request = protocol.LoadRequest.pack(index=self.number(3), offset=self.number(0xFFFFFFFF))
        refused(lambda: self.device.request(Command.LOAD_INPUT, request + bytes(self.number(16))))

    def run(self, turns: int) -> None:
        acts = [self.right, self.bad, self.part, self.forget, self.raw, self.tensor, self.load]
        for _ in range(turns):
            self.random.choice([*acts, self.raw, self.bad, self.right])()
        self.restart()
        self.right()


@pytest.fixture(params=ENGINES)
def host(request: pytest.FixtureRequest, tflite: Path) -> Iterator[Device]:
    device = opened(tflite, "host", request.param)
    yield device
    device.close()


def test_requests_in_any_order_across_failures(host: Device, tflite: Path) -> None:
    stranger = Stranger(host, Judge(tflite.read_bytes()), seed=11)
    for _ in range(4):
        stranger.run(150)
    assert min(stranger.counts.values()) > 80


@pytest.mark.parametrize("board_id", ["nano33", "host"])
def test_a_model_without_operators(tmp_path: Path, board_id: str) -> None:
    """Its output is its input."""
    build = Builder()
    path = tmp_path / "nothing.tflite"
    path.write_bytes(dump(build.model(build.input((4,), Type.INT8, Q))))
    device = opened(path, board_id, "interpreter")
    device.load_input(0, b"abcd")
    assert device.invoke().ops_run == 0
    assert device.read(OUTPUT, 0, 4) == b"abcd"
    assert device.read(protocol.TensorKind.ANY, 0, 4) == b"abcd"
    assert "no tensor or operator" in refused(lambda: device.invoke(0, 1))
    assert device.profile(0) == []
    device.close()


@pytest.mark.parametrize("name", ["gather", "zero"])
def test_the_models_that_were_found(shared_data: Path, name: str) -> None:
    path = shared_data / "cases" / "hostile" / f"{name}.tflite"
    if not path.is_file():
        pytest.skip("no hostile models here")
    device = opened(path, "nano33", "interpreter")
    stranger = random.Random(3)
    size = device.tensor(protocol.TensorKind.INPUT, 0).bytes
    outcomes = set()
    for _ in range(100):
        refused(lambda: device.load_input(0, stranger.randbytes(size)))
        outcomes.add(refused(device.invoke) != "")
        refused(lambda: device.read(protocol.TensorKind.ANY, 0, 4))
    assert outcomes == {name == "gather"}
    device.close()
