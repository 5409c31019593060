"""Speech Commands v2: 105,829 recordings of 35 words by 2,618 people (Warden, 2018; CC BY 4.0).

Downloaded once into the cache; an interrupted download goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from tinydeploy.config import cache_dir
from tinydeploy.errors import SetupError
from tinydeploy.models import Progress

from .folder import FolderSource
from .speech import OTHER, SPLITS, Clip, Request, Waveform

URL = "https://download.tensorflow.org/data/speech_commands_v0.02.tar.gz"

# The checksum of TensorFlow Datasets (checksums.tsv) and of torchaudio; 2,428,923,189 bytes.
SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"

WORDS = (
    *("backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward"),
    *("four", "go", "happy", "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one"),
    *("right", "seven", "sheila", "six", "stop", "three", "tree", "two", "up", "visual", "wow"),
    *("yes", "zero"),
)

_BLOCK_BYTES = 1 << 20
_TIMEOUT_S = 30.0
_ATTEMPTS = 5
_DONE_FILE = ".complete"


class SpeechCommands:
    """The whole set, with its authors' split by speaker.

    Args:
        url, sha256: of the archive, a .tar.gz.
        folder: where archive and recordings go; the cache by default.
    """

    is_clean = False
    description = "Speech Commands v2"

    def __init__(self, url: str = URL, sha256: str = SHA256, folder: Path | None = None) -> None:
        self.url = url
        self.sha256 = sha256
        self.folder = folder or cache_dir() / "speech_commands_v2"

    def clips(self, request: Request, progress: Progress) -> Iterator[Clip]:
        """Download and unpack if that was not done before, then read."""
        recordings = FolderSource(self.fetch(progress))
        yield from recordings.clips(request, progress)

    def noises(self) -> list[Waveform]:
        """Of what was fetched; nothing before."""
        recordings = self.folder / "recordings"
        return FolderSource(recordings).noises() if recordings.is_dir() else []

    def offers(self, request: Request) -> dict[str, set[str]]:
        """Its words are known without a download; each has thousands of recordings."""
        others = set(WORDS) - set(request.keywords)
        if request.other_words:
            others &= set(request.other_words)
        keys = (set(WORDS) & set(request.keywords)) | ({OTHER} if others else set())
        return {split: set(keys) for split in SPLITS}

    def fetch(self, progress: Progress) -> Path:
        """The folder with the recordings.

        Raises:
            SetupError: the archive cannot be had, or it is damaged.
        """
        recordings = self.folder / "recordings"
        if (recordings / _DONE_FILE).is_file():
            return recordings
        self.folder.mkdir(parents=True, exist_ok=True)
        archive = self.folder / PurePosixPath(urlsplit(self.url).path).name
        if not archive.is_file():
            download(self.url, archive, progress)
        try:
            check(archive, self.sha256, progress)
            unpack(archive, recordings, progress)
        except (tarfile.TarError, EOFError, ValueError) as error:
            shutil.rmtree(recordings, ignore_errors=True)
            archive.unlink()
            raise SetupError(
                f"{archive.name} is damaged: {error}", "it was deleted; try again"
            ) from error
        (recordings / _DONE_FILE).touch()
        archive.unlink()
        return recordings


def download(url: str, target: Path, progress: Progress) -> None:
    """Fetch a file. What has arrived stays beside it as `.part`; the next try goes on there.

    Raises:
        SetupError: the server refuses, or the connection broke too often.
    """
    part = target.with_name(target.name + ".part")
    failure: Exception | None = None
    for _ in range(_ATTEMPTS):
        try:
            if _continue(url, part, progress):
                part.replace(target)
                return
        except urllib.error.HTTPError as error:
            if error.code == 416:  # what is there is longer than the file: of no use
                part.unlink(missing_ok=True)
            elif error.code < 500:
                raise SetupError(f"{url}: the server says {error.code} {error.reason}") from error
            failure = error
        except (OSError, HTTPException) as error:  # no network, a broken connection, a full disk
            failure = error
    raise SetupError(
        f"{url} cannot be downloaded: {failure or 'the connection breaks again and again'}",
        f"check the network and the disk; what has arrived is kept in {part.parent}",
    )


def _continue(url: str, part: Path, progress: Progress) -> bool:
    """One connection; whether the file is whole after it."""
    there = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={there}-"} if there else {}
    with urllib.request.urlopen(
        urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S
    ) as reply:
        total = _total_bytes(reply)
        resumed = reply.status == 206
        done = there if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            while block := reply.read(_BLOCK_BYTES):
                file.write(block)
                done += len(block)
                progress("downloading", done, total or done)
    return total is None or done == total


def _total_bytes(reply: HTTPResponse) -> int | None:
    """Length of the whole file, None if the server does not say."""
    of_range = reply.headers.get("Content-Range", "").rpartition("/")[2]
    stated = of_range or reply.headers.get("Content-Length", "")
    return int(stated) if stated.isdigit() else None


def check(archive: Path, sha256: str, progress: Progress) -> None:
    """Raise ValueError unless the file has that SHA-256."""
    digest, done, total = hashlib.sha256(), 0, archive.stat().st_size
    with archive.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            done += len(block)
            progress("checking", done, total)
    if digest.hexdigest() != sha256:
        raise ValueError(f"its SHA-256 is {digest.hexdigest()}, not {sha256}")


def unpack(archive: Path, target: Path, progress: Progress) -> None:
    """Unpack regular files only, none of them outside of `target`.

    Raises:
        ValueError: a name in the archive leads outside.
        tarfile.TarError, EOFError: it is damaged or cut short.
    """
    shutil.rmtree(target, ignore_errors=True)
    total = archive.stat().st_size
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:gz") as files:
        for member in files:
            if not member.isfile():
                continue
            path = (target / member.name).resolve()
            if not path.is_relative_to(target.resolve()):
                raise ValueError(f"it holds the path {member.name}")
            source = files.extractfile(member)
            if source is None:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with source, path.open("wb") as file:
                shutil.copyfileobj(source, file)
            progress("unpacking", raw.tell(), total)
