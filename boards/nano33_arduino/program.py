"""Adds the model to an Arduino build: TINYDEPLOY_PROGRAM, else build/<model>/nano33/program.

`tinydeploy compile --model kws --board nano33` writes that folder; run it first.
"""

import os
import sys
from pathlib import Path

Import("env")  # noqa: F821 - PlatformIO supplies it

project = Path(env.subst("$PROJECT_DIR"))  # noqa: F821
model = env.GetProjectOption("custom_model")  # noqa: F821
default = project / "build" / model / "nano33" / "program"
program = Path(os.environ.get("TINYDEPLOY_PROGRAM", default))
if not (program / "model.h").is_file():
    sys.exit(f"no model.h in {program}: run `tinydeploy compile --model {model} --board nano33`")

env.Append(CPPPATH=[str(program)])  # noqa: F821
env.BuildSources(  # noqa: F821
    os.path.join("$BUILD_DIR", "program"), str(program), "+<model.cc>"
)
env.BuildSources(  # noqa: F821
    os.path.join("$BUILD_DIR", "board"), str(project / "boards" / "nano33_arduino"), "+<*.cpp>"
)
