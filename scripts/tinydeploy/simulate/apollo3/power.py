"""PWRCTRL, CLKGEN, MCUCTRL and CACHECTRL (docs/boards/sparkfun_edge.md, 1.3 to 1.5)."""

from __future__ import annotations

from tinydeploy.simulate import ids
from tinydeploy.simulate.bus import Block
from tinydeploy.simulate.machine import Machine

POWER_UP_S = 5e-6
BURST_S = 20e-6
TICKS_PER_CYCLE = {24: 4, 48: 2, 96: 1}  # of a tick of 1 / 96 MHz
DOMAINS = {  # bit of DEVPWRSTATUS: bits of DEVPWREN that switch it on
    2: (0, 7, 8),
    3: (1, 2, 3),
    4: (4, 5, 6),
    5: (9,),
    6: (11,),
    7: (12,),
    8: (13,),
    9: (13,),
}
ALWAYS_ON = 0b11
ALL_MEMORY = 0xC0007FFF
UNLOCK = 0x47
SKU_BURST, SKU_BLE = 1, 2
CHIP_PART, CHIP_ID, REVISION_B0, VENDOR_AMBQ = (
    0x06672198,
    (ids.APOLLO3[0], 0x0ED6E002),
    ids.APOLLO3[1],
    0x414D4251,
)


class PowerControl(Block):
    """Switches peripherals on; they are usable once the status bit of their domain follows."""

    def __init__(self, machine: Machine, left_on: int) -> None:
        super().__init__(machine, "PWRCTRL", 0x40021000)
        self.register(0x00, "SUPPLYSRC", mask=1)
        self.status(0x04, "SUPPLYSTATUS", 0)
        self._enable = self.register(0x08, "DEVPWREN", left_on, mask=0x3FFF, on_write=self._switch)
        self.register(0x0C, "MEMPWDINSLEEP")
        self.register(0x10, "MEMPWREN", ALL_MEMORY, on_write=self._check_memory)
        self.status(0x14, "MEMPWRSTATUS", ALL_MEMORY)
        self._status = self.status(0x18, "DEVPWRSTATUS", ALWAYS_ON | self._domains(left_on))
        self.register(0x24, "MISC")
        self.events = self.register(0x28, "DEVPWREVENTEN")
        self.register(0x2C, "MEMPWREVENTEN")

    def is_on(self, device_bit: int, status_bit: int) -> bool:
        """Whether a device may be touched: switched on, and its domain is up."""
        return bool(self._enable.value >> device_bit & self._status.value >> status_bit & 1)

    @staticmethod
    def _domains(enable: int) -> int:
        return sum(
            1 << status for status, bits in DOMAINS.items() if any(enable >> b & 1 for b in bits)
        )

    def _switch(self, value: int) -> None:
        wanted = ALWAYS_ON | self._domains(self._enable.value)
        self._status.value &= wanted
        self.machine.time.after(self.machine.time.ticks(POWER_UP_S), self._settle)

    def _settle(self) -> None:
        self._status.value = ALWAYS_ON | self._domains(self._enable.value)

    def _check_memory(self, value: int) -> None:
        if value & ALL_MEMORY != ALL_MEMORY:
            self.violate("MEMPWREN", "switching memories off is not modelled")


