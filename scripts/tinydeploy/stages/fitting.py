"""Where a model does not fit as it was asked for, `--engine auto` takes what does, and says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tinydeploy.errors import ModelTooLargeError
from tinydeploy.lower.compile_options import AUTO, OFF, Choices
from tinydeploy.lower.lowering import NotCompilableError

T = TypeVar("T")


@dataclass(frozen=True)
class Attempt:
    """A way to make an image; `option` as on the command line, "" for what was asked for."""

    engine: str
    choices: Choices
    option: str = ""


def attempts(engine: str, choices: Choices) -> list[Attempt]:
    """What to try, in this order: what was asked for, RAM for time, flash for time, no plan."""
    asked = Attempt(engine, choices)
    if engine != "auto":
        return [asked]
    found = [asked]
    if choices.patch == OFF:
        found.append(Attempt("compiled", replace(choices, patch=AUTO), "--patch auto"))
    if choices.optimize != "size":
        small = replace(choices, optimize="size")
        found.append(Attempt("compiled", small, "--optimize size"))
        if choices.patch == OFF:
            both = replace(small, patch=AUTO)
            found.append(Attempt("compiled", both, "--optimize size --patch auto"))
    return [*found, Attempt("interpreter", choices, "--engine interpreter")]


def first_that_fits(tried: Sequence[Attempt], make: Callable[[Attempt], T]) -> tuple[T, str]:
    """What `make` makes of the first attempt that fits, and which that is if not the first.

    Raises:
        ModelTooLargeError: of the first attempt; none fits.
        others: what `make` raises for the first.
    """
    failed: ModelTooLargeError | None = None
    for attempt in tried:
        try:
            made = make(attempt)
        except ModelTooLargeError as error:
            failed = failed or error
        except NotCompilableError:
            if failed is None:
                raise
        else:
            note = f"{failed.message}: taken with `{attempt.option}`, which fits" if failed else ""
            return made, note
    assert failed is not None
    raise failed
