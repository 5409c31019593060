"""Fuzzing that learns: libFuzzer keeps what reaches new code, and goes on from there.

The targets are the firmware's own doors, compiled for this PC by clang with the address and
undefined-behaviour sanitizers; their harnesses are in firmware/fuzz.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydeploy import boards, models, sources, tools, whole
from tinydeploy.abi import protocol
from tinydeploy.config import FIRMWARE_DIR, cache_dir
from tinydeploy.errors import SetupError
from tinydeploy.fuzz import build, hostile
from tinydeploy.lower.emit import cross_compile
from tinydeploy.mlperf import settings
from tinydeploy.stages import board_files
from tinydeploy.stages.compile import compile_model

SMALL_BYTES = 8192  # of a model that is worth starting from
TIMEOUT_S = 30  # for one input
MEMORY_MB = 2048
_FLAGS = [
    *["-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"],
    build.RED_ZONES,
]
_FOLDERS = ("runtime", "kernels", "tflm", "fuzz", "app", "link", "mlperf", "usb", "any_model")
_USB_BOARD = "nano33"
_REQUESTS = [
    bytes.fromhex(text)
    for text in (
        "8006000100001200",  # GET_DESCRIPTOR: device, configuration, serial number
        "800600020000ff00",
        "800603030904ff00",
        "0009010000000000",  # SET_CONFIGURATION
        "2120000000000700 b0040000000008",  # SET_LINE_CODING, 1200 baud
        "2122010000000000",  # SET_CONTROL_LINE_STATE: opened, closed
        "2122000000000000",
        "0203000082000000",  # SET_FEATURE: an endpoint halts
        "8200000002000200",  # GET_STATUS
    )
]
_LINES = (
    *("name", "profile", "help", "timestamp", "results"),
    *("db load 4", "db 00", "db 7f00", "db print", "infer 2 1"),
    "db load 4%db 01020304%infer 1 0",
)


@dataclass(frozen=True)
class Target:
    """A door of the firmware.

    Attributes:
        about: what is fuzzed, for people.
        files: to compile besides the runtime.
        flags: of the compiler.
        program: writes what the files include into a folder.
        seeds: inputs to start from.
        most_bytes: of an input.
    """

    about: str
    files: Sequence[Path]
    seeds: Callable[[int], Iterable[bytes]]
    most_bytes: int
    flags: Sequence[str] = ()
    with_runtime: bool = True
    program: Callable[[Path], None] = lambda folder: None


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Attributes:
        inputs: that were tried; kept: that reached something new.
        edges: of the control flow that were reached.
        findings: files of inputs that ended it, and its last words.
    """

    inputs: int
    edges: int
    kept: int
    seconds: float
    findings: tuple[tuple[Path, str], ...] = ()


def run(name: str, minutes: float, seed: int, folder: Path) -> Result:
    """Fuzz one target.

    Args:
        folder: of what is kept from run to run, and of findings.

    Raises:
        SetupError: there is no clang, or it has no libFuzzer.
    """
    target = TARGETS[name]
    program = _built(name, target)
    corpus, seeds, found = (folder / name / part for part in ("corpus", "seeds", "findings"))
    for each in (corpus, seeds, found):
        each.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.seeds(seed)):
        whole.write(seeds / f"{number:04}", data)
    before = set(found.iterdir())
    seconds = max(int(60 * minutes), 1)
    options = {
        "max_total_time": seconds,
        "seed": seed,
        "max_len": target.most_bytes,
        "timeout": TIMEOUT_S,
        "rss_limit_mb": MEMORY_MB,
        "print_final_stats": 1,
        "artifact_prefix": f"{found}/",
    }
    done = tools.run(
        [program, *(f"-{key}={value}" for key, value in options.items()), corpus, seeds],
        what=f"fuzzing {name}",
        check=False,
    )
    files = sorted(set(found.iterdir()) - before)
    words = _last_words(done.stdout)
    if done.returncode and not files:
        raise SetupError(f"fuzzing {name} ended at once: {words}", "see the words of libFuzzer")
    return _result(done.stdout, seconds, [(path, words) for path in files])


