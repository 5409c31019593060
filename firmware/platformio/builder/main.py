"""Builds firmware.elf and firmware.bin of a board for PlatformIO (run by SCons)."""

import os
import sys
from pathlib import Path

import SCons.SConsign
from SCons.Script import AlwaysBuild, Default, DefaultEnvironment, GetBuildFailures, Main

env = DefaultEnvironment()
project = Path(env.subst("$PROJECT_DIR"))
sys.path[:0] = [str(project / "scripts"), str(project / "firmware" / "platformio" / "builder")]

import toolchains  # noqa: E402
from tinydeploy import boards, whole  # noqa: E402
from tinydeploy.stages import board_files, image, program_folder, unfinished  # noqa: E402
from tinydeploy.stages.build import (  # noqa: E402
    VARIANTS_VARIABLE,
    build_id,
    link_variable,
    object_folder,
    program_of,
)

board = boards.load(env["BOARD"])
env.Replace(PROGNAME="firmware", PROGSUFFIX="" if board.is_host else ".elf")
toolchain = toolchains.select(env, board.id)
program = program_of(env.GetProjectOption("custom_model"), board)
options = program_folder.read(program)
recipe = options.flavour.recipe
compiled = options.is_compiled
link = link_variable()
objects = object_folder(board, toolchain, program, link)
unfinished.begin(objects)
env.Replace(BUILD_DIR=str(objects))
if recipe.application:  # instead of platformio.ini's
    env.Replace(SRC_FILTER=recipe.application)
firmware = project / "firmware"
generated = Path(env.subst("$BUILD_DIR")) / "generated"
board_files.write(board, generated)

# What serves TFLM's API: the interpreter, or the plan that came with the program.
ENGINES = {
    False: {"runtime": "+<*>", "tflm": "+<*>"},
    True: {"compiled": "+<*>", "tflm": "+<*> -<**/micro_interpreter.cpp> -<**/schema.cpp>"},
}
# What kernels share: those that a plan calls come with it, each with the file that defines it.
SHARED = "+<common/> +<activations/sigmoid_table.cpp> +<normalize/inverse_root.cpp> "
SHARED += "+<normalize/logarithm.cpp> +<signal/fft.cpp>"
# They see few elements, so that -O2 would only be larger.
FEW_ELEMENTS = {
    "dsp": ["pool.cpp", "pool16.cpp", "softmax.cpp", "softmax16.cpp"],
    "kernels": ["common/exponential.cpp"],
}
KERNELS = {False: {"kernels": "+<*>"}, True: {"dsp": "+<*>", "kernels": SHARED}}

# What the link of a board with USB runs over.
LINKS = {"usb": ("usb",), "uart": ("uart",), "both": ("usb", "uart")}
named = link or env.GetProjectOption("custom_link", "both")
if named not in LINKS:
    toolchains.stop(f"no link {named!r}: custom_link is {', '.join(LINKS)}")
wires = LINKS[named] if board.has_usb else LINKS["uart"]
if not recipe.has_link:
    wires = ()

env.Append(
    CPPPATH=[*[firmware / "compiled"] * compiled, firmware, firmware / "tflm", generated],
    CPPDEFINES=[
        ("TINYDEPLOY_BAUD", program_folder.link_baud(program, board)),
        *[(f"TINYDEPLOY_LINK_{wire.upper()}", int(wire in wires)) for wire in LINKS["both"]],
        ("TINYDEPLOY_SLOTS_BYTES", recipe.has_slots * boards.SLOTS * board.slot_bytes),
        *recipe.defines,
    ],
    CCFLAGS=["-O1" if board.is_host else "-Os"],
)
# Zig makes -Os of -Oz; clang itself saves another 15 % with it.
SMALLEST = ["-Xclang", "-Oz"] if toolchain == "zig" and not board.is_host else []
env.Append(CCFLAGS=SMALLEST)
# The linker compiles all but kernels as one piece: most functions of the application, the engine
# and the drivers are a line long and called from one place.
ONE_PIECE = [] if board.is_host else ["-flto"]
env.Append(CCFLAGS=ONE_PIECE)
# The interpreter's kernels unroll by hand what is worth it; clang doubles their size for little.
ROLLED = ["-fno-unroll-loops"] if toolchain == "zig" and not compiled else []
# The linker may add calls of these functions to what it compiles: they have to be there before.
LIBC = "*/cortex_m4/libc.cpp"
# What runs for each byte of the link, and between operators.
HOT = (
    *("*/link/crc32.cpp", "*/link/decode.cpp", "*/link/encode.cpp", "*/app/sha256.cpp"),
    *("*/app/cycle_profiler.cpp", "*/compiled/micro_interpreter.cpp"),
)


def tell_of_notes(write=SCons.SConsign.write):
    """Write SCons' notes, then say that they are there."""
    write()
    failed = [Path(str(node)) for failure in GetBuildFailures() for node in [failure.node] if node]
    unfinished.noted(Main.exit_status, failed, env.subst("$PROGNAME$PROGSUFFIX"))


SCons.SConsign.write = tell_of_notes


def byte_array(name, data):
    """A macro that initializes an array."""
    return f"#define {name} {{{', '.join(f'0x{byte:02x}' for byte in data)}}}\n"


def include_program():
    """The only file that sees the model: another model rebuilds it and model.cc, nothing else."""
    digest = bytes.fromhex(build_id(program, board, toolchain, link))[:16]
    text = byte_array("TINYDEPLOY_BUILD_ID", digest)
    if options.push_key:
        text += byte_array("TINYDEPLOY_PUSH_KEY", bytes.fromhex(options.push_key))
    mode = whole.FOR_OWNER if options.push_key else whole.FOR_ALL
    whole.write_if_changed(generated / "tinydeploy_build.h", text, mode=mode)
    for sees_the_model in ("*/app/program.cpp", "*/mlperf/tensors.cpp"):
        env.AddBuildMiddleware(
            lambda env, node: env.Object(node, CPPPATH=[*env["CPPPATH"], program]),
            sees_the_model,
        )
    return env.Clone(CPPPATH=[*env["CPPPATH"], program])


