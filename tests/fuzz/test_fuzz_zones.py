"""Red zones in compiled plans: steps that go one byte too far, in either direction, are named."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from tinydeploy.fuzz import cases, plans, zones
from tinydeploy.fuzz.cases import Case
from tinydeploy.fuzz.engines import Compiled
from tinydeploy.fuzz.judging import JudgeProcess
from tinydeploy.fuzz.resident import HostPlans
from tinydeploy.fuzz.runner import RunnerCrashError
from tinydeploy.lower.memory.planner import lifetimes
from tinydeploy.lower.plan.ir import Buffer, Constant, Plan, Pointer

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ for the sanitizer")
# One of firmware/dsp, one of the interpreter.
SUBJECTS = ("FULLY_CONNECTED int8 x int8", "SUM int8")


def _case(subject: str) -> Case:
    return cases.make(3, 0, [subject])


@pytest.fixture(scope="module")
def machine() -> Iterator[HostPlans]:
    made = HostPlans(in_zones=True)
    yield made
    made.close()


def _run(machine: HostPlans, plan: Plan, case: Case) -> bytes:
    machine.load([plan])
    return plans.run(machine, 0, plan, case.inputs)


def _output(plan: Plan) -> Buffer:
    (buffer,) = plan.steps[-1].writes
    return buffer


def _at(plan: Plan, address: int) -> None:
    """Let the last step write its output to somewhere else, as a wrong kernel would."""
    step = plan.steps[-1]
    places = enumerate(step.arguments)
    last, pointer = [
        (place, each)
        for place, each in places
        if isinstance(each, Pointer) and each.buffer is _output(plan)
    ][-1]
    step.arguments[last] = f"reinterpret_cast<{pointer.ctype}*>(arena + {address})"


def _before(plan: Plan) -> None:
    _at(plan, _output(plan).address - 1)


def _behind(plan: Plan) -> None:
    _at(plan, _output(plan).address + 1)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_sound_plan_answers_as_ever(machine: HostPlans, subject: str) -> None:
    case, judge = _case(subject), JudgeProcess()
    expected = judge.run(case)
    judge.close()
    assert expected is not None
    plan = zones.apart(plans.plan_of(case.data))
    answers = b"".join(array.tobytes() for run in expected for array in run)
    assert _run(machine, plan, case) == answers


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize(("spoil", "byte"), [(_before, -1), (_behind, 0)])
def test_a_byte_beside_the_output_is_named(
    machine: HostPlans, subject: str, spoil: Callable[[Plan], None], byte: int
) -> None:
    case = _case(subject)
    plan = zones.apart(plans.plan_of(case.data))
    spoil(plan)
    output = _output(plan)
    at = byte if byte < 0 else output.size
    where = f"byte {at} of {output.name}, which has {output.size}"
    name = subject.split()[0]
    with pytest.raises(RunnerCrashError, match=rf"step \d+, {name} \(.+\): {where}"):
        _run(machine, plan, case)


def test_a_constant_that_is_too_short_is_named(machine: HostPlans) -> None:
    case = _case(SUBJECTS[0])
    plan = zones.apart(plans.plan_of(case.data))
    step = plan.steps[0]
    step.arguments = [
        replace(each, values=each.values[:-1]) if isinstance(each, Constant) else each
        for each in step.arguments
    ]
    with pytest.raises(RunnerCrashError, match=r"step \d+, FULLY_CONNECTED") as error:
        _run(machine, plan, case)
    assert "global-buffer-overflow" in error.value.message


def test_what_may_be_read_past_an_input_may_not_be_written(machine: HostPlans) -> None:
    case = cases.make(3, 0, ["ABS float32"])
    plan = zones.apart(plans.plan_of(case.data))
    space = plans.arena_of(plan, case.inputs[0])
    zones.require_gaps(plan, space.tobytes())
    (given,) = plan.inputs
    space[given.address + given.size] ^= 1
    where = f"byte {given.size} of {given.name}, which has {given.size}"
    with pytest.raises(RunnerCrashError, match=f"wrote between its buffers: {where}"):
        zones.require_gaps(plan, space.tobytes())


def test_the_engine_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a campaign would show of a kernel that writes one byte more than the plan says."""
    case = _case(SUBJECTS[1])
    plan = plans.plan_of(case.data)
    _output(plan).size -= 1
    monkeypatch.setattr(plans, "plan_of", lambda data: plan)
    engine = Compiled("host")
    (outcome,) = engine.run([replace(case, data=case.data + b"\0")])  # not what is kept of it
    engine.close()
    size = _output(plan).size
    assert f"byte {size} of {_output(plan).name}, which has {size}" in outcome.crash


def test_buffers_lie_apart_and_what_lies_in_one_another_stays() -> None:
    case = cases.make(62, 5, [cases.GRAPH])
    plan = plans.plan_of(case.data)
    moved = zones.apart(plan)
    before, after = list(lifetimes(plan)), list(lifetimes(moved))
    assert len(before) == len(after) > 4
    roots = sorted({buffer.root for buffer in after}, key=lambda buffer: buffer.address)
    inside = {root: [b for b in after if b.root is root] for root in roots}
    ends = [(min(b.address for b in all_), max(b.address + b.size for b in all_))
            for all_ in inside.values()]  # fmt: skip
    assert ends[0][0] >= zones.GAP_BYTES
    assert ends[-1][1] + zones.GAP_BYTES <= moved.arena_bytes
    for (_, end), (start, _) in pairwise(ends):
        assert start - end >= zones.GAP_BYTES
    for old, new in zip(before, after, strict=True):
        assert old.address_in_root == new.address_in_root
        assert old is not new
        assert old.tensor is new.tensor
