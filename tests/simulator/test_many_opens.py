"""Simulated boards are opened and closed by the thousand: what one takes, it gives back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tinydeploy import boards, simulate
from tinydeploy.simulate.registers import Reg
from tinydeploy.simulate.violations import SimulationError

HANG = "nop"
# In a process of its own: what other tests left behind is not its business. Without the garbage
# collector's help, which in a program of many objects comes late.
OPENS = """
import gc, sys
from pathlib import Path
from tinydeploy import boards, simulate
board, elf, count = boards.load(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
gc.disable()
def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
sizes = []
for number in range(count):
    device = simulate.open(board, elf)
    device.run(0.001)
    if sys.argv[4] == "close":
        device.close()
    sizes.append(resident())
print(max(sizes[count // 4 : count // 2]), max(sizes[-(count // 4) :]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("board", ["nano33", "sparkfun_edge"])
@pytest.mark.parametrize("ending", ["close", "forget"])
def test_memory_stays_constant(lab: object, board: str, ending: str) -> None:
    elf = lab.firmware(board, HANG)  # type: ignore[attr-defined]
    command = [sys.executable, "-c", OPENS, board, str(elf), "120", ending]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    early, late = map(int, done.stdout.split())
    assert late - early < 8 << 20, f"{late - early:,} bytes more"


def test_a_closed_board_is_an_error_not_a_crash(lab: object) -> None:
    elf: Path = lab.firmware("nano33", HANG)  # type: ignore[attr-defined]
    device = simulate.open(boards.load("nano33"), elf)
    device.run(0.001)
    cycles = device.cycles
    device.close()
    device.close()
    assert device.cycles == cycles
    assert device.violations == []
    requests = (
        lambda: device.memory(0x20000000, 4),
        lambda: device.set_memory(0x20000000, b"abcd"),
        lambda: device.run(0.001),
        lambda: device.read(0.001),
        lambda: device.machine.reg(Reg.PC),
        lambda: device.machine.core_frame.read(),
    )
    for request in requests:
        with pytest.raises(SimulationError, match="closed"):
            request()


def test_addresses_that_a_device_states_may_be_nowhere(lab: object) -> None:
    elf: Path = lab.firmware("nano33", HANG)  # type: ignore[attr-defined]
    device = simulate.open(boards.load("nano33"), elf)
    for address in (0x30000000, 0x20000000 + (256 << 10) - 2, 0xFFFFFFFF):
        with pytest.raises(SimulationError, match="no memory"):
            device.memory(address, 4)
        with pytest.raises(SimulationError, match="no memory"):
            device.set_memory(address, b"abcd")
    device.close()