def without(env, *flags):
    """The compiler's flags but for these."""
    return [flag for flag in env["CCFLAGS"] if flag not in flags]


def compile_without(flags, *paths):
    """Compile these sources with fewer flags than the others."""
    for path in paths:
        env.AddBuildMiddleware(
            lambda env, node: env.Object(node, CCFLAGS=without(env, *flags)), path
        )


def add_sources():
    """What PlatformIO's own `build_src_filter` does not name: everything below the application."""
    model_env = include_program()
    own = os.path.join("$BUILD_DIR", "program")
    engine_file = program_folder.PLAN_FILE if compiled else program_folder.MODEL_FILE
    model_env.BuildSources(own, str(program), f"+<{engine_file}>")
    for chip in (*["cortex_m4"] * (not board.is_host), board.chip):
        folder = os.path.join("$BUILD_DIR", "chips", chip)
        env.BuildSources(folder, str(firmware / "chips" / chip))
    env.BuildSources(os.path.join("$BUILD_DIR", "board"), str(board.folder), "+<*.cpp>")
    if board.has_usb:
        env.BuildSources(os.path.join("$BUILD_DIR", "usb"), str(firmware / "usb"))
    for part, what in recipe.parts:
        env.BuildSources(os.path.join("$BUILD_DIR", "flavour", part), str(firmware / part), what)
    for part, what in ENGINES[compiled].items():
        env.BuildSources(os.path.join("$BUILD_DIR", part), str(firmware / part), what)
    kernels = env.Clone(CCFLAGS=without(env, *ONE_PIECE))
    small = env.Clone(CCFLAGS=without(kernels, *SMALLEST))  # -Oz calls the library to divide
    # Where the time goes. With sanitizers, compiling would take longer than it saves.
    if recipe.has_fast_kernels and not (board.is_host or options.is_compact):
        kernels.Replace(CCFLAGS=[*small["CCFLAGS"], "-O2", *ROLLED])
    if compiled:
        kernels.BuildSources(own, str(program), f"+<{program_folder.KERNEL_FILES}>")
    for part, what in KERNELS[compiled].items():
        few = FEW_ELEMENTS[part] if compiled else []
        folder, source = os.path.join("$BUILD_DIR", part), str(firmware / part)
        kernels.BuildSources(folder, source, " ".join([what, *(f"-<{name}>" for name in few)]))
        if few:
            small.BuildSources(folder, source, " ".join(f"+<{name}>" for name in few))


def use_linker_script():
    """The board's memory map; a change of it links again."""
    script = generated / "memory.ld"
    sections = firmware / "chips" / "cortex_m4" / "sections.ld"
    env.Append(LINKFLAGS=["-Wl,-T," + str(script)])
    env.Depends("$PROGPATH", [env.File(str(script)), env.File(str(sections))])


def link_variants(elf):
    """The same firmware with each `<name>/model.h` of a folder in place of the program's own."""
    named = os.environ.get(VARIANTS_VARIABLE)
    for header in sorted(Path(named).glob("*/model.h")) if named else ():
        folder = header.parent
        path = [folder, *env["CPPPATH"]]
        source = str(firmware / "app" / "program.cpp")
        own = env.Object(str(folder / "program.o"), source, CPPPATH=path)[0]
        objects = [own if node.name == own.name else node for node in elf[0].sources]
        variant = env.Program(str(folder / env["PROGNAME"]), objects)
        env.Depends(variant, elf)
        yield variant


def write_binary(target, source, env):
    """The ELF file as it lies in flash."""
    flat = image.flash_bytes_of(Path(str(source[0])), board.flash_origin)
    whole.write(Path(str(target[0])), flat)


def run_flash(target, source, env):
    """`tinydeploy flash` finds the port by itself unless one was given."""
    port = ["--port", env.subst("$UPLOAD_PORT")] if env.get("UPLOAD_PORT") else []
    command = [sys.executable, "-m", "tinydeploy", "flash", "--board", board.id, *port]
    environment = {**os.environ, "PYTHONPATH": str(project / "scripts")}
    return os.spawnve(os.P_WAIT, sys.executable, [*command, str(source[0])], environment)


compile_without(SMALLEST, *HOT)
compile_without(ONE_PIECE, LIBC)
add_sources()
if not board.is_host:
    use_linker_script()

size_tool = firmware / "platformio" / "builder" / "size.py"
env.Replace(
    SIZETOOL=sys.executable,
    SIZECHECKCMD=[sys.executable, str(size_tool), "$SOURCES"],
    SIZEPRINTCMD=f'"{sys.executable}" "{size_tool}" $SOURCES',
    SIZEPROGREGEXP=r"^flash\s+(\d+)",
    SIZEDATAREGEXP=r"^ram\s+(\d+)",
)
elf = env.BuildProgram()
products = [elf, *link_variants(elf)]
if not board.is_host:
    binary = env.Command(
        os.path.join("$BUILD_DIR", "${PROGNAME}.bin"),
        elf,
        env.VerboseAction(write_binary, "Writing $TARGET"),
    )
    products.append(binary)
    flashing = env.VerboseAction(run_flash, "Flashing $SOURCE")
    AlwaysBuild(env.AddPlatformTarget("upload", binary, flashing, "Upload"))
Default(products)
env.AddPlatformTarget(
    "size", elf, env.VerboseAction("$SIZEPRINTCMD", "Size of $SOURCE"), "Program Size"
)
