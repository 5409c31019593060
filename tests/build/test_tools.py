from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from tinydeploy import tools
from tinydeploy.errors import BuildError, SetupError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_of_both_streams_is_collected() -> None:
    done = tools.run(
        python("import sys; print('out', flush=True); print('err', file=sys.stderr)"), what="it"
    )
    assert done.returncode == 0
    assert done.stdout.split() == ["out", "err"]


def test_failure_shows_the_last_lines_and_the_command() -> None:
    with pytest.raises(BuildError) as caught:
        tools.run(python("print('line one'); raise SystemExit(3)"), what="the trial")
    assert caught.value.message == "the trial failed with exit status 3:\nline one"
    assert sys.executable in caught.value.hint


def test_failure_can_be_left_to_the_caller() -> None:
    assert tools.run(python("raise SystemExit(3)"), what="it", check=False).returncode == 3


def test_a_program_that_is_not_there_is_a_matter_of_setup() -> None:
    with pytest.raises(SetupError, match="the trial needs 'no-such-program'"):
        tools.run(["no-such-program"], what="the trial")


def test_variables_are_added_to_the_environment() -> None:
    code = "import os; print(os.environ['TRIAL'], 'PATH' in os.environ)"
    assert tools.run(python(code), what="it", env={"TRIAL": "7"}).stdout.split() == ["7", "True"]


def test_a_time_out_ends_the_children_too(tmp_path: Path) -> None:
    """The grandchild would write the file after the time-out, if it lived on."""
    proof = tmp_path / "proof"
    grandchild = f"import time; time.sleep(1.5); open({str(proof)!r}, 'w')"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    with pytest.raises(BuildError, match=r"did not finish within 0\.5 s"):
        tools.run(python(child), what="the trial", timeout_s=0.5)
    time.sleep(1.5)
    assert not proof.exists()


def test_python_modules_run_with_this_python() -> None:
    assert tools.python_module_argv("platformio", "run")[:3] == [
        sys.executable,
        "-m",
        "platformio",
    ]
    with pytest.raises(SetupError, match="no_such_module"):
        tools.python_module_argv("no_such_module")


def test_programs_of_the_environment_come_before_the_path() -> None:
    found = tools.find("python")
    assert found is not None
    assert found.parent == Path(sys.executable).parent
    assert tools.find("no-such-program") is None
