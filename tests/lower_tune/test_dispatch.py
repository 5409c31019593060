"""What a step costs beside its kernel: the compiled engine with empty kernels, counted exactly."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from tinydeploy import tools
from tinydeploy.bench.startup import Startup, table
from tinydeploy.kernel_lab.harness import CORE, FIRMWARE, FLAGS
from tinydeploy.simulate.cpu_harness import CpuHarness

DISPATCH_CYCLES = 33  # with the pinned Zig; issue 4 allows 100
INCLUDES = [f"-I{FIRMWARE}/{path}" for path in ("compiled", "tflm", "", "platformio/libc")]
SCRIPT = (
    "SECTIONS { . = 0x1000; .text : { KEEP(*(.text .text.*)) *(.rodata .rodata.*) } "
    ". = 0x20000000; .data : { *(.data .data.*) } .bss : { *(.bss .bss.* COMMON) } "
    "/DISCARD/ : { *(.ARM.exidx*) *(.ARM.extab*) } }"
)
PROGRAM = """
#include "tensorflow/lite/micro/micro_interpreter.h"

struct Params { int32_t a, b, c; };
// A kernel with as many arguments as any has.
extern "C" __attribute__((noinline)) void EmptyKernel(
    const Params*, const int8_t*, const uint32_t*, int8_t*, uint32_t*, void (*)()) { asm(""); }
extern "C" __attribute__((noinline)) void EmptyInner() { asm(""); }

namespace tinydeploy { namespace compiled {
static constexpr Params kParams = {1, 2, 3};
static const uint32_t kStream[4] = {};
static void Run(uint8_t* arena) {
  EmptyKernel(&kParams, reinterpret_cast<const int8_t*>(arena + 64), kStream,
              reinterpret_cast<int8_t*>(arena + 4096),
              reinterpret_cast<uint32_t*>(arena + 8192), EmptyInner);
}
static const Step kSteps[] = {
    {Run, "A", 0, 0, 0, 0}, {Run, "B", 1, 0, 0, 0}, {Run, "C", 2, 0, 0, 0},
    {Run, "D", 3, 0, 0, 0}};
const Plan kPlan = {kSteps, 4, nullptr, 0, nullptr, 0, 0, nullptr, nullptr, nullptr};
} }

// AllocateTensors, which nobody calls here, clears a struct with it.
extern "C" void __aeabi_memclr4(void*, size_t) {}

extern "C" int RunSteps(uint8_t* arena, int count) {
  tflite::MicroMutableOpResolver<1> resolver;
  tflite::MicroInterpreter interpreter(nullptr, resolver, arena, 1 << 14);
  return interpreter.Run(0, count);
}
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> CpuHarness:
    """The engine's own source, linked with a plan of four empty steps."""
    folder = tmp_path_factory.mktemp("dispatch")
    source, script, elf = folder / "plan.cpp", folder / "plan.ld", folder / "plan.elf"
    resolver = '#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"\n'
    source.write_text(resolver + PROGRAM)
    script.write_text(SCRIPT)
    engine_source = FIRMWARE / "compiled" / "micro_interpreter.cpp"
    link = ["-nostdlib", "-Wl,--no-gc-sections", "-Wl,-e,0", "-T", str(script)]
    command = [*tools.python_module_argv("ziglang", "c++"), *CORE["zig"], *FLAGS, *INCLUDES]
    tools.run([*command, source, engine_source, *link, "-o", elf], what="building the engine")
    return CpuHarness(Path(elf))


def test_dispatch(engine: CpuHarness) -> None:
    arena = engine.place(bytes(1 << 14))
    cycles = [engine.call("RunSteps", arena, count).cycles for count in range(1, 5)]
    # The loop, a call through a pointer, six arguments, the call of the kernel, and back.
    assert [b - a for a, b in itertools.pairwise(cycles)] == [DISPATCH_CYCLES] * 3


def test_table_shows_cycles_of_one_step() -> None:
    row = Startup("sine", "nano33", "compiled", 33_040, 90_284, 2_062, 3, 223)
    assert "74.3" in table([row])
    assert "33,040" in table([row])
