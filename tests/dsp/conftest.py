"""Fixtures of the kernel tests: the portable bodies on this PC, the Armv7E-M bodies simulated."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tinydeploy.kernel_lab.harness import CortexM4, Host, build_cortex_m4, build_host


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    folder = tmp_path_factory.mktemp("host")
    return Host(build_host(folder, ["-fsanitize=undefined", "-fsanitize-trap=undefined"]))


@pytest.fixture(scope="session")
def cortex_m4(tmp_path_factory: pytest.TempPathFactory) -> CortexM4:
    return CortexM4(build_cortex_m4(tmp_path_factory.mktemp("zig"), "zig"))


@pytest.fixture(scope="session")
def cortex_m4_gcc(tmp_path_factory: pytest.TempPathFactory) -> CortexM4:
    if shutil.which("arm-none-eabi-g++") is None:
        pytest.skip("no GNU Arm compiler on the PATH")
    return CortexM4(build_cortex_m4(Path(tmp_path_factory.mktemp("gcc")), "gcc"))


@pytest.fixture(params=["host", "cortex_m4", "cortex_m4_gcc"])
def machine(request: pytest.FixtureRequest) -> Host | CortexM4:
    found: Host | CortexM4 = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(list(request.node.name.encode()))
