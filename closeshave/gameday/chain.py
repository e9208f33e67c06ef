"""The chain of a game day's events: each entry is hashed over the one before, so that a later edit, a deletion, another order or a cut shows.

It shows damage and careless edits. Who can write to the directory can also make a whole new chain: therefore the last hash is printed on the terminal
and in the report, to be kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from closeshave.files import append_line, record_of, write_atomically
from closeshave.vocabulary import GAME_DAY

CHAIN, HEAD = "chain.jsonl", "chain.head"
START = "0" * 64
"""What stands before the first entry."""
END = "end"
"""The kind of the last entry of a game day that came to its end."""


@dataclass(frozen=True, slots=True)
class ChainLink:
    """An entry of the chain. ``at_ns`` is monotonic; ``told`` holds plain values."""

    index: int
    at_ns: int
    kind: str
    told: Mapping[str, Any]
    before: str
    hash: str


@dataclass(frozen=True, slots=True)
class ChainFinding:
    """What a check of a chain found."""

    links: tuple[ChainLink, ...]
    """As far as they are sound."""
    wrong: str
    """What is wrong with the chain; empty when nothing is."""
    ended: bool
    """Whether the last entry is the end of the game day."""

    @property
    def last(self) -> str:
        """The last sound hash."""
        return self.links[-1].hash if self.links else START


LINK = TypeAdapter(ChainLink)


def digest(before: str, index: int, at_ns: int, kind: str, told: Mapping[str, Any]) -> str:
    """SHA-256 of an entry and of the hash before it, as 64 hexadecimal digits."""
    content = json.dumps([before, index, at_ns, kind, told], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


class Chain:
    """The chain of one run, as the only process that writes it holds it."""

    def __init__(self, run: Path) -> None:
        self._directory = run / GAME_DAY
        self._index, self.last = 0, START
        self._whole = True

    def add(self, at_ns: int, kind: str, told: Mapping[str, Any]) -> None:
        """Append an entry. Raises :class:`OSError`."""
        if not self._whole:
            # A signal or a full disk came between; what is in the file counts.
            self._catch_up()
        self._whole = False
        hashed = digest(self.last, self._index, at_ns, kind, told)
        entry = {"index": self._index, "at_ns": at_ns, "kind": kind, "told": told, "before": self.last, "hash": hashed}
        append_line(self._directory / CHAIN, entry, durable=True)
        self._index, self.last = self._index + 1, hashed
        write_atomically(self._directory / HEAD, f"{self._index} {hashed}\n", durable=False)
        self._whole = True

    def _catch_up(self) -> None:
        path = self._directory / CHAIN
        links, _ = _followed(path.read_bytes().splitlines(keepends=True) if path.exists() else ())
        self._index, self.last = len(links), links[-1].hash if links else START


def check(run: Path) -> ChainFinding:
    """Read the chain of a run and check it. Raises :class:`FileNotFoundError` for a run that has none, and other :class:`OSError`."""
    links, wrong = _followed((run / GAME_DAY / CHAIN).read_bytes().splitlines(keepends=True))
    ended = bool(links) and links[-1].kind == END and not wrong
    return ChainFinding(tuple(links), wrong or _cut(run, links), ended)


def _followed(lines: Sequence[bytes]) -> tuple[list[ChainLink], str]:
    """The entries up to the first that does not follow the one before, and what is wrong with it."""
    links: list[ChainLink] = []
    before = START
    for index, line in enumerate(lines):
        if not line.endswith(b"\n"):
            return links, f"entry {index} is cut off"
        try:
            link = LINK.validate_python(record_of(line))
        except (ValueError, ValidationError):
            return links, f"entry {index} cannot be read"
        if link.index != index or link.before != before:
            return links, f"entry {index} does not follow the one before it: something was removed, added or moved"
        if link.hash != digest(before, index, link.at_ns, link.kind, link.told):
            return links, f"entry {index} was changed"
        links.append(link)
        before = link.hash
    return links, "" if links else "it is empty"


def _cut(run: Path, links: Sequence[ChainLink]) -> str:
    """Whether entries are missing at the end, by the count that is kept beside the chain."""
    try:
        count, _, hashed = (run / GAME_DAY / HEAD).read_text(encoding="ascii", errors="replace").strip().partition(" ")
        counted = int(count)
    except (OSError, ValueError):
        return f"its {HEAD} is missing or cannot be read"
    # The harness may have been killed between an entry and its count.
    if counted not in {len(links), len(links) - 1}:
        return f"{counted} entries were written, and there are {len(links)}"
    return "" if hashed == (links[counted - 1].hash if counted else START) else f"its last entry is not the one that {HEAD} names"
