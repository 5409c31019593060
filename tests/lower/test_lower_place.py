"""Placement in the arena, on plans small enough to see through."""

from __future__ import annotations

import itertools

import plan_checker
import pytest
from tinydeploy.graph.ir import Tensor, Type
from tinydeploy.lower.memory.planner import memory_map, place
from tinydeploy.lower.plan.ir import Buffer, Plan, Step


def _buffer(name: str, size: int, base: Buffer | None = None, shift: int = 0) -> Buffer:
    return Buffer(name, size, Tensor(name, Type.INT8, (size,)), base=base, shift=shift)


def _step(reads: list[Buffer], writes: Buffer, scratch: int = 0, function: str = "f") -> Step:
    memory = [Buffer("scratch", scratch)] if scratch else []
    return Step("", "OP", "", function, [], reads, [writes], scratch=memory)


def _chain(*sizes: int) -> Plan:
    buffers = [_buffer(f"t{i}", size) for i, size in enumerate(sizes)]
    steps = [_step([a], b) for a, b in itertools.pairwise(buffers)]
    return Plan(steps, [buffers[0]], [buffers[-1]])


def test_a_chain_needs_its_largest_neighbours() -> None:
    plan = _chain(16, 64, 32, 8)
    place(plan)
    assert plan.arena_bytes == plan.lower_bound == 64 + 32
    plan_checker.check(plan)


def test_sizes_are_rounded_to_eight() -> None:
    plan = _chain(1, 9)
    place(plan)
    assert plan.arena_bytes == 8 + 16


def test_scratch_lives_for_its_step_alone() -> None:
    plan = _chain(8, 8, 8)
    plan.steps[0].scratch.append(Buffer("scratch", 40))
    place(plan)
    assert plan.arena_bytes == 8 + 8 + 40


def test_output_in_place_takes_no_room_of_its_own() -> None:
    a = _buffer("a", 64)
    b = _buffer("b", 64, base=a)
    plan = Plan([_step([a], b, function="td_softmax")], [a], [b])
    place(plan)
    assert (plan.arena_bytes, a.address, b.address) == (64, 0, 0)
    plan_checker.check(plan)


def test_scratch_around_an_input_may_begin_before_it() -> None:
    a, b = _buffer("a", 32), _buffer("b", 8)
    scratch = Buffer("scratch", 64, base=a, shift=-32)
    step = _step([a], b, function="td_fully_connected")
    step.params = {"batches": 1}
    step.scratch.append(scratch)
    plan = Plan([step], [a], [b])
    place(plan)
    assert plan.arena_bytes == plan.lower_bound == 64 + 8
    assert a.address == scratch.address + 32
    plan_checker.check(plan)


def test_another_name_keeps_its_memory_alive() -> None:
    a, b, c, d = (_buffer(name, 32) for name in "abcd")
    alias = _buffer("alias", 32, base=b)  # a reshape without a step
    plan = Plan([_step([a], b), _step([a], c), _step([alias, c], d)], [a], [d])
    place(plan)
    assert plan.arena_bytes == 96
    plan_checker.check(plan)


def test_memory_map_shows_every_buffer() -> None:
    plan = _chain(8, 16, 24)
    place(plan)
    drawn = memory_map(plan)
    assert [(b.size, b.first_op, b.last_op) for b in drawn.buffers] == [
        (8, 0, 0), (16, 0, 1), (24, 1, 1),
    ]  # fmt: skip


def test_the_checker_finds_an_overlap() -> None:
    plan = _chain(16, 16)
    place(plan)
    plan.outputs[0].offset = plan.inputs[0].offset
    with pytest.raises(AssertionError):
        plan_checker.check(plan)


def test_the_checker_finds_what_is_gone() -> None:
    a, b, c = (_buffer(name, 16) for name in "abc")
    plan = Plan([_step([a], b), _step([b], c), _step([a, c], _buffer("d", 16))], [a], [c])
    place(plan)
    c.offset = a.offset
    with pytest.raises(AssertionError):
        plan_checker.check(plan)
