"""`--engine auto` takes what fits, in a fixed order, and says what and why."""

from __future__ import annotations

import pytest
from tinydeploy.errors import ModelTooLargeError
from tinydeploy.lower.compile_options import Choices
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.stages import fitting
from tinydeploy.stages.fitting import Attempt


def too_large(size: int) -> ModelTooLargeError:
    return ModelTooLargeError(f"the RAM overflows by {size} bytes", "smaller")


def test_only_what_was_asked_for_with_an_engine_by_name() -> None:
    for engine in ("compiled", "interpreter"):
        assert fitting.attempts(engine, Choices()) == [Attempt(engine, Choices())]


def test_the_order_of_auto() -> None:
    options = [each.option for each in fitting.attempts("auto", Choices())]
    both = "--optimize size --patch auto"
    assert options == ["", "--patch auto", "--optimize size", both, "--engine interpreter"]
    chosen = [each.option for each in fitting.attempts("auto", Choices("size", "4"))]
    assert chosen == ["", "--engine interpreter"]


def test_what_fits_at_once_is_not_talked_about() -> None:
    tried = fitting.attempts("auto", Choices())
    assert fitting.first_that_fits(tried, lambda attempt: attempt.engine) == ("auto", "")


def test_the_first_that_fits_is_taken_and_named() -> None:
    def make(attempt: Attempt) -> str:
        if attempt.choices.patch == "off":
            raise too_large(100)
        return attempt.engine

    made, note = fitting.first_that_fits(fitting.attempts("auto", Choices()), make)
    assert made == "compiled"
    assert note == "the RAM overflows by 100 bytes: taken with `--patch auto`, which fits"


def test_a_model_without_a_plan_has_one_way_less() -> None:
    def make(attempt: Attempt) -> str:
        if attempt.engine == "compiled":
            raise NotCompilableError("IF runs other subgraphs")
        raise too_large(len(attempt.option))

    with pytest.raises(ModelTooLargeError, match="by 0 bytes"):
        fitting.first_that_fits(fitting.attempts("auto", Choices()), make)


def test_other_errors_of_the_first_attempt_pass() -> None:
    def make(attempt: Attempt) -> str:
        raise NotCompilableError("no kernel")

    with pytest.raises(NotCompilableError):
        fitting.first_that_fits([Attempt("compiled", Choices())], make)
