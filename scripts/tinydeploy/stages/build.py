"""Program folder -> firmware image, by PlatformIO with the local development platform."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from tinydeploy import locks, tools, whole
from tinydeploy.boards import BOARDS_DIR, SLOTS, Board
from tinydeploy.config import BUILD_DIR, FIRMWARE_DIR, ROOT, cache_dir
from tinydeploy.errors import BuildError, ModelTooLargeError, SetupError, TinyDeployError
from tinydeploy.keys import CachedResult, sha256_of
from tinydeploy.stages import image, program_folder
from tinydeploy.stages.build_options import DEFAULT, TOOLCHAINS, BuildOptions
from tinydeploy.stages.image import Breakdown, Sizes

# Of our PlatformIO alone: another version in the same folder would start to update itself.
CORE_DIR = BUILD_DIR / "platformio" / "core-inside"
PROGRAM_VARIABLE = "TINYDEPLOY_PROGRAM"
INSIDE_VARIABLE = "TINYDEPLOY_INSIDE"  # PlatformIO runs in our environment: no handing over to it
TOOLCHAIN_VARIABLE = "TINYDEPLOY_TOOLCHAIN"
VARIANTS_VARIABLE = "TINYDEPLOY_VARIANTS"  # folder of model.h to link besides, see variants.py
LINK_VARIABLE = "TINYDEPLOY_LINK"  # usb, uart or both; wins over custom_link of platformio.ini

_SOURCES = {".c", ".cc", ".cpp", ".h", ".inc", ".def", ".S", ".ld", ".py"}
_TIMEOUT_S = 900.0  # a cold build on a slow machine


@dataclass(frozen=True)
class Image:
    """A firmware image.

    Attributes:
        elf, bin: with symbols, and as it lies in flash; for the PC both are the program.
        sizes: what is in it.
        build_id: SHA-256 of everything it was made from, hexadecimal; its first 16 bytes are in the
            image and come with HELLO.
        cached: nothing had changed since it was built.
    """

    elf: Path
    bin: Path
    sizes: Sizes
    build_id: str
    toolchain: str
    cached: bool

    @cached_property
    def sha256(self) -> str:
        """Hash over the bytes of both files."""
        return sha256_of((self.elf, self.bin))

    @property
    def flash_bytes(self) -> int:
        """All that is loaded into flash."""
        return self.sizes.flash_bytes

    @property
    def ram_bytes(self) -> int:
        """Static RAM without arena and stack."""
        return self.sizes.ram_bytes

    @property
    def flash_breakdown(self) -> Breakdown:
        """Parts of the flash by name."""
        return self.sizes.flash_breakdown


def build(
    program_dir: Path,
    board: Board,
    options: BuildOptions = DEFAULT,
    *,
    out_dir: Path,
    quiet: bool = True,
    changing: Callable[[], None] = lambda: None,
) -> Image:
    """Build the firmware with the program in `program_dir`, unless it is built.

    Args:
        program_dir: with `model.h` and `model.cc` or `plan.cc`.
        out_dir: gets firmware.elf and firmware.bin.
        quiet: keep PlatformIO's output for the case of an error.
        changing: called before an image in `out_dir` is replaced, to withdraw what is said of it.

    Raises:
        SetupError: the compiler is not on this machine.
        BuildError: it does not compile.
        ModelTooLargeError: flash or RAM of the board would overflow.
    """
    options = replace(options, link=options.link or link_variable())
    toolchain, link = options.toolchain, options.link
    told = program_folder.put(program_dir, options)
    identity = build_id(program_dir, board, toolchain, link)
    elf, flat = out_dir / "firmware.elf", out_dir / "firmware.bin"

    def make() -> dict[str, Any]:
        changing()
        with one_at_a_time():
            run_platformio(program_dir, board, toolchain, link, quiet=quiet)
            _copy_products(object_folder(board, toolchain, program_dir, link), board, elf, flat)
        return {"toolchain": toolchain_version(toolchain, board)}

    known = CachedResult(out_dir / "firmware.json", identity, (elf, flat))
    cached = known.load() is not None
    if not cached:
        known.made(make)
    sizes = image.sizes_of(elf)
    _require_fit(sizes, board, told.flavour.recipe.has_slots)
    return Image(elf, flat, sizes, identity, toolchain, cached)


def build_id(program_dir: Path, board: Board, toolchain: str, link: str = "") -> str:
    """SHA-256 over the program folder, the firmware's sources, the board and the toolchain."""
    digest, told = hashlib.sha256(), program_folder.read(program_dir)
    version = toolchain_version(toolchain, board)
    for text in (sources_hash(board), board.id, version, link, told.text):
        digest.update(text.encode() + b"\0")
    for name in program_folder.sources(program_dir, told):
        digest.update(name.encode() + b"\0" + _read(program_dir / name) + b"\0")
    return digest.hexdigest()