def _built(name: str, target: Target) -> Path:
    compiler = tools.find("clang++")
    if compiler is None:
        raise SetupError("clang++ is not on the PATH", "libFuzzer comes with it: apt install clang")
    harness = [*target.files, *(build.runtime_sources() if target.with_runtime else [])]
    with whole.scratch(cache_dir() / "fuzz") as scratch:
        target.program(scratch)
        generated = [f"{path.name}\n{path.read_text()}" for path in sorted(scratch.iterdir())]
        command = [str(compiler), *_FLAGS, *target.flags]
        key = f"{build.digest(command, _FOLDERS)}-{cross_compile.digest_of(''.join(generated))}"
        program = cache_dir() / "fuzz" / f"guided-{name}-{key}" / name
        return cross_compile.build_cached(
            program, lambda folder, out: _make(scratch, command, harness, folder, out)
        )


def _make(
    includes: Path, command: Sequence[str], files: Sequence[Path], folder: Path, out: Path
) -> None:
    generated = sorted(includes.glob("*.cc"))
    flags = [*command, f"-I{includes}"]
    made = cross_compile.objects(folder, flags, [*files, *generated])
    cross_compile.link(flags, made, ["-lm"], out)


def _result(said: str, seconds: float, findings: Sequence[tuple[Path, str]]) -> Result:
    counts = re.findall(r"stat::number_of_executed_units: (\d+)", said)
    states = re.findall(r"^#(\d+)\s.*cov: (\d+) .*corp: (\d+)", said, re.MULTILINE)
    inputs, edges, kept = map(int, states[-1]) if states else (0, 0, 0)
    return Result(int(counts[-1]) if counts else inputs, edges, kept, seconds, tuple(findings))


def _last_words(said: str) -> str:
    lines = [line for line in said.splitlines() if "ERROR" in line or "runtime error" in line]
    return "; ".join(lines[:2]) or said[-300:]


def _sine(folder: Path) -> None:
    tflite = models.load("sine").tflite()
    compile_model(tflite, None, folder, name="sine", arena_bytes=1 << 16)


def _sine_for_mlperf(folder: Path) -> None:
    _sine(folder)
    source = sources.Source("sine", "sine", models.load("sine").tflite(), None, None, "sine")
    settings.write(settings.Settings("sine"), source, folder)


def _usb_files(folder: Path) -> None:
    for name, text in board_files.texts(boards.load(_USB_BOARD)).items():
        if name.endswith(".h"):
            whole.write(folder / name, text)


def _models(seed: int) -> Iterable[bytes]:
    small = (data for data in hostile.originals(seed) if len(data) <= SMALL_BYTES)
    return dict.fromkeys(small)


def _frames(seed: int) -> Iterable[bytes]:
    """A record of each command, with a payload of zeros; and one after another."""
    commands = [number for number, _ in protocol.Command.members.values() if number < 1 << 6]
    records = [bytes([4 * number + 2, 16]) + bytes(16) for number in commands]
    return [*records, b"".join(records), b"\x01\x08\0\x02\x01\x01\x01\x01\0\0"]


def _lines(seed: int) -> Iterable[bytes]:
    records = [bytes([2, len(line)]) + line.encode() for line in _LINES]
    return [*records, b"".join(records), *_frames(seed)]


def _requests(seed: int) -> Iterable[bytes]:
    records = [b"\x01" + request for request in _REQUESTS]
    return [*records, b"".join(records)]


def _cpp(*rooms: str) -> list[Path]:
    files = sorted(path for room in rooms for path in (FIRMWARE_DIR / room).glob("*.cpp"))
    return [path for path in files if not path.name.startswith("slots")]  # hot swap has its flash


_FUZZ = FIRMWARE_DIR / "fuzz"
TARGETS = {
    "frames": Target(
        "the link: frames, every request, the state across failures",
        [_FUZZ / "serve.cpp", _FUZZ / "device.cpp", *_cpp("app", "link")],
        _frames,
        4096,
        program=_sine,
    ),
    "model": Target(
        "a model: the flatbuffer reader, Prepare and Eval of every operator",
        [_FUZZ / "model.cpp", FIRMWARE_DIR / "any_model/any_model.cpp"],
        _models,
        SMALL_BYTES,
    ),
    "mlperf": Target(
        "MLPerf's lines among frames",
        [_FUZZ / "serve.cpp", _FUZZ / "device.cpp", *_cpp("app", "link", "mlperf")],
        _lines,
        4096,
        flags=["-DTINYDEPLOY_MLPERF"],
        program=_sine_for_mlperf,
    ),
    "usb": Target(
        "requests at the USB control endpoint",
        [_FUZZ / "usb.cpp", FIRMWARE_DIR / "usb/cdc_acm.cpp"],
        _requests,
        1024,
        with_runtime=False,
        program=_usb_files,
    ),
}
