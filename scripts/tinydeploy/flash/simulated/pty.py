"""A simulated board on a pseudo-terminal, in real time, for any program that opens serial ports.

The port is a symbolic link that disappears when the board leaves the bus and is back, on another
pseudo-terminal, when it returns. The rate that a program sets is read from the terminal, so the
1200-baud touch works. A pseudo-terminal has no control lines: the board takes its opening for
what programs usually do with them (`SimulatedBoard.opened_without_lines`), and its closing for
releasing them.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinydeploy.flash.simulated.board import SimulatedBoard

POLL_S = 0.005
LONGEST_STEP_S = 0.05  # of simulated time, however late this thread gets to run
READ_BYTES = 65536
_RATES = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name.startswith("B") and name[1:].isdigit()
}


class PtyServer:
    """Serves one board; `run` works until `stop`.

    Args:
        link: path that stands for the port.
        speed: simulated seconds per real second.
    """

    def __init__(self, board: SimulatedBoard, link: Path, speed: float = 1.0) -> None:
        self._board = board
        self._link = link
        self._speed = speed
        self._terminal: _Terminal | None = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        """Serve until `stop` is called."""
        before_s = time.monotonic()
        try:
            while not self._stopped.is_set():
                elapsed_s, before_s = time.monotonic() - before_s, time.monotonic()
                with self._lock:
                    self._step(min(elapsed_s * self._speed, LONGEST_STEP_S))
                self._wait()
        finally:
            self._unplug()

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()

    @contextmanager
    def board(self) -> Iterator[SimulatedBoard]:
        """The board, held still: to press its buttons or to look at its flash."""
        with self._lock:
            yield self._board

    def _step(self, seconds: float) -> None:
        """Let time pass. What the board does at one moment the host sees before the next one."""
        end_s = self._board.time.now_s + seconds
        self._exchange()
        while self._board.time.now_s < end_s:
            due_s = self._board.time.next_s()
            self._board.time.run_until(end_s if due_s is None else min(due_s, end_s))
            self._exchange()

    def _exchange(self) -> None:
        board = self._board
        board.pump()
        if self._terminal and self._terminal.plug != board.plug:
            self._unplug()
        if board.port is not None and self._terminal is None:
            self._terminal = _Terminal(board.plug, self._link)
        if self._terminal:
            self._terminal.follow(board)
            self._terminal.send(board)

    def _wait(self) -> None:
        """Until bytes come or a little time has passed."""
        if self._terminal and self._terminal.is_open:
            select.select([self._terminal.master], [], [], POLL_S)
        else:
            time.sleep(POLL_S)

    def _unplug(self) -> None:
        if self._terminal:
            self._terminal.close(self._link)
            self._terminal = None


class _Terminal:
    """One appearance of the port."""

    def __init__(self, plug: int, link: Path) -> None:
        self.plug = plug
        self.is_open = False
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self.master, False)
        self._rate = _rate(self.master)
        self._unsent = b""
        fresh = link.with_name(link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(link)
        os.close(slave)

    def follow(self, board: SimulatedBoard) -> None:
        """Tell the board what the host does with the port."""
        is_open = not _hung_up(self.master)
        rate = _rate(self.master)
        if rate != self._rate and not is_open and not self.is_open:
            is_open = True  # opened and closed since the last look: see it open now, closed next
        if is_open and not self.is_open:
            board.answers.clear()
            board.opened_without_lines(rate)
        if rate != self._rate:
            board.set_baud(rate)
        self._rate = rate
        if is_open:
            self._receive(board)
        elif self.is_open:
            board.closed()
        self.is_open = is_open

    def send(self, board: SimulatedBoard) -> None:
        """Pass on what the board sends."""
        while board.answers:
            self._unsent += board.answers.popleft()
        if self._unsent and self.is_open:
            with contextlib.suppress(BlockingIOError, OSError):
                sent = os.write(self.master, self._unsent)
                self._unsent = self._unsent[sent:]

    def close(self, link: Path) -> None:
        """Take the port away."""
        link.unlink(missing_ok=True)
        os.close(self.master)

    def _receive(self, board: SimulatedBoard) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            data = os.read(self.master, READ_BYTES)
            if data:
                board.receive(data)


def _rate(master: int) -> int:
    return _RATES.get(termios.tcgetattr(master)[5], 0)


def _hung_up(master: int) -> bool:
    """Whether the other end is closed."""
    poll = select.poll()
    poll.register(master, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


@contextmanager
def serve(board: SimulatedBoard, link: Path, speed: float = 1.0) -> Iterator[PtyServer]:
    """Serve a board in a thread while the block runs."""
    server = PtyServer(board, link, speed)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
