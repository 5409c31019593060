"""Boards whose bootloader is a USB drive: the image as a UF2 file, written onto it.

The bootloader installs while the file arrives and restarts when it has all of it. The drive has to
be mounted, as desktops do by themselves.

Not run on hardware; tested against `flash.simulated.xiao`.
"""

from __future__ import annotations

import re

from tinydeploy.errors import UsageError
from tinydeploy.flash import enter, image, uf2_file, usb
from tinydeploy.flash.base import FlashJob, FlashResult, State, Watch
from tinydeploy.flash.enter import Patience
from tinydeploy.flash.ports import Drive, Ports

INFO, FILE = "INFO_UF2.TXT", "FIRMWARE.UF2"
DOUBLE_TAP = "press the reset button twice quickly, so that the board shows up as a USB drive"
MOUNT = (
    f"{DOUBLE_TAP}; where no desktop mounts it: `udisksctl mount -b /dev/disk/by-label/<name>`, "
    "then run the same command again. `--flash-tool nrf_dfu` needs no drive"
)
ADVICE = {
    State.UNTOUCHED: MOUNT,
    State.PARTLY_WRITTEN: f"{DOUBLE_TAP}, then run the same command again",
}


def write(job: FlashJob, patience: Patience | None = None) -> FlashResult:
    """Flash a board by its drive.

    Raises:
        PortError: no board, or not the right one; nothing was changed.
        UsageError: the board's bootloader takes no UF2 files.
        FlashStoppedError: with the state of the board.
    """
    board, waits = job.board, patience or Patience()
    if not board.bootloader.uf2_board_id:
        raise UsageError(f"{board.id} takes no UF2 files", "leave out --flash-tool uf2")
    image.check(job.image, board)
    started_s = job.ports.now()
    watch = Watch("looking for the drive", ADVICE)
    with watch.guard():
        target = usb.find(job.ports, board, job.port, job.serial_number)
        drive = _enter(job, target, waits, watch)
        info = _info(drive)
        watch.state, watch.doing = State.PARTLY_WRITTEN, "writing the file"
        complete = drive.write(FILE, uf2_file.encode(job.image, board.flash_origin))
        port = enter.await_application(job.ports, target, waits)
        if not port and enter.is_back(job.ports, target):
            raise watch.stop("the bootloader is back instead of the new firmware")
        if not (port or complete):
            raise watch.stop("the drive went before the file was written, and no firmware came")
    return FlashResult(
        tool="uf2",
        board=board.id,
        image_bytes=len(job.image),
        port=port,
        bootloader=info,
        verified="the bootloader had all blocks; not read back",
        seconds=job.ports.now() - started_s,
        serial_number=target.serial_number,
        notes=[] if port else ["the new firmware did not show up on USB"],
    )


def _enter(job: FlashJob, target: usb.UsbTarget, patience: Patience, watch: Watch) -> Drive:
    """The board's drive; a person is asked to press the button if it does not come by itself."""
    if not target.in_bootloader:
        enter.touch(job.ports, target.port)
    drive = _await_drive(job, patience.touch_s, patience.poll_s)
    if drive is None:
        job.observer.say(f"No drive of the board is mounted: {DOUBLE_TAP}.")
        drive = _await_drive(job, patience.double_tap_s, patience.poll_s)
    if drive is None:
        raise watch.stop("no drive of the board's bootloader is mounted")
    return drive


def _await_drive(job: FlashJob, timeout_s: float, poll_s: float) -> Drive | None:
    deadline_s = job.ports.now() + timeout_s
    while True:
        found = _drives(job.ports, job.board.bootloader.uf2_board_id)
        if found:
            return found[0]
        if job.ports.now() >= deadline_s:
            return None
        job.ports.sleep(poll_s)


def _drives(ports: Ports, board_id: str) -> list[Drive]:
    """Mounted drives of bootloaders that call themselves so, or begin with it."""
    mark = re.compile(rf"^Board-ID: *{re.escape(board_id)}", re.MULTILINE)
    return [drive for drive in ports.drives() if mark.search(_text(drive))]


def _info(drive: Drive) -> str:
    """The first line of what the bootloader says of itself."""
    return (_text(drive).splitlines() or [""])[0].strip()


def _text(drive: Drive) -> str:
    return drive.read(INFO).decode("ascii", "replace")
