"""Tests on boards with pytest, with the names and options of pytest-embedded.

    pytest tests/device                                         both boards' simulators
    pytest tests/device --board nano33 --port /dev/ttyACM0      a board; it is flashed if need be
    pytest tests/device --board nano33 --port-serial-number A1B2,C3D4 --count 2

Fixtures: `board` (id), `model` (name), `app` (what was built), `serial` (the open port), `device`
(`link.client.Device`), `dut` (`expect` and `write`). With `--count` above 1 the last four are
tuples. `app`, `serial` and `dut` replace pytest-embedded's; a conftest.py asks for that with

    from tinydeploy.pytest_plugin import app, dut, serial  # noqa: F401

A test that fails because a board went silent is run once more after the board was revived, and
counts as flaky when it passes then. A wrong result is never tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tinydeploy.errors import DeviceError, UsageError

if TYPE_CHECKING:
    from tinydeploy.hardware.bench import BoardBench
    from tinydeploy.hardware.connection import Connection

BENCH: pytest.StashKey[BoardBench] = pytest.StashKey()
FAILURE: pytest.StashKey[BaseException] = pytest.StashKey()
BOARD_FIXTURES = {"serial", "device", "dut"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--board` and what goes beside pytest-embedded's `--port`, `--target` and `--count`."""
    group = parser.getgroup("tinydeploy", "tinydeploy: boards")
    group.addoption("--board", help="board id, `a|b` with --count 2 (default: every chip)")
    group.addoption("--model", default="sine", help="model of tests that name none (%(default)s)")
    group.addoption("--engine", default="auto", help="compiled or interpreter (default: as deploy)")
    group.addoption(
        "--power-command",
        default="",
        help="switches a wedged board's power: `uhubctl -a cycle ...`",
    )


def pytest_configure(config: pytest.Config) -> None:
    """One bench for the whole run."""
    from tinydeploy.hardware.bench import BoardBench

    config.stash[BENCH] = BoardBench(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the boards back."""
    if bench := config.stash.get(BENCH, None):
        bench.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Without `--board` a test runs on every chip."""
    if "board" not in metafunc.fixturenames:
        return
    if any("board" in _names(mark) for mark in metafunc.definition.iter_markers("parametrize")):
        return
    chosen = metafunc.config.getoption("board")
    metafunc.parametrize("board", [chosen] if chosen else _chips(), indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test on a board; once more if the board went silent and could be revived."""
    if not BOARD_FIXTURES & set(getattr(item, "fixturenames", ())):
        return None
    from _pytest.runner import runtestprotocol

    bench = item.config.stash[BENCH]
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    bench.flakes.runs += 1
    if _board_failed(item) and bench.revive():
        del item.stash[FAILURE]
        item._initrequest()  # type: ignore[attr-defined]  # as pytest-rerunfailures does
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if all(report.passed for report in reports):
            bench.flakes.flaky.append(item.nodeid)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Remember what a test failed with."""
    if call.excinfo is not None:
        item.stash[FAILURE] = call.excinfo.value
    yield


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The flake rate."""
    bench = config.stash.get(BENCH, None)
    if bench and bench.flakes.runs:
        terminalreporter.section("boards")
        for line in bench.summary():
            terminalreporter.write_line(line)


@pytest.fixture
def board(request: pytest.FixtureRequest) -> str:
    """Id of the board, `a|b` for two of different kinds."""
    return str(request.param)


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """Name of the model; parametrize it indirectly for another than `--model`."""
    return str(getattr(request, "param", None) or request.config.getoption("model"))


@pytest.fixture
def firmware_mode() -> str:
    """Flavour of the firmware, "link" or "mlperf"; a test module overrides it."""
    return "link"


@pytest.fixture
def app(request: pytest.FixtureRequest, board: str, model: str, firmware_mode: str) -> Any:
    """The firmware with the model in it."""
    bench = request.config.stash[BENCH]
    bench.forget()
    ids = board.split("|")
    if len(ids) not in (1, bench.count):
        raise UsageError(f"--board {board} for --count {bench.count}", "name one or each")
    return _packed([bench.app(ids[n % len(ids)], model, firmware_mode) for n in range(bench.count)])


@pytest.fixture
def serial(
    request: pytest.FixtureRequest,
    app: Any,
    record_property: Callable[[str, object], None],
) -> Iterator[Any]:
    """The open port, with the board running `app`."""
    bench = request.config.stash[BENCH]
    opened: list[Connection] = []
    try:
        for index, each in enumerate(unpacked(app)):
            opened.append(bench.connect(each, index))
            record_property("board", f"{each.board.id} on {opened[-1].port}")
            record_property("build_id", each.image.build_id)
        yield _packed(opened)
    finally:
        for connection in opened:
            bench.release(connection)


@pytest.fixture
def device(serial: Any) -> Any:
    """A device client that has greeted the board."""
    devices = [connection.device() for connection in unpacked(serial)]
    for each in devices:
        each.hello()
    return _packed(devices)


@pytest.fixture
def dut(
    request: pytest.FixtureRequest,
    serial: Any,
    app: Any,
    tmp_path: Path,
) -> Iterator[Any]:
    """`expect` on the text that the board sends between its frames."""
    from tinydeploy.hardware.embedded import BoardDut

    duts = [
        BoardDut(connection, each, tmp_path / f"dut-{index}.log", request.node.name)
        for index, (connection, each) in enumerate(
            zip(unpacked(serial), unpacked(app), strict=True)
        )
    ]
    yield _packed(duts)
    for each in duts:
        each.close()


def unpacked(value: Any) -> tuple[Any, ...]:
    """What a fixture gave, as a tuple whatever `--count` is."""
    return value if isinstance(value, tuple) else (value,)


def _packed(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def _chips() -> list[str]:
    from tinydeploy import boards

    return [name for name in boards.names() if not boards.load(name).is_host]


def _names(mark: pytest.Mark) -> list[str]:
    names = mark.args[0] if mark.args else mark.kwargs["argnames"]
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def _board_failed(item: pytest.Item) -> bool:
    """Whether the board is to blame, not the result it computed or the test."""
    from tinydeploy.errors import DeviceFaultError

    failure = item.stash.get(FAILURE, None)
    return isinstance(failure, DeviceError) and not isinstance(failure, DeviceFaultError)
