"""Options that several commands share."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydeploy import boards
from tinydeploy.config import BUILD_DIR
from tinydeploy.errors import TinyDeployError, UsageError
from tinydeploy.lower.compile_options import GOALS, OFF, Choices
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from tinydeploy.stages.build import Image

Run = Callable[[argparse.Namespace, Ui], int | None]
Commands = Any  # argparse's private type of `add_subparsers`

DEFAULT_MODEL = "kws"
LINK = "link"  # the mode of the plain firmware
MODAL = ("build", "simulate")  # commands whose --mode is that of a firmware
MODEL_HELP = "a model of ours, or a .tflite, .keras, .h5, SavedModel, or C source with a model"


def add(commands: Commands, name: str, run: Run, help_text: str) -> argparse.ArgumentParser:
    """A sub-command that calls `run`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_text, description=help_text
    )
    parser.set_defaults(run=run, parser=parser)
    parser.add_argument("--quiet", "-q", action="store_true", help="only warnings and errors")
    return parser


def add_seed(parser: argparse.ArgumentParser) -> None:
    """`--seed`, from which a campaign makes all its choices."""
    parser.add_argument(
        "--seed", type=natural, default=1, help="of all choices (default: %(default)s)"
    )


def add_findings(parser: argparse.ArgumentParser) -> None:
    """`--out`, `--record` and `--json` of a fuzzing campaign."""
    parser.add_argument("--out", type=Path, help="folder of what fails (default: build/fuzz)")
    parser.add_argument(
        "--record", action="store_true", help="put the figures into docs/fuzz.json and .md"
    )
    add_json(parser)


def findings_folder(options: argparse.Namespace) -> Path:
    """Where `add_findings` has them."""
    folder: Path = options.out or BUILD_DIR / "fuzz"
    return folder


STDOUT = Path("-")


def add_json(parser: argparse.ArgumentParser, *, file: bool = False) -> None:
    """`--json`; with `file`, `--json FILE` writes them beside what is printed."""
    if file:
        parser.add_argument(
            "--json",
            type=Path,
            nargs="?",
            const=STDOUT,
            metavar="FILE",
            help="print the figures as JSON, or write them to FILE beside the table",
        )
    else:
        parser.add_argument("--json", action="store_true", help="print the result as JSON")


def print_result(options: argparse.Namespace, result: object, *lines: object) -> None:
    """What a command has found: as JSON where that is wanted, else line by line."""
    if options.json:
        print(json.dumps(result, indent=2, default=_plain, ensure_ascii=False))
    else:
        print("\n".join(map(str, lines)))


def failed(error: TinyDeployError, options: argparse.Namespace, ui: Ui) -> int:
    """The exit code where the JSON already says what was found."""
    if not options.json:
        raise error
    ui.error(error)
    return error.exit_code


def _plain(value: object) -> object:
    """What JSON has no word for: paths, dataclasses, numbers of NumPy."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.item() if hasattr(value, "item") else str(value)


@contextmanager
def json_file(options: argparse.Namespace) -> Iterator[Path | None]:
    """Where a command of `add_json(file=True)` writes its figures; what it prints goes aside."""
    if options.json != STDOUT:
        yield options.json
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        with redirect_stdout(sys.stderr):
            yield file
        if file.is_file():
            print(file.read_text(encoding="utf-8").rstrip())


def add_board(parser: argparse.ArgumentParser, default: str | None = "nano33") -> None:
    """`--board`."""
    shown = f" (default: {default})" if default else ""
    parser.add_argument(
        "--board", default=default, help=f"one of {', '.join(boards.names())}{shown}"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """`--model`, `--variant`, `--retrain`, `--seed`, and how to take a model of the user's."""
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help=f"{MODEL_HELP} (default: %(default)s)"
    )
    parser.add_argument(
        "--variant", help="variant of a model of ours; `tinydeploy models` lists them"
    )
    parser.add_argument("--retrain", action="store_true", help="train it anew first")
    add_given(parser)
    parser.add_argument(
        "--seed", type=natural, default=1, help="for training and vectors (default: %(default)s)"
    )


