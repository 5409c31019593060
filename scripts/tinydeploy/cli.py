"""The command line: parser, help by groups, errors, exit codes; what commands do is in `commands`.

Exit codes: 0 done; 1 internal error; 2 to 9 as drawn in `tinydeploy.errors`; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from tinydeploy import __version__, interrupts
from tinydeploy.commands import combinations, common
from tinydeploy.errors import FlashError, TinyDeployError, UsageError, of_program, of_system
from tinydeploy.ui import Ui
from tinydeploy.words import did_you_mean

INTERRUPTED = 130
MODEL_SUFFIXES = (".tflite", ".keras")


# The commands by what they are for, as `--help` shows them; each is a module of `commands`.
GROUPS = {
    "a model onto a board": ("deploy", "build", "flash", "verify", "simulate"),
    "models": ("inspect", "convert", "compile", "train", "evaluate", "models"),
    "a device that runs": ("push", "status", "boards", "doctor"),
    "measuring": ("bench", "mlperf", "trade", "patches", "tune", "estimates"),
    "trust": ("ops", "fuzz", "power-cuts"),
    "this command line": ("completion",),
}
_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line like every other error of a user."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise UsageError instead of printing the whole usage."""
        hint = f"`{self.prog} --help` shows the options"
        if match := _CHOICE.search(message):
            known = [word.strip(" '") for word in match[2].split(",")]
            hint = did_you_mean(match[1], known, hint)
        raise UsageError(message, hint)

    def format_help(self) -> str:
        """As argparse does; the commands by what they are for."""
        commands = _commands_of(self)
        if self._defaults:  # a command
            return super().format_help()
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, [*self._optionals._group_actions], [])
        formatter.add_text(self.description)
        text = formatter.format_help().replace("\n\n", " COMMAND ...\n\n", 1)
        return (
            text
            + "".join(self._group_help(*group, commands) for group in GROUPS.items())
            + (f"\n`{self.prog} COMMAND --help` shows the options of one.\n\n{self.epilog}\n")
        )

    def _group_help(
        self, title: str, names: Sequence[str], commands: dict[str, argparse.ArgumentParser]
    ) -> str:
        formatter = self._get_formatter()
        formatter.start_section(title)
        shown = [argparse.Action([], name, help=commands[name].description) for name in names]
        for action in shown:
            action.metavar = action.dest
            formatter.add_argument(action)
        formatter.end_section()
        return "\n" + formatter.format_help()

    def parse_args(self, *arguments: Any) -> Any:  # type: ignore[override]
        """As argparse does, with a hint for a model where it is an option."""
        options, rest = self.parse_known_args(*arguments)
        if not rest:
            return options
        hint = f"`{self.prog} {options.command} --help` shows the options"
        hint = did_you_mean(rest[0].split("=")[0], _option_names(options.parser), hint)
        if hasattr(options, "model") and Path(rest[0]).suffix in MODEL_SUFFIXES:
            hint = f"name the model with an option: --model {rest[0]}"
        raise UsageError(f"unrecognized arguments: {' '.join(rest)}", hint)


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = Parser(
        prog="tinydeploy",
        description="From a Keras model to a microcontroller that provably computes the same.",
        epilog="exit codes: 0 done, 2 usage, 3 model, 4 set-up, 5 build, 6 device, 7 parity, "
        "8 flashing, 9 training, 130 interrupted",
    )
    parser.add_argument("--version", action="version", version=f"tinydeploy {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in chain(*GROUPS.values()):
        import_module(f"tinydeploy.commands.{name.replace('-', '_')}").add(commands)
    return parser


def command_names(parser: argparse.ArgumentParser) -> list[str]:
    """Of all commands."""
    return list(_commands_of(parser))


def _commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Commands by name; argparse has no public way to ask."""
    actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(actions[0].choices) if actions else {}


def _option_names(parser: argparse.ArgumentParser) -> list[str]:
    return [name for action in parser._actions for name in action.option_strings]


def _wants_json(options: argparse.Namespace) -> bool:
    """Whether standard output is for JSON alone."""
    return getattr(options, "json", None) in (True, common.STDOUT)


def error_json(error: TinyDeployError) -> str:
    """An error for readers of a result's JSON: {"error": {"kind", "message", ...}}."""
    said = {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
    return json.dumps({"error": {**said, "exit_code": error.exit_code}}, indent=2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    ui = Ui()
    options = argparse.Namespace()
    try:
        options = make_parser().parse_args(arguments)
        ui.quiet = getattr(options, "quiet", False) or _wants_json(options)
        combinations.check(options)
        code = int(options.run(options, ui) or 0)
        return INTERRUPTED if interrupts.requested() else code
    except TinyDeployError as error:
        return _failed(error, ui, as_json=_wants_json(options))
    except KeyboardInterrupt:
        return _interrupted(ui)
    except BrokenPipeError:  # `| head`: the reader has had enough
        sys.stderr.close()
        return INTERRUPTED if interrupts.requested() else 0
    except Exception as error:  # libraries have classes of their own for a full disk
        refused = of_system(error) if isinstance(error, OSError) else of_program(str(error))
        if refused is None:
            raise
        return _failed(refused, ui, as_json=_wants_json(options))


def _failed(error: TinyDeployError, ui: Ui, *, as_json: bool) -> int:
    """What fails once the end is wanted fails for that; a board half flashed is told anyway."""
    if not interrupts.requested():
        ui.error(error)
        if as_json:
            with suppress(OSError):  # standard output may be what is full
                print(error_json(error))
        return error.exit_code
    if isinstance(error, FlashError):
        ui.error(error)
    return _interrupted(ui)


def _interrupted(ui: Ui) -> int:
    ui.warn("interrupted; what was finished is kept")
    return INTERRUPTED
