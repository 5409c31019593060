"""The Mbed core's flags, this PC's compiler, and a partial link: nothing here can run."""

from SCons.Script import Default, DefaultEnvironment

env = DefaultEnvironment()
env.Replace(
    CC="gcc",
    CXX="g++",
    AS="gcc",
    AR="ar",
    RANLIB="ranlib",
    LINK="g++",
    LINKFLAGS=["-r", "-nostdlib"],
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)
env.Append(CXXFLAGS=["-std=gnu++14", "-fno-exceptions", "-fno-rtti"], CCFLAGS=["-Wall", "-w"])
env.SConscript("arduino.py", exports="env")
Default(env.BuildProgram())
