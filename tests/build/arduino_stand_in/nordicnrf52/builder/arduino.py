import os

Import("env")  # noqa: F821

core = os.path.join(env.PioPlatform().get_dir(), "..", "core")  # noqa: F821
env.Append(CPPPATH=[core])  # noqa: F821
env.BuildSources(os.path.join("$BUILD_DIR", "FrameworkArduino"), core)  # noqa: F821
