"""Which recordings train, validate and test: by speaker, or by recording where these are few."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from .speech import SPLITS

Groups = Mapping[str, Sequence[Path]]  # recordings of each keyword, and of other words together

MIN_SPEAKERS = 5  # fewer would leave too little to train on
HELD_OUT = 0.1  # of speakers, or of recordings, for validation and for the test, each
MOST_HELD_OUT = 0.4  # of the speakers, when some of them did not say every word


def assigned(groups: Groups, speaker_of: Callable[[Path], str]) -> tuple[dict[Path, str], str]:
    """The split of every recording, and how it was found, in words.

    Everything that is recorded at least twice is in the test set, and in training. It depends on
    names alone, so that it is the same each time.
    """
    said: dict[str, set[str]] = {}
    for key, paths in groups.items():
        for path in paths:
            said.setdefault(speaker_of(path), set()).add(key)
    speakers = _by_speaker(said) if len(said) >= MIN_SPEAKERS else None
    if speakers is not None:
        split = {path: speakers[speaker_of(path)] for paths in groups.values() for path in paths}
        return split, f"split by speaker, {len(said)} of them"
    return _by_recording(groups), f"split by recording, as {_few(len(said))}"


def _few(speakers: int) -> str:
    if speakers >= MIN_SPEAKERS:
        return "no few speakers said all words"
    return f"{speakers} speaker{'s are' if speakers != 1 else ' is'} too few to keep some apart"


def _by_speaker(said: Mapping[str, set[str]]) -> dict[str, str] | None:
    """Speakers for the test, then for validation; None if these and the rest can't say all words.

    Args:
        said: the words of each speaker.
    """
    words, left = set().union(*said.values()), _shuffled(said)
    count, found = max(1, round(HELD_OUT * len(said))), dict.fromkeys(said, "train")
    for split in ("test", "validation"):
        chosen = _enough(left, said, words, count)
        found |= dict.fromkeys(chosen, split)
        left = [speaker for speaker in left if speaker not in chosen]
    heard = {s: set().union(*(said[n] for n in said if found[n] == s)) for s in SPLITS}
    held_out = len(said) - len(left)
    is_fair = held_out <= max(2, MOST_HELD_OUT * len(said))
    return found if is_fair and all(each == words for each in heard.values()) else None


def _enough(
    speakers: Sequence[str], said: Mapping[str, set[str]], words: set[str], count: int
) -> list[str]:
    """`count` speakers, and as many more as it takes to have every word."""
    chosen: list[str] = []
    missing = set(words)
    for speaker in speakers:
        if len(chosen) < count or said[speaker] & missing:
            chosen.append(speaker)
            missing -= said[speaker]
        if len(chosen) >= count and not missing:
            break
    return chosen


def _by_recording(groups: Groups) -> dict[Path, str]:
    """Of each word some to the test, one at least; then to training; then to validation."""
    found: dict[Path, str] = {}
    for paths in groups.values():
        names = {f"{path.parent.name}/{path.name}": path for path in paths}
        order = [names[name] for name in _shuffled(names)]
        count = max(1, round(HELD_OUT * len(order)))
        spare = max(0, len(order) - count - 1)  # one at least is for training
        for at, path in enumerate(order):
            validates = at < count + min(count, spare)
            found[path] = "test" if at < count else "validation" if validates else "train"
    return found


def _shuffled(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha1(name.encode()).digest())
