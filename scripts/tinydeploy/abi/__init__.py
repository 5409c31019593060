"""Layouts that Python and C++ share: declared once here, emitted as `firmware/abi/*.h`."""
