"""How a model is made into firmware, as one value from the command line to the compiler."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinydeploy.errors import UsageError
from tinydeploy.lower.compile_options import Choices
from tinydeploy.stages.flavour import Flavour

TOOLCHAINS = ("zig", "gcc")


@dataclass(frozen=True)
class BuildOptions:
    """What is built of a model, for whichever board.

    Attributes:
        engine: "compiled", "interpreter", or "auto": compiled where every operator can be; of a
            program folder, what it holds.
        choices: of the compiled engine.
        toolchain: one of TOOLCHAINS.
        flavour: what the firmware does with its model.
        link: "usb", "uart" or "both" for a board that has both; "": what the environment says, or
            platformio.ini.
        push_key: 32 bytes that a push will need, see `stages.push_key`; None: anybody may push.

    Raises:
        UsageError: a push key without hot swap.
    """

    engine: str = "auto"
    choices: Choices = Choices()  # noqa: RUF009 - frozen
    toolchain: str = "zig"
    flavour: Flavour = Flavour.PLAIN
    link: str = ""
    push_key: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.push_key is not None and self.flavour is not Flavour.HOT_SWAP:
            raise UsageError("a push key does nothing without hot swap", "add --hot-swap")


DEFAULT = BuildOptions()
