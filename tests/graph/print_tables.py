"""Ask the kernels for what ops/types.py and ops/persistent.py should say; run it after adding one.

    PYTHONPATH=scripts python tests/graph/print_tables.py

An operator needs a model in MODELS of test_support.py first.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tinydeploy import arena
from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.graph.ir import Type
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.persistent import KERNELS, Kernel
from tinydeploy.ops.types import signature

_ROW = r"^TINYDEPLOY_OP(?:_IN_PLACE)?\(\w+, (\w+), \w+, \w+, (\w+),"


def _test_support() -> ModuleType:
    path = Path(__file__).with_name("test_support.py")
    spec = importlib.util.spec_from_file_location("test_support", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _types(tests: ModuleType, runner: Any, code: str) -> list[str]:
    models = (tests.MODELS[code](*combination) for combination in tests._combinations(code))
    return [signature(m.main.ops[0]) for m in models if runner.run(dump(m)).ok]


def _params(tests: ModuleType, runner: Any, code: str, inputs: int, is_float: bool) -> set[int]:
    """Sizes of params that explain the arena of sixteen such ops."""
    sizes = set()
    for combination in tests._combinations(code):
        model = tests._sixteen(tests.MODELS[code](*combination))
        reply = runner.run(dump(model))
        if reply.ok and (combination[0] is Type.FLOAT32) == is_float:
            used = reply.arena_used // 16 * 16
            sizes |= {
                size for size in range(0, 2048, 4) if _arena(model, code, inputs, size) == used
            }
    return sizes


def _arena(model: Any, code: str, inputs: int, size: int) -> int:
    known = KERNELS.get(code, Kernel(inputs, 0, 0))
    KERNELS[code] = dataclasses.replace(known, inputs=inputs, params=size, float_params=size)
    try:
        return arena.needs(model).total_bytes
    finally:
        KERNELS[code] = known


def main() -> None:
    """Print a line for each operator that the firmware registers."""
    tests = _test_support()
    runner = tests._module("runner").Runner(tests._module("host_build").zig_runner_32())
    rows = re.findall(_ROW, (FIRMWARE_DIR / "kernels/ops.def").read_text(), re.MULTILINE)
    for code, most in sorted(rows):
        if code not in tests.MODELS:
            print(f"{code}: no model in test_support.py")
            continue
        inputs = int(most) if most.isdigit() else 0
        integer, floating = (_params(tests, runner, code, inputs, each) for each in (False, True))
        print(f"{code}: {', '.join(_types(tests, runner, code))}")
        print(f"    inputs {inputs}, params {sorted(integer)}, float params {sorted(floating)}")
    runner.close()


if __name__ == "__main__":
    main()
