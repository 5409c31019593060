"""Programs for the lab's core, with a vector table of their own."""

from __future__ import annotations

from typing import Any

from tinydeploy.simulate.machine import Machine

# The lab's core: vector table at 0x10000, code behind it, sleeps at `finish` with its results in
# registers. Handlers other than these end at `unexpected`, with the exception number in r7.
START = """
 .word {stack}, reset, 0x10001, hard_fault, mem_manage, bus_fault, usage_fault, 0, 0, 0, 0
 .word sv_call, 0, 0, pend_sv, sys_tick
 .rept 4
 .word irq0
 .word irq1
 .word irq2
 .word irq3
 .endr
 .irp name, hard_fault, mem_manage, bus_fault, usage_fault, sv_call, pend_sv, sys_tick, \
            irq0, irq1, irq2, irq3
 .weak \\name
 .thumb_set \\name, unexpected
 .endr
 .thumb_func
unexpected: mrs r7, ipsr
 .thumb_func
finish: wfi
 b finish
 .ltorg
 .thumb_func
reset:
"""
ENABLE_FAULTS = "ldr r0, =0xE000ED24; ldr r1, =0x70000; str r1, [r0]; "


def run(lab: Any, program: str, *, seconds: float = 0.001, **options: Any) -> Machine:
    """Run a program from its `reset`; no FPU, no faults enabled, MSP at the end of RAM."""
    source = START.format(stack=lab.stack) + program.replace(";", "\n") + "\n b finish"
    machine = Machine([lab.flash, lab.ram], **options)
    machine.reset_core()
    machine.write(lab.flash.origin, lab.assemble(source))
    machine.scs.leave(machine.scs.ccr, lab.flash.origin)
    words = machine.memory.try_read_words(lab.flash.origin, 2)
    assert words
    machine.start_at(*words)
    machine.run(machine.time.ticks(seconds))
    return machine
