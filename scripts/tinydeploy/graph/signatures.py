"""The functions of a model that has several: TFLM runs the first subgraph and no other."""

from __future__ import annotations

from tinydeploy.errors import UsageError
from tinydeploy.graph import read_tflite, write_tflite
from tinydeploy.graph.ir import Model, Op


def chosen(data: bytes, wanted: str | None, name: str) -> bytes:
    """The .tflite with the function `wanted` as the one that runs.

    Args:
        wanted: key of a signature; None for a model of one function.
        name: of the file, for messages.

    Raises:
        UsageError: no such signature, or several and none was chosen.
        ModelFileError: the file cannot be read.
    """
    model = read_tflite.load(data, name)
    subgraphs = {signature.key: signature.subgraph for signature in model.signatures}
    if wanted is None:
        if len(set(subgraphs.values())) > 1:
            raise UsageError(
                f"{name} has several signatures: {', '.join(sorted(subgraphs))}",
                f"choose one, for example --signature {min(subgraphs)}",
            )
        return data
    if wanted not in subgraphs:
        raise UsageError(
            f"{name} has no signature {wanted!r}",
            f"signatures are: {', '.join(sorted(subgraphs)) or 'none, leave --signature out'}",
        )
    return write_tflite.dump(_first(model, subgraphs[wanted])) if subgraphs[wanted] else data


def _first(model: Model, subgraph: int) -> Model:
    """Subgraph number `subgraph` and those that it calls, in that order."""
    order = [subgraph]
    for index in order:  # which grows
        for op in model.subgraphs[index].ops:
            order += sorted({op.options[key] for key in _keys(op)} - set(order))
    number = {old: new for new, old in enumerate(order)}
    for index in order:
        for op in model.subgraphs[index].ops:
            op.options |= {key: number[op.options[key]] for key in _keys(op)}
    kept = [signature for signature in model.signatures if signature.subgraph == subgraph]
    for signature in kept:
        signature.subgraph = 0
    return Model(
        [model.subgraphs[index] for index in order], model.description, model.metadata, kept
    )


def _keys(op: Op) -> list[str]:
    return [key for key in op.options if key == "subgraph" or key.endswith("subgraph_index")]
