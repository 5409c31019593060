"""Checks a placed plan from scratch: follows what every byte of the arena holds, step by step."""

from __future__ import annotations

from tinydeploy.lower.plan.ir import Buffer, Constant, Plan, Step

_LINES = ("td_depthwise_line", "td_depthwise_short")

# Kernels that may write over an input that starts where the output starts.
ELEMENTWISE = {
    "td_add", "td_add_terms", "td_lookup", "td_maximum", "td_minimum", "td_multiply", "td_softmax",
    "td_add16", "td_subtract16", "td_multiply16", "td_softmax16", "td_mean16",
    "td_average_pool16", "td_max_pool16",
}  # fmt: skip


def check(plan: Plan) -> None:
    """Raise AssertionError if a step would read what is not there any more."""
    held: dict[int, tuple[Buffer, int]] = {}  # address -> (buffer, index of its byte)
    for buffer in (*plan.inputs, *plan.kept):
        _write(plan, held, buffer)
    written = {*plan.inputs, *plan.kept, *(buffer for step in plan.steps for buffer in step.writes)}
    for number, step in enumerate(plan.steps):
        for buffer in step.reads:
            _expect(held, _origin(buffer, written), f"step {number} ({step.function})")
        for scratch in step.scratch:
            _inside(plan, scratch)
            assert not any(_overlap(scratch, output) for output in step.writes), "scratch in output"
            _check_scratch(step, scratch)
        for output in step.writes:
            for given in step.reads:
                assert not _overlap(output, given) or _may_overlap(step, given, output), step.title
            _write(plan, held, output)
        for scratch in step.scratch:
            for address in range(scratch.address, scratch.address + scratch.size):
                held.pop(address, None)
    for buffer in plan.outputs:
        _expect(held, _origin(buffer, written), "output")


def _origin(buffer: Buffer, written: set[Buffer]) -> Buffer:
    """The buffer whose bytes an alias shows."""
    while buffer not in written and buffer.base is not None:
        assert buffer.shift == 0
        buffer = buffer.base
    return buffer


def _write(plan: Plan, held: dict[int, tuple[Buffer, int]], buffer: Buffer) -> None:
    _inside(plan, buffer)
    for index in range(buffer.size):
        held[buffer.address + index] = (buffer, index)


def _expect(held: dict[int, tuple[Buffer, int]], buffer: Buffer, where: str) -> None:
    for index in range(buffer.size):
        found = held.get(buffer.address + index)
        assert found == (buffer, index), f"{where}: byte {index} of {buffer.name} is gone"


def _inside(plan: Plan, buffer: Buffer) -> None:
    assert 0 <= buffer.address <= buffer.address + buffer.size <= plan.arena_bytes, buffer.name
    if buffer.tensor is None:
        assert buffer.address % 4 == 0, "scratch is not aligned"


def _overlap(a: Buffer, b: Buffer) -> bool:
    return a.address < b.address + b.size and b.address < a.address + a.size


def _check_scratch(step: Step, scratch: Buffer) -> None:
    """Scratch over an input: only where td_widen reads ahead of what it writes."""
    for given in step.reads:
        if _overlap(scratch, given):
            assert step.function == "td_fully_connected"
            assert step.params["batches"] == 1
            words = -(-given.size // 4)
            assert given.address == scratch.address + scratch.size - 4 * words


def _may_overlap(step: Step, given: Buffer, output: Buffer) -> bool:
    params = step.params
    if step.function in ELEMENTWISE:
        return given.address == output.address and given.size == output.size
    if step.function == "td_pointwise":
        narrower = params["out_channels"] <= params["in_channels"]  # type: ignore[operator]
        return given.address == output.address and bool(narrower)
    if step.function in ("td_depthwise", "td_depthwise_any", *_LINES):
        return given.address == output.address and given.size == output.size
    if step.function == "td_conv_general":  # some channels of what another kernel has written
        return given is output
    if step.function == "td_conv":
        return (
            given.address == output.address
            and params["copies_rows"] == 1
            and output.size <= given.size
        )
    return False


def constants(plan: Plan) -> list[Constant]:
    """All constant arrays of a plan."""
    return [a for step in plan.steps for a in step.arguments if isinstance(a, Constant)]
