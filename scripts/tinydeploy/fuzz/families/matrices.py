"""Matrix products and lookups of rows."""

from __future__ import annotations

from tinydeploy.fuzz.draw import Draw, Types
from tinydeploy.fuzz.families.windows import bias, spread, weights
from tinydeploy.graph.ir import Type, per_tensor


def fully_connected(draw: Draw, code: str, types: Types) -> None:
    """FULLY_CONNECTED over the last axis."""
    x = draw.source(types.data, (2, 2, 2, 3, 4), most=draw.pick((4, 8, 40)))
    if draw.edge_of("batches", "depth") is not None:
        rows = draw.size("batches", 1, 2)
        x = draw.source(types.data, shape=(rows, draw.size("depth", 1, 3)))
    depth, units = x.shape[-1], draw.size("units", 1, 16)
    factors = weights(draw, (units, depth), types.weights, 0)
    if types.data is types.weights is Type.INT8 and draw.chance(0.08):  # as old converters have it
        assert factors.quantization is not None
        factors.quantization = per_tensor(factors.quantization.scale, draw.integer(-128, 127))
    shape = (*x.shape[:-1], units)
    draw.result(
        code, [x, factors, bias(draw, units, x, factors)], shape, types.result,
        spread(draw, x, factors, depth, types.result), keep_num_dims=len(shape) > 2,
        fused_activation_function=draw.activation(types.data),
    )  # fmt: skip


def batch_matmul(draw: Draw, code: str, types: Types) -> None:
    """BATCH_MATMUL of two activations, or with constant factors, each may be transposed."""
    left = draw.source(types.data, (2, 3, 4))
    adj_x, adj_y = draw.chance(0.3), draw.chance(0.3)
    rows, depth = left.shape[-2:] if not adj_x else left.shape[:-3:-1]
    columns = draw.integer(1, 7)
    batch = [1 if draw.chance(0.2) else n for n in left.shape[:-2]]
    shape = (*batch, *((columns, depth) if adj_y else (depth, columns)))
    right = draw.source(types.weights, shape=shape)
    draw.result(
        code, [left, right], (*left.shape[:-2], rows, columns), types.result,
        spread(draw, left, right, depth, types.result), adj_x=adj_x, adj_y=adj_y,
    )  # fmt: skip


def embedding_lookup(draw: Draw, code: str, types: Types) -> None:
    """EMBEDDING_LOOKUP: rows of a constant table, which becomes floats if it is symmetric."""
    shape = draw.shape(draw.pick((2, 3)))
    quantization = draw.quantization(types.weights)
    if quantization is not None and types.result is Type.FLOAT32:
        quantization = per_tensor(quantization.scale, 0)
    table = draw.build.constant(draw.values(shape, types.weights), types.weights, quantization)
    count = draw.integer(1, 6)
    rows = draw.numbers(draw.rng.integers(0, shape[0], count))
    same = quantization if types.result is not Type.FLOAT32 else None
    draw.result(code, [rows, table], (count, *shape[1:]), types.result, same)


GENERATORS = {
    "BATCH_MATMUL": batch_matmul,
    "EMBEDDING_LOOKUP": embedding_lookup,
    "FULLY_CONNECTED": fully_connected,
}
