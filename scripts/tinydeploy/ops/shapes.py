"""Output shapes that follow from an operator's inputs and options.

A converter writes the shapes into the file; where they are not what the operator computes, the
model is damaged or was cut by hand, and the device would refuse it.
"""

from __future__ import annotations

from tinydeploy.graph.ir import Op
from tinydeploy.ops.declared import operator_of
from tinydeploy.ops.operator import Shape


def expected_shape(op: Op) -> Shape | None:
    """Shape of the first output; None where it is not known before it runs.

    Raises:
        ValueError: inputs or options that the operator cannot take; the text says which.
    """
    rule = operator_of(op).shape
    if rule is None:
        return None
    try:
        return rule(op)
    except (IndexError, KeyError, AttributeError, ZeroDivisionError):
        raise ValueError("has inputs of an odd number or rank") from None


def shape_problem(op: Op) -> str:
    """What is wrong with the shapes of `op`, "" if nothing is."""
    try:
        expected = expected_shape(op)
    except ValueError as error:
        return str(error)
    actual = op.outputs[0].shape if op.outputs else None
    if expected is None or expected == actual:
        return ""
    return f"gives the shape {list(expected)}, the file says {list(actual or ())}"
