"""FICR, UICR and TEMP: what the factory wrote."""

from __future__ import annotations

from tinydeploy.simulate import ids
from tinydeploy.simulate.bus import Block
from tinydeploy.simulate.machine import Machine

FICR_BASE, UICR_BASE, TEMP_BASE = 0x10000000, 0x10001000, 0x4000C000
FICR = {
    0x010: ("CODEPAGESIZE", 4096),
    0x014: ("CODESIZE", 256),
    0x060: ("DEVICEID[0]", ids.NRF52840_DEVICE_ID[0]),
    0x064: ("DEVICEID[1]", ids.NRF52840_DEVICE_ID[1]),
    0x0A0: ("DEVICEADDRTYPE", 0xFFFFFFFF),
    0x0A4: ("DEVICEADDR[0]", ids.NRF52840[0]),
    0x0A8: ("DEVICEADDR[1]", ids.NRF52840[1]),
    0x100: ("INFO.PART", 0x00052840),
    0x104: ("INFO.VARIANT", 0x41414430),
    0x108: ("INFO.PACKAGE", 0x00002004),
    0x10C: ("INFO.RAM", 256),
    0x110: ("INFO.FLASH", 1024),
    0x130: ("ERRATA.PART", 0x08),
    0x134: ("ERRATA.REVISION", 3),
}
FICR_TEMP, TEMP_TRIM, TRIM_WORDS = 0x404, 0x520, 17
UICR = {
    0x014: ("NRFFW[0]", 0xFFFFFFFF),
    0x200: ("PSELRESET[0]", 18),
    0x204: ("PSELRESET[1]", 18),
    0x208: ("APPROTECT", 0xFFFFFFFF),
    0x20C: ("NFCPINS", 0xFFFFFFFE),
    0x304: ("REGOUT0", 0xFFFFFFFF),
}


def ficr(machine: Machine) -> Block:
    """Factory information, read-only."""
    block = Block(machine, "FICR", FICR_BASE)
    for offset, (name, value) in FICR.items():
        block.status(offset, name, value)
    for word in range(TRIM_WORDS):
        block.status(FICR_TEMP + 4 * word, f"TEMP[{word}]", 0x300 + word)
    return block


def uicr(machine: Machine, bootloader_start: int) -> Block:
    """User information as the bootloader leaves it; firmware has no business writing it."""
    block = Block(machine, "UICR", UICR_BASE)
    for offset, (name, value) in UICR.items():
        block.status(offset, name, value)
    block.registers[0x014].value = bootloader_start
    return block


def temp(machine: Machine) -> Block:
    """The trim registers of TEMP that erratum 66 wants copied."""
    block = Block(machine, "TEMP", TEMP_BASE)
    for word in range(TRIM_WORDS):
        block.register(TEMP_TRIM + 4 * word, f"TRIM[{word}]")
    return block
