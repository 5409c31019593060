"""Adds the model to an Arduino build: TINYDEPLOY_PROGRAM, else `custom_model`, compiled here.

It joins the project's own sources: these see the headers of libraries (`lib_deps`), and what
`env.BuildSources` adds does not.
"""

import os
import sys
from pathlib import Path

Import("env")  # noqa: F821 - PlatformIO supplies it

project = Path(env.subst("$PROJECT_DIR"))  # noqa: F821
sys.path.insert(0, str(project / "firmware" / "platformio" / "start"))

import handover  # noqa: E402

LIKE = "nano33"  # the board of ours whose limits hold


def program_folder():
    """Where model.h and model.cc are; ends the build if the model can't be had."""
    if os.environ.get(handover.PROGRAM):
        return Path(os.environ[handover.PROGRAM])
    model = env.GetProjectOption("custom_model")  # noqa: F821
    code, folder = handover.compile_model(model, LIKE, "interpreter", "zig")
    if code:
        env.Exit(code)  # noqa: F821
    return folder


if not env.IsIntegrationDump() and not env.IsCleanTarget():  # noqa: F821
    program = program_folder().resolve()
    if not (program / "model.cc").is_file():
        sys.exit(f"no model.cc in {program}: compile it with --engine interpreter")
    relative = os.path.relpath(str(program), env.subst("$PROJECT_SRC_DIR"))  # noqa: F821
    env.Append(CPPPATH=[str(program)], SRC_FILTER=[f"+<{relative}/model.cc>"])  # noqa: F821
