"""What the user may choose of how a model is compiled."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.errors import UsageError

GOALS = ("speed", "balanced", "size")
BALANCED = "balanced"
AUTO, OFF = "auto", "off"


@dataclass(frozen=True)
class Choices:
    """Options of the compiled engine.

    Attributes:
        optimize: "speed" takes RAM for it, "size" saves RAM and flash, "balanced" is between.
        patch: run the first operators in bands of rows: "off", "auto" (only if the model does not
            fit otherwise), or the number of bands.
    """

    optimize: str = BALANCED
    patch: str = OFF

    def __post_init__(self) -> None:
        if self.optimize not in GOALS:
            raise UsageError(f"--optimize {self.optimize}", f"it is one of {', '.join(GOALS)}")
        if self.patch not in (AUTO, OFF) and (not self.patch.isdigit() or int(self.patch) < 2):
            raise UsageError(f"--patch {self.patch}", "it is auto, off, or a number from 2 on")

    @property
    def text(self) -> str:
        """As on the command line; "" for the defaults."""
        default = Choices()
        words = [] if self.optimize == default.optimize else [f"--optimize {self.optimize}"]
        words += [] if self.patch == default.patch else [f"--patch {self.patch}"]
        return " ".join(words)
