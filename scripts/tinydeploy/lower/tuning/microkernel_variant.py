"""Which body of an inner loop the steps of a plan share: unrolled, or compact.

The two are equal to the last bit. Compact costs a sixth more cycles and saves up to 952 bytes of
flash.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinydeploy.lower.plan.ir import Step

BODIES = tuple(
    f"td_dot_{kind}_{mode}" for kind in ("pairs", "one") for mode in ("positive", "signed")
)
COMPACT = "_compact"
_SMALL_SHARE = 1 / 1024  # of the multiply-accumulates: the head of a network


def choose(steps: Sequence[Step], goal: str) -> None:
    """Take the compact body where it costs little, or wherever there is one.

    Args:
        goal: "balanced": where few multiply-accumulates run in it; "size": always; else never.
    """
    work = sum(step.macs for step in steps)
    for body in BODIES:
        users = [step for step in steps if body in step.arguments]
        small = sum(step.macs for step in users) <= work * _SMALL_SHARE
        if goal == "size" or (goal == "balanced" and small):
            for step in users:
                step.arguments[step.arguments.index(body)] = body + COMPACT
