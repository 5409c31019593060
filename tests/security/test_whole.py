"""What is written appears whole, and goes nowhere else."""

from __future__ import annotations

import ast
import os
import time
from pathlib import Path

import pytest
from tinydeploy import whole
from tinydeploy.config import ROOT
from tinydeploy.keys import CachedResult

PACKAGE = ROOT / "scripts/tinydeploy"
# Functions that write a file under its own name.
WRITERS = {"write_text", "write_bytes", "copyfile", "copy2", "savez", "savez_compressed", "save"}
# Logs, a lock, and the drive of a bootloader, which takes blocks and not names.
OTHERWISE = {
    *("bootstrap/pip.py", "bootstrap/environment.py", "hardware/embedded.py", "flash/ports.py"),
}


def test_a_reader_sees_the_old_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a/b.txt"
    whole.write(path, "old")
    seen = []

    def replace(source: Path, target: Path) -> None:
        seen.append((path.read_text(), Path(source).read_text()))
        os.rename(source, target)

    monkeypatch.setattr(whole.os, "replace", replace)
    whole.write(path, "new", mode=whole.FOR_PROGRAMS)
    assert seen == [("old", "new")]
    assert path.read_text() == "new"
    assert os.access(path, os.X_OK)
    assert [each.name for each in path.parent.iterdir()] == ["b.txt"]


def test_what_fails_leaves_the_old_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    whole.write(path, b"old")
    with pytest.raises(ZeroDivisionError), whole.appearing(path) as beside:
        beside.write_bytes(b"new"[: 1 // 0])
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_mode_is_the_users(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        whole.write(tmp_path / "plain", "")
        whole.write(tmp_path / "program", "", mode=whole.FOR_PROGRAMS)
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("plain", "program")]
    assert modes == [0o640, 0o750]


def test_a_link_is_replaced_and_never_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "ours"
    victim.write_text("mine")
    path.symlink_to(victim)
    whole.write(path, "new")
    assert not path.is_symlink()
    path.unlink()
    path.symlink_to(victim)
    whole.write_if_changed(path, "mine")  # a link to the right bytes may turn wrong later
    assert not path.is_symlink()
    assert victim.read_text() == "mine"


def test_what_a_user_names_is_written_where_it_leads(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(real)
    whole.write_named(link, "text")
    assert link.is_symlink()
    assert real.read_text() == "text"
    whole.write_named(Path("/dev/null"), "text")
    assert not Path("/dev/null").is_file()


def test_what_killed_runs_have_left_goes(tmp_path: Path) -> None:
    old, young = (tmp_path / f"{whole.PREFIX}{name}.new" for name in ("old", "young"))
    folder = tmp_path / f"{whole.PREFIX}folder"
    folder.mkdir()
    for path in (old, young, tmp_path / "other.new", folder / "inside"):
        path.touch()
    long_ago = time.time() - 2 * 86400
    for path in (old, folder, tmp_path / "other.new"):
        os.utime(path, (long_ago, long_ago))
    whole.write(tmp_path / "new", "")
    assert {path.name for path in tmp_path.iterdir()} == {young.name, "new", "other.new"}


def test_an_unchanged_file_keeps_its_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    whole.write(path, "text")
    os.utime(path, (1, 1))
    whole.write_if_changed(path, "text")
    assert path.stat().st_mtime == 1
    whole.write_if_changed(path, "other")
    assert path.read_text() == "other"


def test_a_key_vouches_for_bytes(tmp_path: Path) -> None:
    product = tmp_path / "firmware.elf"
    known = CachedResult(tmp_path / "firmware.json", "key", (product,))
    product.write_text("A")
    known.save({"toolchain": "zig"})
    assert known.load() == {"toolchain": "zig"}
    assert CachedResult(known.path, "another", known.products).load() is None
    product.write_text("B")
    assert known.load() is None
    product.unlink()
    assert known.load() is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"key": "key"}', '{"key": "key", "value": 3}'])
def test_a_spoiled_key_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    assert CachedResult(path, "key").load() is None


def test_no_key_while_products_change(tmp_path: Path) -> None:
    product = tmp_path / "product"
    known = CachedResult(tmp_path / "key.json", "A", (product,))

    def make() -> dict[str, str]:
        assert not known.path.exists()
        product.write_text("new")
        return {}

    known.made(make)
    with pytest.raises(ZeroDivisionError):
        CachedResult(known.path, "B", (product,)).made(lambda: {"never": 1 // 0})
    assert known.load() is None, "of what failed half-way nothing is known"


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_nobody_writes_another_way(path: Path) -> None:
    """A file under its own name can be seen half-written, or be led away by a link."""
    name = path.relative_to(PACKAGE).as_posix()
    if name == "whole.py":
        return
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_copy = ast.unparse(node.func) == "shutil.copy"
            if is_copy or (node.func.attr in WRITERS and not _is_into_an_open_file(node)):
                found.append(f"line {node.lineno}: {node.func.attr}")
            is_open = node.func.attr == "open" and _writes(node) and not _is_beside(node)
            if is_open and name not in OTHERWISE:
                found.append(f"line {node.lineno}: open for writing")
    assert not found, "use tinydeploy.whole"


def _is_into_an_open_file(node: ast.Call) -> bool:
    """`np.savez(file)`, `known.save(value)`, `model.save(beside)`."""
    first = node.args[0] if node.args else None
    assert isinstance(node.func, ast.Attribute)
    of_ours = node.func.attr == "save" and ast.unparse(node.func.value) != "np"
    is_open = isinstance(first, ast.Name) and first.id in ("file", "beside")
    return is_open or (of_ours and ast.unparse(node.func.value) != "model")


def _is_beside(node: ast.Call) -> bool:
    assert isinstance(node.func, ast.Attribute)
    return ast.unparse(node.func.value) == "beside"


def _writes(node: ast.Call) -> bool:
    words = [each.value for each in node.args if isinstance(each, ast.Constant)]
    return any(isinstance(word, str) and set(word) <= set("wabx+t") for word in words)