def add_given(parser: argparse.ArgumentParser) -> None:
    """What may be said of a model beside its name: `--trained`, `--representative`, ..."""
    parser.add_argument(
        "--trained",
        action="store_true",
        help="of a model of ours what `train` or --retrain made last, not what is committed",
    )
    add_conversion(parser)


def add_conversion(parser: argparse.ArgumentParser) -> None:
    """`--representative`, `--signature` and `--custom-objects`."""
    parser.add_argument(
        "--representative",
        type=_file_or_noise,
        metavar="FILE",
        help="typical inputs to quantize a Keras model or SavedModel by, .npz or .npy with real "
        "numbers (default: --data, or what the model's first layer says); `noise` to try without",
    )
    parser.add_argument(
        "--signature", metavar="NAME", help="the function of a model that has several"
    )
    parser.add_argument(
        "--custom-objects",
        type=Path,
        metavar="FILE.py",
        help="Python with a Keras model's own layers and functions; it is run, and so is the code "
        "in Lambda layers",
    )


def given(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    """What `add_given` added, and `--data` where there is one; a `sources.Given`."""
    from tinydeploy.sources import Given

    return Given(
        trained=options.trained,
        representative=options.representative,
        data=getattr(options, "data", None),
        signature=options.signature,
        custom_objects=options.custom_objects,
    )


def source(options: argparse.Namespace, ui: Ui):  # type: ignore[no-untyped-def]
    """The `sources.Source` of `--model` and what belongs to it."""
    from tinydeploy import sources

    return sources.resolve(
        *(options.model, getattr(options, "variant", None), getattr(options, "retrain", False)),
        *(getattr(options, "seed", None), ui, given(options)),
    )


def _file_or_noise(text: str) -> Path | str:
    return text if text == "noise" else Path(text)


def add_toolchain(parser: argparse.ArgumentParser) -> None:
    """`--toolchain`."""
    parser.add_argument(
        "--toolchain",
        choices=("zig", "gcc"),
        default="zig",
        help="zig from PyPI, or gcc from the PATH (default: %(default)s)",
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """`--engine`."""
    parser.add_argument(
        "--engine",
        choices=("auto", "compiled", "interpreter"),
        default="auto",
        help="compiled to a plan ahead of time, or interpreted on the device as TFLM does "
        "(default: compiled where every operator can be)",
    )
    parser.add_argument(
        "--optimize",
        choices=GOALS,
        default="balanced",
        help="compiled engine: speed takes RAM, size saves it (default: %(default)s)",
    )
    parser.add_argument(
        "--patch",
        default=OFF,
        metavar="N",
        help="compiled engine: run the first layers in N bands of rows to save RAM; auto: only if "
        "the model does not fit otherwise (default: %(default)s)",
    )


def choices(options: argparse.Namespace) -> Choices:
    """What `add_engine` added beside the engine."""
    return Choices(options.optimize, options.patch)


def add_benchmark(parser: argparse.ArgumentParser) -> None:
    """`--benchmark`."""
    parser.add_argument(
        "--benchmark",
        metavar="NAME",
        help="of MLPerf Tiny: kws01, vww01, ic01 or ad01 (default: by the recipe or the input)",
    )


def add_mode(parser: argparse.ArgumentParser) -> None:
    """`--mode` and `--benchmark`."""
    parser.add_argument(
        "--mode",
        choices=(LINK, "mlperf", "bare"),
        default=LINK,
        help="mlperf: the firmware also obeys MLPerf Tiny's runner, at 115200 baud; bare: no link, "
        "the model runs over and over",
    )
    add_benchmark(parser)


def build_options(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    """The `BuildOptions` that `--engine`, `--toolchain`, `--mode`, `--hot-swap`, ... say.

    Raises:
        UsageError: two of them do not go together.
    """
    from tinydeploy.stages import push_key
    from tinydeploy.stages.build_options import BuildOptions

    key: Path | None = getattr(options, "key", None)
    return BuildOptions(
        engine=options.engine,
        choices=choices(options),
        toolchain=options.toolchain,
        flavour=_flavour(options),
        push_key=push_key.read(key) if key else None,
    )


def _flavour(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    """Of `--mode`, where "link" is the plain firmware, or of `--hot-swap`."""
    from tinydeploy.stages.flavour import Flavour

    mode: str = options.mode if options.command in MODAL else LINK
    if not getattr(options, "hot_swap", False):
        return Flavour.PLAIN if mode == LINK else Flavour(mode)
    if mode != LINK:
        raise UsageError(f"--hot-swap does not go with --mode {mode}", "leave one of them out")
    return Flavour.HOT_SWAP


@contextmanager
def made_image(options: argparse.Namespace, ui: Ui) -> Iterator[Image]:
    """Build what `--model`, `--board`, `--engine`, `--toolchain`, `--mode`, ... say.

    Its folder is held inside, so that no other run replaces what is being read.
    """
    from tinydeploy import images, programs
    from tinydeploy.mlperf import firmware
    from tinydeploy.mlperf.settings import settings_of
    from tinydeploy.stages.flavour import Flavour

    build = build_options(options)
    board = boards.load(options.board)
    model = source(options, ui)
    with programs.held(model, board, ui):
        if build.flavour is Flavour.MLPERF:
            settings = settings_of(model, options.benchmark)
            yield firmware.make_image(model, board, settings, build, ui)[1]
        else:
            yield images.make_image(model, board, build, ui)[1]


def add_hot_swap(parser: argparse.ArgumentParser) -> None:
    """`--hot-swap`."""
    parser.add_argument(
        "--hot-swap",
        action="store_true",
        help="with all operators and model slots, so that `tinydeploy push` can replace the model",
    )
    add_key(parser, "with --hot-swap: the file of a key without which nobody can push to it")


def add_key(parser: argparse.ArgumentParser, help_text: str) -> None:
    """`--key`."""
    parser.add_argument("--key", type=Path, metavar="FILE", help=help_text)


def add_target(parser: argparse.ArgumentParser) -> None:
    """`--target` and what belongs to it."""
    parser.add_argument(
        "--target",
        default="auto",
        help="simulator, host, renode, or a port such as /dev/ttyACM0 (default: by the board)",
    )
    parser.add_argument(
        "--link-port", help="serial port of the UART if it is not the one to flash through"
    )
    parser.add_argument(
        "--modelled-baud",
        action="store_true",
        help="let simulated bytes take as long as on a wire",
    )
    parser.add_argument(
        "--wait-states",
        action="store_true",
        help="simulator: add an estimate of the flash's wait states to the cycles",
    )
    parser.add_argument(
        "--usb",
        action="store_true",
        help="simulator: the link runs over USB, where the board has it",
    )


def add_vectors(parser: argparse.ArgumentParser) -> None:
    """`--vectors` and `--data`."""
    parser.add_argument(
        "--vectors",
        type=vector_count,
        default=100,
        metavar="N",
        help="inferences to compare, or `all` of the test set (default: %(default)s)",
    )
    parser.add_argument(
        "--link-vectors",
        type=vector_count,
        default=10,
        metavar="N",
        help="simulator: so many of them over the link, fewer once that has carried 64 KiB, or "
        "`all`; the others go through the simulator's memory, which is faster (default: "
        "%(default)s; all with --modelled-baud)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        help="test data: .npz with inputs (or x, or the inputs' names) and labels (or y), .npy, or "
        "a folder of .bin and y_labels.csv; real numbers are quantized as the model says",
    )


def positive(text: str) -> int:
    """A whole number from 1 on."""
    return _at_least(1, text)


def natural(text: str) -> int:
    """A whole number from 0 on."""
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    try:
        value = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from error
    if value < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}")
    return value


def vector_count(text: str) -> int | None:
    """A positive number, or None for `all`."""
    if text == "all":
        return None
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("must be at least 1, or `all`")
    return count