def link_variable() -> str:
    """What the environment says the link runs over; "" if nothing."""
    return os.environ.get(LINK_VARIABLE, "")


def object_folder(board: Board, toolchain: str, program_dir: Path, link: str = "") -> Path:
    """Where PlatformIO keeps objects: shared by all models of a board, toolchain and engine."""
    what = program_folder.read(program_dir).folder_suffix
    wires = f"-{link}" if link else ""
    return BUILD_DIR / "pio" / f"{board.id}-{toolchain}{what}{wires}"


def sources_hash(board: Board) -> str:
    """SHA-256 over what goes into any image for `board`, the model apart."""
    digest = hashlib.sha256()
    for path in _source_files(board):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def program_of(model: str, board: Board) -> Path:
    """The folder that TINYDEPLOY_PROGRAM names, else `build/<model>/<board>/program`."""
    named = os.environ.get(PROGRAM_VARIABLE)
    return Path(named) if named else BUILD_DIR / model / board.id / "program"


def toolchain_version(toolchain: str, board: Board) -> str:
    """What compiles, and its version; part of the build id."""
    return _toolchain_version(toolchain, board.is_host)


@cache
def _toolchain_version(toolchain: str, for_host: bool) -> str:
    if toolchain not in TOOLCHAINS:
        raise SetupError(f"no toolchain {toolchain!r}", f"toolchains are: {', '.join(TOOLCHAINS)}")
    if toolchain == "zig":
        return f"zig {_package_version('ziglang')}"
    programs = ("g++", "clang++") if for_host else ("arm-none-eabi-g++",)
    found = next(filter(tools.find, programs), None)
    if found is None:
        raise SetupError(
            f"{' or '.join(programs)} is not on the PATH",
            "install it (GNU Arm Embedded for the boards), or build with zig, the default",
        )
    if not for_host and not tools.has_newlib(found):
        raise SetupError(
            f"{found} has no C library (newlib), which Debian keeps in a package of its own",
            "install it (Debian, Ubuntu: `apt install libnewlib-arm-none-eabi`), or build with zig",
        )
    answer = tools.run([found, "--version"], what=f"asking {found} for its version")
    return answer.stdout.splitlines()[0]