class Clocks(Block):
    """CLKGEN: core clock and burst."""

    def __init__(self, machine: Machine, mcu: McuControl, power: PowerControl) -> None:
        super().__init__(machine, "CLKGEN", 0x40004000)
        self._mcu = mcu
        self._power = power
        self.through_rom = False  # set while the boot ROM's write helper stores
        self.register(0x0C, "OCTRL", mask=0x83)
        self._key = self.register(0x14, "CLKKEY", mask=0xFF)
        self._core = self.register(0x18, "CCTRL", mask=0, on_write=self._write_core)
        self.status(0x1C, "STATUS", 0)
        self.register(0x20, "HFADJ", 0x0025B800)
        self._burst = self.register(0x34, "FREQCTRL", mask=1, on_write=self._write_burst)

    def _write_core(self, value: int) -> None:
        if self._key.value != UNLOCK:
            self.violate("CCTRL", "written without CLKKEY = 0x47: ignored")
            return
        self._core.value = value & 1
        self._apply()

    def _write_burst(self, value: int) -> None:
        wanted = value & 1
        if not wanted and not self.through_rom:
            self.violate("FREQCTRL", "burst must be left through the boot ROM's word-write helper")
        ready = self._mcu.burst_available and self._power.events.value >> 31 & 1
        if wanted and not ready:
            self.violate("FREQCTRL", "burst needs FEATUREENABLE bit 4 and DEVPWREVENTEN bit 31")
            return
        self.machine.time.after(self.machine.time.ticks(BURST_S), lambda: self._settle(wanted))

    def _settle(self, burst: int) -> None:
        self._burst.value = self._burst.value & 1 | (6 if burst else 0)
        self._apply()

    def _apply(self) -> None:
        mhz = 96 if self._burst.value & 4 else 24 if self._core.value else 48
        self.machine.time.set_rate(TICKS_PER_CYCLE[mhz])


class McuControl(Block):
    """MCUCTRL: identity and features."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, "MCUCTRL", 0x40020000)
        self.status(0x00, "CHIPPN", CHIP_PART)
        self.status(0x04, "CHIPID0", CHIP_ID[0])
        self.status(0x08, "CHIPID1", CHIP_ID[1])
        self.status(0x0C, "CHIPREV", REVISION_B0)
        self.status(0x10, "VENDORID", VENDOR_AMBQ)
        self.status(0x14, "SKU", SKU_BURST | SKU_BLE)
        self._features = self.register(0x18, "FEATUREENABLE", mask=0x11, on_write=self._request)
        self.status(0x1A0, "BOOTLOADER", 0)
        self.register(0x1B0, "SCRATCH0")
        self.register(0x1B4, "SCRATCH1")
        for offset, name in (
            (0x1C0, "ICODEFAULTADDR"),
            (0x1C4, "DCODEFAULTADDR"),
            (0x1C8, "SYSFAULTADDR"),
        ):
            self.status(offset, name, 0)
        self.register(0x1CC, "FAULTSTATUS", mask=0)
        self.register(0x1D0, "FAULTCAPTUREEN", mask=1)

    @property
    def burst_available(self) -> bool:
        """Whether burst was asked for and granted."""
        return bool(self._features.value >> 6 & 1)

    def _request(self, value: int) -> None:
        self.machine.time.after(self.machine.time.ticks(POWER_UP_S), self._grant)

    def _grant(self) -> None:
        value = self._features.value & 0x11
        for request in (0, 4):
            if value >> request & 1:
                value |= 0b110 << request
        self._features.value = value


class CacheControl(Block):
    """CACHECTRL: accepted as settings; the cycle model has no wait states."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, "CACHECTRL", 0x40018000)
        self.through_rom = False
        self._config = self.register(0x00, "CACHECFG", 0x85, on_write=self._check_geometry)
        self.register(0x04, "FLASHCFG", 0x773, on_write=self._check_rom)
        self.register(0x08, "CTRL", mask=0x770, on_read=lambda: (self._config.value & 1) << 2)
        for offset in range(0x40, 0x60, 4):
            self.register(offset, f"DMON{(offset - 0x40) // 4}", mask=0)

    def _check_geometry(self, value: int) -> None:
        if value >> 4 & 0xF not in (4, 5, 8):
            self.violate("CACHECFG", f"geometry {value >> 4 & 0xF} does not exist: 4, 5 or 8")

    def _check_rom(self, value: int) -> None:
        if not self.through_rom:
            self.violate("FLASHCFG", "must be written through the boot ROM's word-write helper")
