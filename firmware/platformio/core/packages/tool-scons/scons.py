"""The program that PlatformIO starts as SCons: the SCons package of this Python environment."""

import sys

try:
    from SCons.Script.Main import main
except ImportError:
    sys.exit("SCons is not installed beside PlatformIO: pip install scons==4.11.1")

main()
