"""System Control Space, 0xE000E000: SysTick, NVIC, SCB, MPU and FPU control."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydeploy.simulate import exceptions as exc
from tinydeploy.simulate.bus import WORD, Block
from tinydeploy.simulate.mpu import Mpu
from tinydeploy.simulate.nvic import Nvic, declare_priorities
from tinydeploy.simulate.registers import Reg
from tinydeploy.simulate.systick import SysTick

if TYPE_CHECKING:
    from tinydeploy.simulate.machine import Machine

BASE = 0xE000E000
CPUID_CORTEX_M4_R0P1 = 0x410FC241
VECTKEY, VECTKEY_READ = 0x05FA, 0xFA05
SYSRESETREQ = 1 << 2
CCR_UNALIGN_TRP, CCR_DIV_0_TRP, CCR_STKALIGN = 1 << 3, 1 << 4, 1 << 9
CPACR_FULL_FPU = 0xF << 20

SHCSR_ACTIVE = {
    0: exc.MEM_MANAGE,
    1: exc.BUS_FAULT,
    3: exc.USAGE_FAULT,
    7: exc.SV_CALL,
    10: 14,
    11: 15,
}
SHCSR_PENDED = {12: exc.USAGE_FAULT, 13: exc.MEM_MANAGE, 14: exc.BUS_FAULT, 15: exc.SV_CALL}
SHCSR_ENABLE = {16: exc.MEM_MANAGE, 17: exc.BUS_FAULT, 18: exc.USAGE_FAULT}


class SystemControlSpace:
    """The registers of the core itself."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._exceptions = machine.exceptions
        self.block = Block(machine, "SCS", BASE, any_size=True)
        machine.memory.map_io(BASE, 0x1000, self.block.read, self.block.write)
        self.reset()

    def reset(self) -> None:
        """State after a reset of the core."""
        self.block.registers.clear()
        self.systick = SysTick(self._machine, self.block)
        self.mpu = Mpu(self._machine, self.block)
        Nvic(self._machine, self.block)
        self._scb()
        self._faults()
        self._fpu()

    def leave(self, ccr: int, vector_table: int) -> None:
        """The state in which a bootloader leaves CCR and VTOR."""
        self._ccr.value = ccr
        self._machine.update_checks()
        self.block.registers[0xD08].value = vector_table
        self._exceptions.vector_table = vector_table

    # SCB

    def _scb(self) -> None:
        block = self.block
        block.register(0x008, "ACTLR")
        block.status(0xD00, "CPUID", CPUID_CORTEX_M4_R0P1)
        block.register(0xD04, "ICSR", mask=0, on_read=self._read_icsr, on_write=self._write_icsr)
        block.register(0xD08, "VTOR", mask=0x3FFFFF80, on_write=self._write_vtor)
        block.register(0xD0C, "AIRCR", mask=0, on_read=self._read_aircr, on_write=self._write_aircr)
        block.register(0xD10, "SCR", mask=0x16)
        self._ccr = block.register(0xD14, "CCR", CCR_STKALIGN, mask=0x31B, on_write=self._write_ccr)
        for index in range(3):
            declare_priorities(
                block, self._exceptions, 0xD18 + 4 * index, f"SHPR{index + 1}", 4 * index + 4
            )
        for offset, value in ((0xD40, 0x30), (0xD44, 0x200), (0xD48, 0x100000), (0xD50, 0x30)):
            block.status(offset, f"ID{offset:03X}", value)

    @property
    def ccr(self) -> int:
        """Configuration and Control Register."""
        return self._ccr.value

    @property
    def divide_by_zero_traps(self) -> bool:
        """Whether CCR.DIV_0_TRP is set."""
        return bool(self._ccr.value & CCR_DIV_0_TRP)

    def _read_icsr(self) -> int:
        model = self._exceptions
        ready = model.most_urgent() or 0
        value = self._machine.reg(Reg.XPSR) & 0x1FF | ready << 12
        value |= (len(model.active) <= 1) << 11
        value |= (exc.SYS_TICK in model.pending) << 26 | (exc.PEND_SV in model.pending) << 28
        return value | any(n >= exc.FIRST_IRQ for n in model.pending) << 22

    def _write_icsr(self, value: int) -> None:
        model = self._exceptions
        for bit, number in ((31, exc.NMI), (28, exc.PEND_SV), (26, exc.SYS_TICK)):
            if value >> bit & 1:
                model.pend(number)
        for bit, number in ((27, exc.PEND_SV), (25, exc.SYS_TICK)):
            if value >> bit & 1:
                model.pending.discard(number)

    def _write_vtor(self, value: int) -> None:
        entries = exc.FIRST_IRQ + self._exceptions.irq_count
        alignment = 1 << (4 * entries - 1).bit_length()
        if value % alignment:
            self.block.violate(
                "VTOR", f"table must be aligned to {alignment} bytes for {entries} entries"
            )
        self._exceptions.vector_table = value & 0x3FFFFF80

    def _read_aircr(self) -> int:
        return VECTKEY_READ << 16 | self._exceptions.priority_group << 8

    def _write_aircr(self, value: int) -> None:
        if value >> 16 != VECTKEY:
            self.block.violate("AIRCR", "written without the key 0x05FA: ignored")
            return
        self._exceptions.priority_group = value >> 8 & 7
        if value & SYSRESETREQ:
            self._machine.request_reset("software")

    def _write_ccr(self, value: int) -> None:
        if value & CCR_UNALIGN_TRP:
            self.block.violate("CCR", "UNALIGN_TRP is not modelled")
        self._machine.update_checks()

    # Fault status

    def _faults(self) -> None:
        model, block = self._exceptions, self.block
        block.register(0xD24, "SHCSR", mask=0, on_read=self._read_shcsr, on_write=self._write_shcsr)
        block.register(
            0xD28, "CFSR", mask=0, on_read=lambda: int(model.cfsr), on_write=self._clear_cfsr
        )
        block.register(
            0xD2C, "HFSR", mask=0, on_read=lambda: int(model.hfsr), on_write=self._clear_hfsr
        )
        block.register(0xD30, "DFSR")
        block.register(0xD34, "MMFAR", mask=0, on_read=lambda: model.mmfar)
        block.register(0xD38, "BFAR", mask=0, on_read=lambda: model.bfar)
        block.register(0xD3C, "AFSR")

    def _read_shcsr(self) -> int:
        model = self._exceptions
        value = sum(1 << bit for bit, n in SHCSR_ACTIVE.items() if n in model.active)
        value |= sum(1 << bit for bit, n in SHCSR_PENDED.items() if n in model.pending)
        return value | sum(1 << bit for bit, n in SHCSR_ENABLE.items() if n in model.enabled)

    def _write_shcsr(self, value: int) -> None:
        for bit, number in SHCSR_ENABLE.items():
            (
                self._exceptions.enabled.add
                if value >> bit & 1
                else self._exceptions.enabled.discard
            )(number)

    def _clear_cfsr(self, value: int) -> None:
        self._exceptions.cfsr &= ~value

    def _clear_hfsr(self, value: int) -> None:
        self._exceptions.hfsr &= ~value

    # FPU

    def _fpu(self) -> None:
        block = self.block
        self._cpacr = block.register(
            0xD88, "CPACR", mask=CPACR_FULL_FPU, on_write=self._write_cpacr
        )
        block.register(0xF34, "FPCCR", 0xC0000000, mask=0xC0000000)
        block.register(0xF38, "FPCAR", mask=WORD & ~7)
        block.register(0xF3C, "FPDSCR", mask=0x07C00000)
        for index, value in enumerate((0x10110021, 0x11000011, 0)):
            block.status(0xF40 + 4 * index, f"MVFR{index}", value)

    @property
    def fpu_enabled(self) -> bool:
        """Whether CPACR gives full access to the FPU."""
        return self._cpacr.value == CPACR_FULL_FPU

    def enable_fpu(self) -> None:
        """As start-up code does."""
        self._cpacr.value = CPACR_FULL_FPU
        self._machine.update_checks()

    def _write_cpacr(self, value: int) -> None:
        self._machine.update_checks()
