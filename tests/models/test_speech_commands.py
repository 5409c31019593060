"""The download of Speech Commands, from a server on this PC that misbehaves on demand."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tinydeploy.errors import SetupError
from tinydeploy.models import ModelSpec, no_progress


class Server(ThreadingHTTPServer):
    """Serves `content`; `breaks` and `ranges` say how well. `asked` holds the Range headers."""

    content = b""
    ranges = True
    breaks_after: int | None = None  # bytes of a reply, once
    status: int | None = None
    asked: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.server.status is not None:
            self.send_error(self.server.status)
            return
        content = self.server.content
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if not self.server.ranges:
            start = 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end, self.server.breaks_after = self.server.breaks_after, None
        self.wfile.write(content[start:] if end is None else content[start : start + end])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        made.asked = []
        made.content = archive({"yes/a_nohash_0.wav": wav(), "no/b_nohash_0.wav": wav()})
        thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def commands(kws: ModelSpec) -> ModuleType:
    return kws.module("speech_commands")


def wav() -> bytes:
    """A second of noise, which does not compress."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(0).bytes(32000))
    return buffer.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def source(commands: ModuleType, server: Server, folder: Path, sha256: str | None = None) -> object:
    url = f"http://127.0.0.1:{server.server_port}/speech.tar.gz"
    digest = sha256 or hashlib.sha256(server.content).hexdigest()
    return commands.SpeechCommands(url, digest, folder)


def test_download_unpack_and_never_again(
    commands: ModuleType, server: Server, tmp_path: Path
) -> None:
    seen: list[tuple[str, int, int]] = []
    speech_commands = source(commands, server, tmp_path)
    folder = speech_commands.fetch(lambda *said: seen.append(said))
    assert (folder / "yes" / "a_nohash_0.wav").read_bytes() == wav()
    assert ("downloading", len(server.content), len(server.content)) in seen
    assert list(tmp_path.glob("*.tar.gz*")) == []
    speech_commands.fetch(no_progress)
    assert server.asked == [None]


def test_broken_connection_is_resumed(commands: ModuleType, server: Server, tmp_path: Path) -> None:
    server.breaks_after = 20000
    folder = source(commands, server, tmp_path).fetch(no_progress)
    assert server.asked == [None, "bytes=20000-"]
    assert (folder / "no" / "b_nohash_0.wav").read_bytes() == wav()


def test_download_of_an_earlier_run_is_resumed(
    commands: ModuleType, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "speech.tar.gz.part").write_bytes(server.content[:30000])
    source(commands, server, tmp_path).fetch(no_progress)
    assert server.asked == ["bytes=30000-"]


def test_server_without_ranges_starts_again(
    commands: ModuleType, server: Server, tmp_path: Path
) -> None:
    server.ranges, server.breaks_after = False, 20000
    source(commands, server, tmp_path).fetch(no_progress)
    assert server.asked == [None, "bytes=20000-"]


def test_part_that_is_too_long_is_dropped(
    commands: ModuleType, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "speech.tar.gz.part").write_bytes(server.content + b"more")
    source(commands, server, tmp_path).fetch(no_progress)
    assert server.asked[1:] == [None]


def test_damaged_archive_is_refused_and_deleted(
    commands: ModuleType, server: Server, tmp_path: Path
) -> None:
    good = hashlib.sha256(server.content).hexdigest()
    damaged = bytearray(server.content)
    damaged[len(damaged) // 2] ^= 1
    server.content = bytes(damaged)
    with pytest.raises(SetupError, match=r"speech\.tar\.gz is damaged: its SHA-256 is"):
        source(commands, server, tmp_path, good).fetch(no_progress)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 100, 40000])
def test_archive_cut_short(commands: ModuleType, server: Server, tmp_path: Path, keep: int) -> None:
    """The checksum would fit, if somebody computed it from a bad copy: gzip still notices."""
    server.content = server.content[:keep] or b"\0"
    with pytest.raises(SetupError, match="is damaged"):
        source(commands, server, tmp_path).fetch(no_progress)
    assert not (tmp_path / "recordings").exists()


def test_archive_that_leads_outside(commands: ModuleType, server: Server, tmp_path: Path) -> None:
    server.content = archive({"../../evil.wav": wav()})
    with pytest.raises(SetupError, match=r"holds the path \./\.\./\.\./evil"):
        source(commands, server, tmp_path / "a" / "b").fetch(no_progress)
    assert not list(tmp_path.rglob("evil.wav"))


@pytest.mark.parametrize("status", [403, 404])
def test_server_refuses(commands: ModuleType, server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(SetupError, match=f"the server says {status}"):
        source(commands, server, tmp_path).fetch(no_progress)
    assert len(server.asked) == 1


def test_server_always_fails(commands: ModuleType, server: Server, tmp_path: Path) -> None:
    server.status = 503
    with pytest.raises(SetupError, match="cannot be downloaded: HTTP Error 503"):
        source(commands, server, tmp_path).fetch(no_progress)


def test_no_network(commands: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be downloaded") as caught:
        commands.SpeechCommands("http://127.0.0.1:9/x.tar.gz", folder=tmp_path).fetch(no_progress)
    assert "network" in caught.value.hint


def test_official_address_and_checksum(commands: ModuleType) -> None:
    assert commands.URL.startswith("https://download.tensorflow.org/data/speech_commands_v0.02")
    assert len(bytes.fromhex(commands.SHA256)) == 32
