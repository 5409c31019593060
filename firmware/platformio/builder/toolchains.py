"""Compilers and their flags: Zig's clang from PyPI, GNU Arm (or g++/clang++) from the PATH.

`select(env, board)` sets up a SCons environment; which compiler is used is the one option
`custom_toolchain` of platformio.ini, or TINYDEPLOY_TOOLCHAIN, which wins.
"""

import os
import platform
import shutil
import sys

# So that the linker drops what is not called.
SECTIONS = ["-ffunction-sections", "-fdata-sections"]
COMMON = [
    *SECTIONS,
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unknown-pragmas",  # GCC and clang do not know each other's
]
COMMON_CXX = ["-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"]
# Unwind tables serve exceptions only, frame pointers debuggers; a fault report needs neither.
EMBEDDED = [
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fno-common",
    "-fomit-frame-pointer",  # Zig keeps them with -O2: a register less for the kernels
]
# A freestanding target implies -ffreestanding, and then each memcpy of 4 bytes is a call: 12.1
# cycles per multiply-accumulate instead of 3.1 in a 1x1 convolution.
ZIG_ARM = ["-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp", "-fhosted"]
GCC_ARM = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
# int32_t is int on the PC and with clang, but long here, where Min(x, 31) then fits no template.
# One meaning everywhere; nothing of ours passes it to printf.
GCC_INT32 = [
    "-U__INT32_TYPE__",
    "-D__INT32_TYPE__=int",
    "-U__UINT32_TYPE__",
    "-D__UINT32_TYPE__=unsigned",
]
# No fused multiply-add where the source has two roundings: TFLM on the PC has none either.
EXACT_FLOAT = ["-ffp-contract=off"]
SANITIZED = ["-g", "-fno-omit-frame-pointer", "-DTINYDEPLOY_CHECK_LIMITS"]


def select(env, board):
    """Point `env` at the compiler for `board` ("host" or a Cortex-M4F board)."""
    name = os.environ.get("TINYDEPLOY_TOOLCHAIN") or env.GetProjectOption("custom_toolchain", "zig")
    setups = {
        ("zig", False): _zig_arm,
        ("gcc", False): _gcc_arm,
        ("zig", True): _zig_host,
        ("gcc", True): _gcc_host,
    }
    setup = setups.get((name, board == "host"))
    if setup is None:
        stop(f"no toolchain {name!r}: custom_toolchain is zig or gcc")
    env.Append(CCFLAGS=[*COMMON, *EXACT_FLOAT], CXXFLAGS=COMMON_CXX)
    setup(env)
    _forget_paths(env)
    return name


def _zig_arm(env):
    _use_zig(env)
    env.Append(
        CCFLAGS=[*ZIG_ARM, *EMBEDDED, "-isystem", os.path.join(_here(), "libc")],
        LINKFLAGS=[*ZIG_ARM, "-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-e,ResetHandler"],
    )


def _gcc_arm(env):
    if shutil.which("arm-none-eabi-g++") is None:
        stop("arm-none-eabi-g++ is not on the PATH: install GNU Arm Embedded, or use zig")
    _use(env, "arm-none-eabi-gcc", "arm-none-eabi-g++", "arm-none-eabi-ar", "arm-none-eabi-ranlib")
    env.Append(
        CCFLAGS=[*GCC_ARM, *GCC_INT32, *EMBEDDED],
        LINKFLAGS=[
            *GCC_ARM,
            "-nostartfiles",
            "--specs=nano.specs",
            "--specs=nosys.specs",
            "-Wl,--gc-sections",
            "-Wl,--build-id=none",
            "-Wl,--no-warn-rwx-segments",
            *SECTIONS,  # of what is compiled only then
        ],
        LIBS=["m"],
    )
    env.Replace(LINK="arm-none-eabi-gcc")  # nothing of libstdc++ is used, so do not ask for it


def _zig_host(env):
    _use_zig(env)
    machine = os.uname().machine.replace("arm64", "aarch64")
    # Against the C library of this machine's kind: Zig compiles what it links of it, and of glibc
    # that is much less (15 s against 60 s, once a machine).
    libc = "gnu.2.17" if platform.libc_ver()[0] == "glibc" else "musl"
    target = ["-target", f"{machine}-linux-{libc}"]
    # Zig ships the runtime of UBSan, not of ASan.
    env.Append(
        CCFLAGS=[*target, *SANITIZED, "-fsanitize=undefined", "-fno-sanitize-recover=undefined"],
        LINKFLAGS=[*target, "-fsanitize=undefined", "-Wl,--gc-sections"],
    )


def _gcc_host(env):
    cxx = next(filter(shutil.which, ("g++", "clang++")), None)
    if cxx is None:
        stop("neither g++ nor clang++ is on the PATH: install one of them, or use zig")
    _use(env, {"g++": "gcc", "clang++": "clang"}[cxx], cxx, "ar", "ranlib")
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    env.Append(
        CCFLAGS=[*SANITIZED, *sanitize], LINKFLAGS=[*sanitize, "-Wl,--gc-sections"], LIBS=["m"]
    )


def _use_zig(env):
    try:
        import ziglang
    except ImportError:
        stop(f"the package ziglang is not installed in {sys.prefix}: pip install ziglang==0.17.0")
    program = os.path.join(os.path.dirname(ziglang.__file__), "zig")
    zig = f'"{program}"'
    _use(env, f"{zig} cc", f"{zig} c++", f"{zig} ar", f"{zig} ranlib")
    env.Replace(LINK=f"{zig} cc")  # nothing of libc++ is used, so do not build it


def _use(env, cc, cxx, ar, ranlib):
    env.Replace(CC=cc, CXX=cxx, AS=cc, LINK=cxx, AR=ar, RANLIB=ranlib, ARFLAGS=["rcD"])


def _forget_paths(env):
    """Keep the checkout's place out of the image: the same sources give the same bytes anywhere."""
    for folder, name in (("$BUILD_DIR", "build"), ("$PROJECT_DIR", ".")):
        env.Append(CCFLAGS=[f"-ffile-prefix-map={env.subst(folder)}={name}"])


def _here():
    import tinydeploy.config

    return os.path.join(tinydeploy.config.FIRMWARE_DIR, "platformio")


def stop(message):
    """End the build with one line."""
    sys.stderr.write(f"Error: {message}\n")
    sys.exit(1)
