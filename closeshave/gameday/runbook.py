"""Runbooks: Markdown files whose list items are the steps. What else is in the file is for readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from closeshave.files.plaintext import clean
from closeshave.files.yamlfile import InvalidFile, Problem

BYTES_MOST, STEPS_MOST, STEP_LONGEST = 1 << 18, 200, 500


@dataclass(frozen=True, slots=True)
class Runbook:
    """The name of a runbook's file, and the text of its steps in order."""

    name: str
    steps: tuple[str, ...]


def read_runbook(path: Path, name: str) -> Runbook:
    """The runbook in a file. Raises :class:`closeshave.files.yamlfile.InvalidFile` for one that cannot be read or has no steps."""
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MOST + 1)
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(Problem(str(path), 0, "", f"cannot be read: {error}")) from None
    if len(data) > BYTES_MOST:
        raise InvalidFile(Problem(str(path), 0, "", f"larger than {BYTES_MOST >> 10} KiB"))
    steps = tuple(steps_of(text))
    if not steps:
        raise InvalidFile(Problem(str(path), 0, "", "has no list items; they are the steps of a runbook"))
    if len(steps) > STEPS_MOST:
        raise InvalidFile(Problem(str(path), 0, "", f"has {len(steps)} steps; at most {STEPS_MOST}"))
    return Runbook(name, steps)


def steps_of(text: str) -> Iterator[str]:
    """The steps in a Markdown text, in its order, lists in lists included: of each item the first paragraph, as text."""
    waiting = False
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "list_item_open":
            waiting = True
        elif waiting and token.type == "inline":
            waiting = False
            if said := _plain(token):
                yield said


def _plain(token: Token) -> str:
    """The words of a paragraph, without emphasis and without the box of a task list."""
    parts = (" " if each.type in {"softbreak", "hardbreak"} else each.content for each in token.children or ())
    said = " ".join(clean("".join(parts)).split())
    for box in ("[ ] ", "[x] ", "[X] "):
        said = said.removeprefix(box)
    return said if len(said) <= STEP_LONGEST else f"{said[: STEP_LONGEST - 1]}…"
