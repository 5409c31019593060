"""One port for two readers: a device client takes the frames, the log's reader the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tinydeploy.link.frame import DELIMITER, LARGEST_CHUNK_BYTES
from tinydeploy.link.transport import Transport

MOST_UNREAD_BYTES = 1 << 20
_TEXT = frozenset(range(0x20, 0x7F)) | frozenset(b"\r\n\t")


class TextLines:
    """Finds the log lines between the frames, each as soon as it is complete.

    Nothing that the device sends as a frame begins with two printable bytes: the second byte after
    a delimiter is the type of an answer, 0x80 or more, or the first is the 2 or 3 that COBS puts
    before an event's type.
    """

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the next bytes of the stream; yields the text that they complete."""
        *chunks, rest = (self._pending + data).split(DELIMITER)
        for chunk in chunks:
            if _is_text(chunk):
                yield chunk
        end = rest.rfind(b"\n") + 1
        if _is_text(rest[:end]):
            yield rest[:end]
            rest = rest[end:]
        self._pending = rest[-LARGEST_CHUNK_BYTES:]  # more without an end is no line


class SharedWire:
    """A transport whose log text others may follow; implements Transport."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.description = inner.description
        self._lines = TextLines()
        self._unread = b""
        self._followers: list[Callable[[bytes], object]] = []

    def follow(self, follower: Callable[[bytes], object]) -> None:
        """Hand every line of text to `follower` from now on."""
        self._followers.append(follower)

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self.inner.write(data)

    def read(self, timeout_s: float) -> bytes:
        """What `pump` left, else what the device sends within `timeout_s`."""
        data, self._unread = self._unread, b""
        return data or self._take(timeout_s)

    def pump(self, timeout_s: float) -> bool:
        """Read for the followers alone; frames stay for the next `read`. False after silence."""
        data = self._take(timeout_s)
        self._unread = (self._unread + data)[-MOST_UNREAD_BYTES:]  # what is lost is asked for again
        return bool(data)

    def close(self) -> None:
        """Close the inner transport."""
        self.inner.close()

    def _take(self, timeout_s: float) -> bytes:
        data = self.inner.read(timeout_s)
        for text in self._lines.feed(data):
            for follower in self._followers:
                follower(text)
        return data


def _is_text(chunk: bytes) -> bool:
    return bool(chunk) and _TEXT.issuperset(chunk)
