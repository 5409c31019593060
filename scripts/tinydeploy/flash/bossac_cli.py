"""Nano 33 BLE with the user's own `bossac`, Arduino's branch of it (docs/boards/nano33.md, 8).

The board is brought into its bootloader as by our own tool; the writing is bossac's. Upstream's
bossac does not know this chip.

Not run on hardware.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tinydeploy import tools, whole
from tinydeploy.errors import BuildError, SetupError
from tinydeploy.flash import image, samba, samba_port, usb
from tinydeploy.flash.base import FlashJob, FlashResult, State, Watch
from tinydeploy.flash.enter import Patience

TIMEOUT_S = 120.0
ADVICE = {
    State.UNTOUCHED: f"{samba_port.DOUBLE_TAP}, then run the same command again",
    State.PARTLY_WRITTEN: f"{samba_port.DOUBLE_TAP}, then run the same command again, or leave out "
    "`--tool bossac_cli`",
}


def write(job: FlashJob, patience: Patience | None = None) -> FlashResult:
    """Flash a Nano 33 with the `bossac` on the PATH.

    Raises:
        SetupError: there is no bossac.
        PortError: no board; nothing was changed.
        FlashStoppedError: with the state of the board.
    """
    board = job.board
    image.check(job.image, board, origin=samba.APPLICATION, room_bytes=samba.SOFTDEVICE.room_bytes)
    program = tools.find("bossac")
    if program is None:
        raise SetupError(
            "there is no bossac on the PATH", "leave out `--tool bossac_cli`: it is not needed"
        )
    started_s = job.ports.now()
    target = usb.find(job.ports, job.board, job.port, job.serial_number)
    watch = Watch("looking for the bootloader", ADVICE)
    with watch.guard():
        port = _bootloader_port(job, target, patience or Patience(), watch)
        version = _run(program, port, job.image, watch)
    return FlashResult(
        tool="bossac_cli",
        board=board.id,
        image_bytes=len(job.image),
        port="",
        bootloader=version,
        verified="compared by bossac",
        seconds=job.ports.now() - started_s,
        serial_number=target.serial_number,
    )


def _bootloader_port(job: FlashJob, target: usb.UsbTarget, patience: Patience, watch: Watch) -> str:
    client = samba_port.enter_bootloader(job.ports, target, job.observer.say, patience)
    if client is None:
        raise watch.stop("the bootloader did not appear")
    client.close()
    return usb.bootloader_ports(job.ports, target)[0]


def _run(program: Path, port: str, data: bytes, watch: Watch) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "firmware.bin"
        whole.write(path, data)
        watch.state = State.PARTLY_WRITTEN
        watch.doing = "bossac writes"
        try:
            tools.run(arguments(program, port, path), what="bossac", timeout_s=TIMEOUT_S)
        except BuildError as error:
            raise watch.stop(error.message) from error
    return samba.VERSION


def arguments(program: Path, port: str, path: Path) -> list[str]:
    """Command line: USB, info, erase, write, verify, restart."""
    return [str(program), f"--port={port}", "-U", "-i", "-e", "-w", "-v", str(path), "-R"]
