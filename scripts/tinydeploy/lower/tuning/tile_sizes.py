"""How much a kernel takes at a time: pixels gathered, or pairs of lines held, in its scratch.

More is faster and takes more RAM. The best for a layer shape stands in tuned.json, which
`tinydeploy tune` measures; for other shapes there are rules. The weights are the same in all cases,
so no goal costs flash.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.abi.layout import Numbers
from tinydeploy.lower.packing import conv_weights
from tinydeploy.lower.plan.ir import Number

TABLE = Path(__file__).with_name("tuned.json")
BATCHES = tuple(range(2, conv_weights.MAX_BATCH + 1, 2))
BANDS = (1, 2, 3, 4, 6, 8, 12)
_FAST_BAND = 8
_NOT_SHAPE = ("batch", "band", "input_zero_point")

Table = Mapping[str, Mapping[str, Sequence[int]]]


@dataclass(frozen=True)
class Tile:
    """What can be chosen for a call of a kernel.

    Attributes:
        key: of the layer shape in the table.
        field: of the params struct: "batch" or "band".
        value: by the kernel's own rule.
        unit_bytes: scratch that each one more takes.
        candidates: in ascending order.
    """

    key: str
    field: str
    value: int
    unit_bytes: int
    candidates: tuple[int, ...]

    def rule(self, goal: str) -> int:
        """The choice for a shape that was not measured."""
        if goal == "size":
            return self.candidates[0]
        if goal == "speed":
            limit = _FAST_BAND if self.field == "band" else conv_weights.MAX_BATCH
            return max(self.value, *(n for n in self.candidates if n <= limit))
        return self.value


def tile_of(function: str, params: Mapping[str, Number], inner: Sequence[str]) -> Tile | None:
    """The choice that a kernel leaves; None if it leaves none."""
    shape = " ".join(str(value) for name, value in params.items() if name not in _NOT_SHAPE)
    key = " ".join([function, shape, *inner])
    if function == "td_depthwise":
        stride = int(params["stride"])
        column_bytes = 16 * ((int(params["out_width"]) - 1) * stride + 3)
        most = -(-int(params["out_height"]) // 2)
        bands = tuple(sorted({*(n for n in BANDS if n < most), min(most, BANDS[-1])}))
        return Tile(key, "band", int(params["band"]), column_bytes * stride, bands)
    if function not in ("td_conv", "td_pointwise"):
        return None
    if function == "td_conv":
        interleaved = params["copies_rows"] == conv_weights.INTERLEAVED
        rows = 1 if interleaved else int(params["kernel_height"])
        steps = 2 * rows * int(params["row_words"])
    else:
        steps = conv_weights.conv_steps(1, 1, int(params["in_channels"]))
    return Tile(key, "batch", int(params["batch"]), 4 * steps, BATCHES)


def fit(
    function: str, params: Numbers, scratch_bytes: int, inner: Sequence[str], goal: str
) -> tuple[Numbers, int]:
    """Params and size of scratch for a goal, from those by the kernel's own rule."""
    tile = tile_of(function, params, inner)
    if tile is None:
        return params, scratch_bytes
    entry = table().get(tile.key, {}).get(goal)
    chosen = tile.rule(goal) if entry is None else entry[0]
    fitted = {**params, tile.field: chosen}
    return fitted, scratch_bytes + (chosen - tile.value) * tile.unit_bytes


@functools.cache
def table() -> Table:
    """Key -> goal -> [choice, cycles, bytes of scratch], as `tinydeploy tune` found them."""
    if not TABLE.is_file():
        return {}
    found: Table = json.loads(TABLE.read_text(encoding="utf-8"))
    return found
