"""Options that would do nothing beside others are refused, not ignored."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from tinydeploy.errors import UsageError

Options = argparse.Namespace

MODEL = ("model", "variant", "retrain", "trained", "seed")
CONVERSION = ("representative", "signature", "custom_objects")
ENGINE = ("engine", "optimize", "patch")


@dataclass(frozen=True)
class Rule:
    """With `words` on the command line (`when`), the options `unused` of these commands do nothing.

    Attributes:
        hint: what to do, beside leaving one of them out.
    """

    commands: tuple[str, ...]
    words: str
    when: Callable[[Options], bool]
    unused: tuple[str, ...]
    hint: str = "leave one of them out"


def _no_port(options: Options) -> bool:
    return options.target in ("auto", "simulator", "host", "renode")


def _not_simulated(options: Options) -> bool:
    return options.board == "host" or options.target not in ("auto", "simulator")


RULES = (
    Rule(
        ("deploy", "build", "verify", "compile", "simulate", "mlperf", "evaluate"),
        "the interpreter engine",
        lambda o: o.engine == "interpreter",
        ("optimize", "patch"),
        "take --engine compiled, or leave it out",
    ),
    Rule(
        ("deploy", "build", "simulate"),
        "no --hot-swap",
        lambda o: not o.hot_swap,
        ("key",),
        "add --hot-swap",
    ),
    Rule(("deploy", "build", "simulate"), "--hot-swap", lambda o: o.hot_swap, ENGINE[1:]),
    Rule(
        ("deploy",),
        "--count",
        lambda o: o.count > 1,
        ("hot_swap", "key", "wait_states", "usb", "link_port"),
    ),
    Rule(
        ("deploy", "verify", "push", "status"),
        "a target that is no port",
        _no_port,
        ("link_port", "flash_tool"),
        "name the port with --target",
    ),
    Rule(
        ("deploy", "verify", "push", "status"),
        "a target that is no simulator",
        _not_simulated,
        ("modelled_baud",),
    ),
    Rule(
        ("build", "simulate"),
        "another --mode than mlperf",
        lambda o: o.mode != "mlperf",
        ("benchmark",),
        "add --mode mlperf",
    ),
    Rule(("verify",), "no --explain", lambda o: not o.explain, ("vector",), "add --explain"),
    Rule(("verify",), "--explain", lambda o: o.explain, ("link_vectors",)),
    Rule(
        ("simulate",),
        "--elf",
        lambda o: o.elf is not None,
        (*MODEL, *CONVERSION, *ENGINE, "toolchain", "hot_swap", "benchmark"),
    ),
    Rule(("simulate",), "--bootloader", lambda o: o.bootloader, ("mode",)),
    Rule(("simulate",), "--usb", lambda o: o.usb, ("mode",)),
    Rule(
        ("push",),
        "--rollback",
        lambda o: o.rollback,
        ("variant", "trained", *CONVERSION, "vectors", "data", "seed", "key"),
    ),
    Rule(
        ("evaluate",),
        "TFLM on this PC",
        lambda o: o.target == "tflm",
        ("board", *ENGINE, "toolchain"),
        "add --target simulator",
    ),
    Rule(
        ("evaluate",),
        "recordings heard alone and without noise",
        lambda o: not o.after_speech and o.noise_db is None,
        ("seed",),
        "add --after-speech or --noise-db",
    ),
    Rule(("mlperf",), "--mode accuracy", lambda o: o.mode == "accuracy", ("seconds", "windows")),
    Rule(
        ("train",),
        "--words, whose model is not the recipe's",
        lambda o: o.words is not None,
        ("update",),
        "deploy it with --trained",
    ),
    Rule(
        ("convert",),
        "--quantize float",
        lambda o: o.quantize == "float",
        ("representative",),
    ),
    Rule(("doctor",), "--fix", lambda o: o.fix, ("json",)),
    Rule(
        ("fuzz",),
        "--case",
        lambda o: getattr(o, "case", None) is not None,
        ("minutes", "cases"),
    ),
)


def check(options: Options) -> None:
    """Refuse what would be ignored.

    Raises:
        UsageError: an option does nothing beside another.
    """
    for rule in RULES:
        if options.command not in rule.commands or not rule.when(options):
            continue
        given = [name for name in rule.unused if _is_given(options, name)]
        if given:
            raise UsageError(f"{_shown(given[0])} does nothing with {rule.words}", rule.hint)


def _is_given(options: Options, name: str) -> bool:
    default = options.parser.get_default(name)
    return bool(getattr(options, name, default) != default)


def _shown(name: str) -> str:
    return f"--{name.replace('_', '-')}"
