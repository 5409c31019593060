"""What the simulated core has room for: more than the boards, for sizes at the kernels' limits.

Cases are drawn to fit, so that whatever an engine refuses for lack of room is a finding.
"""

from __future__ import annotations

MODEL_BYTES = 3 << 20
CONSTANT_BYTES = 540_000  # the file also has scales and zero points, 12 bytes a channel
INPUT_BYTES = 192 << 10  # of all inferences
OUTPUT_BYTES = 512 << 10
ARENA_BYTES = 1 << 20
