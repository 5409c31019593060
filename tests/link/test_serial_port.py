"""A serial port whose device goes away in the middle of any operation: a PortError each time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tinydeploy.errors import PortError
from tinydeploy.link.transport import SerialTransport

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")


@pytest.fixture
def port() -> Iterator[SerialTransport]:
    master, slave = os.openpty()
    transport = SerialTransport(os.ttyname(slave), 115200)
    os.close(slave)
    yield transport
    transport.close()
    os.close(master)


def _fail(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


def _termios_error() -> Exception:
    import termios

    return termios.error(5, "Input/output error")


@pytest.mark.parametrize("make", [_termios_error, lambda: OSError(5, "Input/output error")])
@pytest.mark.parametrize(
    ("method", "use"),
    [
        ("write", lambda port: port.write(b"x")),
        ("flush", lambda port: port.write(b"x")),
        ("read", lambda port: port.read(0.0)),
        ("reset_input_buffer", lambda port: port.discard_input()),
    ],
)
def test_a_device_that_goes_is_told(
    port: SerialTransport,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[], Exception],
    method: str,
    use: Callable[[SerialTransport], object],
) -> None:
    monkeypatch.setattr(port._port, method, _fail(make()))
    with pytest.raises(PortError, match=r"is gone: .*Input/output error"):
        use(port)


def test_closing_what_has_gone_says_nothing(
    port: SerialTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = port._port.close
    monkeypatch.setattr(port._port, "close", _fail(_termios_error()))
    port.close()
    port.set_control(dtr=True, rts=True)
    monkeypatch.setattr(port._port, "close", close)
