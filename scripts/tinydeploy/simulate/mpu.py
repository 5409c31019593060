"""The MPU, as far as bootloaders leave it on: execute-never over a whole memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinydeploy.simulate.bus import Block
    from tinydeploy.simulate.machine import Machine

REGIONS = 8
CTRL_ENABLE, CTRL_PRIVDEFENA = 1, 4
RASR_ENABLE, RASR_EXECUTE_NEVER = 1, 1 << 28
PRIVILEGED_READ_WRITE = (1, 2, 3)


class Mpu:
    """Eight regions. Only full privileged access, with or without execution, is modelled."""

    def __init__(self, machine: Machine, block: Block) -> None:
        self._machine = machine
        self._block = block
        self._base = [0] * REGIONS
        self._attributes = [0] * REGIONS
        block.status(0xD90, "MPU_TYPE", REGIONS << 8)
        self._control = block.register(0xD94, "MPU_CTRL", mask=7, on_write=self._write_control)
        self._number = block.register(0xD98, "MPU_RNR", mask=7)
        for alias in range(4):
            block.register(
                0xD9C + 8 * alias,
                "MPU_RBAR",
                mask=0,
                on_read=self._read_base,
                on_write=self._write_base,
            )
            block.register(
                0xDA0 + 8 * alias,
                "MPU_RASR",
                mask=0,
                on_read=lambda: self._attributes[self._number.value],
                on_write=self._write_attributes,
            )

    def configure(self, control: int, regions: list[tuple[int, int]]) -> None:
        """Put it in a state that a bootloader leaves: (base, RASR) from region 0 up."""
        for number, (base, attributes) in enumerate(regions):
            self._base[number] = base
            self._attributes[number] = attributes
        self._control.value = control
        self._apply()

    def _read_base(self) -> int:
        return self._base[self._number.value] | self._number.value

    def _write_base(self, value: int) -> None:
        if value & 0x10:
            self._number.value = value & 7
        self._base[self._number.value] = value & ~0x1F
        self._apply()

    def _write_attributes(self, value: int) -> None:
        self._attributes[self._number.value] = value
        self._apply()

    def _write_control(self, value: int) -> None:
        self._apply()

    def _apply(self) -> None:
        """Let the machine fetch only where the enabled regions allow it."""
        never: list[tuple[int, int]] = []
        if self._control.value & CTRL_ENABLE:
            if not self._control.value & CTRL_PRIVDEFENA:
                self._block.violate("MPU_CTRL", "an MPU without the default map is not modelled")
            never = [r for r in map(self._execute_never_range, range(REGIONS)) if r]
        self._machine.set_execute_never(never)

    def _execute_never_range(self, number: int) -> tuple[int, int] | None:
        attributes = self._attributes[number]
        if not attributes & RASR_ENABLE:
            return None
        if attributes >> 24 & 7 not in PRIVILEGED_READ_WRITE:
            self._block.violate("MPU_RASR", "regions that restrict data accesses are not modelled")
        if not attributes & RASR_EXECUTE_NEVER:
            return None
        size = 2 << (attributes >> 1 & 0x1F)
        return self._base[number] & -size, size
