"""The lock files: for every Python that is supported, from no index in particular."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.lock", "requirements-train.lock", "requirements-dev.lock"]


def pins(lock: str) -> dict[str, str]:
    """Package and marker -> version."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\$", text, re.MULTILINE)
    return {f"{name} ; {marker}": version for name, version, marker in found}


@pytest.mark.parametrize("lock", [*LOCKS, "requirements-renode.lock"])
def test_every_pin_has_a_hash_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    for block in re.split(r"\n(?=\w)", text)[1:]:
        assert "--hash=sha256:" in block, block


@pytest.mark.parametrize("lock", LOCKS[:-1])
def test_layers_agree(lock: str) -> None:
    everything = pins("requirements-dev.lock")
    versions = {key.split(" ;")[0]: set() for key in everything}
    for key, version in everything.items():
        versions[key.split(" ;")[0]].add(version)
    for key, version in pins(lock).items():
        assert version in versions[key.split(" ;")[0]], key


def test_tensorflow_is_not_in_the_base() -> None:
    names = {key.split(" ;")[0] for key in pins("requirements.lock")}
    assert names.isdisjoint({"tensorflow-cpu", "keras", "scipy", "pytest"})
    assert {"platformio", "ziglang", "unicorn", "tflite-micro", "pip"} <= names


def test_ci_takes_nothing_that_may_change() -> None:
    """Actions by commit, with the tag in words; archives by their SHA-256; packages by hashes."""
    text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    actions = re.findall(r"uses: *(.*)", text)
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v[\d.]+", action), action
    for step in re.split(r"\n *- (?=name|uses|run)", text):
        if "curl" in step:
            assert "sha256sum --check" in step, step
            assert step.index("sha256sum") < step.index("tar "), step
        assert "pip install" not in step or "--require-hashes" in step, step
    assert len(re.findall(r"_SHA256: [0-9a-f]{64}$", text, re.MULTILINE)) == text.count("curl")