def _package_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        raise SetupError(
            f"the Python package {name!r} is not installed",
            "start through `python scripts/deploy.py`, which installs what a command needs",
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BuildError(
            f"no {path.name} in {path.parent}", "`tinydeploy compile` writes the program folder"
        ) from error


def _source_files(board: Board) -> Iterator[Path]:
    yield ROOT / "platformio.ini"
    yield BOARDS_DIR / f"{board.id}.json"
    chips = (*["cortex_m4"] * (not board.is_host), board.chip)
    skipped = [path for path in (FIRMWARE_DIR / "chips").iterdir() if path.name not in chips]
    skipped += [FIRMWARE_DIR / "platformio" / name for name in ("start", "tests")]
    for folder in (FIRMWARE_DIR, board.folder):
        for path in sorted(folder.rglob("*")):
            if path.suffix in _SOURCES and not any(path.is_relative_to(skip) for skip in skipped):
                yield path


def run_platformio(
    program_dir: Path,
    board: Board,
    toolchain: str,
    link: str,
    *,
    quiet: bool = True,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Run PlatformIO on a program folder, under `one_at_a_time`.

    Args:
        variables: more of the environment, for builder/main.py.

    Raises:
        BuildError, ModelTooLargeError: as `build`.
    """
    environment = {
        **(variables or {}),
        PROGRAM_VARIABLE: str(program_dir.resolve()),
        TOOLCHAIN_VARIABLE: toolchain,
        LINK_VARIABLE: link,
        **platformio_environment(),
    }
    forget_copied_platform()
    command = tools.python_module_argv("platformio", "run", "-e", board.id, "-d", str(ROOT))
    done = tools.run(
        command,
        what=f"the firmware build for {board.id}",
        cwd=ROOT,
        env=environment,
        timeout_s=_TIMEOUT_S,
        check=False,
    )
    if not quiet:
        print(done.stdout, end="")
    if done.returncode != 0:
        raise _explain(done.stdout, board, program_dir)


def platformio_environment() -> dict[str, str]:
    """What keeps PlatformIO and Zig to folders of our own, and off the network."""
    zig_cache = cache_dir() / "zig"
    return {
        INSIDE_VARIABLE: "1",
        "PLATFORMIO_CORE_DIR": str(CORE_DIR),
        "PLATFORMIO_BUILD_DIR": str(BUILD_DIR / "pio"),
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "false",
        "ZIG_GLOBAL_CACHE_DIR": os.environ.get("ZIG_GLOBAL_CACHE_DIR", str(zig_cache)),
        "ZIG_LOCAL_CACHE_DIR": os.environ.get("ZIG_LOCAL_CACHE_DIR", str(zig_cache)),
    }


def forget_copied_platform() -> None:
    """Drop PlatformIO's note of where our platform lies if it is the original's of a copy."""
    for link in CORE_DIR.glob("platforms/*.pio-link"):
        try:
            is_here = json.loads(link.read_text(encoding="utf-8"))["cwd"] == str(ROOT)
        except (OSError, ValueError, KeyError, TypeError):
            is_here = False
        if not is_here:
            link.unlink(missing_ok=True)


# "section '.rodata' will not fit in region 'FLASH': overflowed by 1234 bytes" (lld) and
# "region `FLASH' overflowed by 1234 bytes" (GNU ld).
_OVERFLOW = re.compile(r"region [`'](FLASH|RAM)'.*?overflowed by (\d+) bytes")
_NO_ROOM_FOR_SLOTS = "the image reaches into the model slots"  # firmware/chips/.../sections.ld
# "collect2: error: ld returned 1" says nothing, and a failed assertion of GNU ld lacks the word.
_FIRST_ERROR = re.compile(
    r"^(?!collect2|.*warning).*(?:[Ee]rror: |undefined (?:reference|symbol)|/ld: ).*$", re.M
)


def _explain(output: str, board: Board, program_dir: Path) -> TinyDeployError:
    if full := tools.full_disk(output):
        return full
    overflows = [(region, int(size)) for region, size in _OVERFLOW.findall(output)]
    if overflows:
        region, excess = max(overflows, key=lambda found: found[1])
        size = board.flash_size if region == "FLASH" else board.ram_size
        return _too_large("flash" if region == "FLASH" else "RAM", size + excess, size, board)
    if _NO_ROOM_FOR_SLOTS in output:
        return ModelTooLargeError(
            f"the image with all operators reaches into the model slots of {board.name}",
            f"take a smaller built-in model, or smaller slots (slot_bytes in {board.id}.json)",
        )
    first = _FIRST_ERROR.search(output)
    tail = "\n".join(output.strip().splitlines()[-20:])
    return BuildError(
        f"the firmware build for {board.id} failed: {first.group(0).strip()}"
        if first
        else f"the firmware build for {board.id} failed:\n{tail}",
        f"`{PROGRAM_VARIABLE}={shlex.quote(str(program_dir))} pio run -e {board.id} -v` in {ROOT} "
        "shows all of it",
    )


def _require_fit(sizes: Sizes, board: Board, has_slots: bool) -> None:
    room = board.flash_size - has_slots * SLOTS * board.slot_bytes
    if sizes.flash_bytes > room:
        raise _too_large("flash", sizes.flash_bytes, room, board)
    if sizes.all_ram_bytes > board.ram_size:
        raise _too_large("RAM", sizes.all_ram_bytes, board.ram_size, board)


def _too_large(memory: str, needed: int, available: int, board: Board) -> ModelTooLargeError:
    return ModelTooLargeError(
        f"the image needs {needed:,} bytes of {memory}, {board.name} has {available:,}",
        "take a smaller model; `tinydeploy inspect` shows the largest layers and tensors",
        memory,
    )


def _copy_products(folder: Path, board: Board, elf: Path, flat: Path) -> None:
    built = folder / ("firmware" if board.is_host else "firmware.elf")
    data = built.read_bytes()
    whole.write(elf, data, mode=whole.FOR_PROGRAMS if board.is_host else whole.FOR_ALL)
    whole.write(flat, data if board.is_host else image.flash_bytes_of(built, board.flash_origin))


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """One build after the other: PlatformIO empties the folder that all builds share when it finds
    that sources were added or removed. A run that has to wait says so.
    """
    with locks.held(BUILD_DIR / "pio", _say):
        yield


def _say(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
