"""What a command says, and where: its result to standard output, everything else to standard error.

A result can be told in three ways: for a person, in as few words as possible (``--quiet``), or as one JSON document (``--json``).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from closeshave.files.plaintext import clean

WIDE = 1000
"""Columns where nobody looks: a line of a pipe or a log is never broken."""

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document on standard output.")]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print the result alone, in as few words as possible: no progress. Errors are printed in any case."),
]


@dataclass(frozen=True, slots=True)
class Voice:
    """How one command speaks."""

    json: bool = False
    quiet: bool = False

    @property
    def progress(self) -> Console:
        """For what is going on: standard error; nothing is shown with ``--quiet``."""
        return _console(error=True, quiet=self.quiet)

    def note(self, sentence: str) -> None:
        """One line of progress."""
        _sentence(self.progress, sentence)

    def result(self, told: object, brief: Iterable[str], show: Callable[[Console], object]) -> None:
        """Print what was asked for: ``told`` is made of plain values, ``brief`` are lines, ``show`` prints it for a person."""
        if self.json:
            _write(json.dumps(told, indent=1))
        elif self.quiet:
            for line in brief:
                _write(line)
        else:
            show(_console())

    def last(self, what: str, path: Path) -> None:
        """After the result, where something of it lies. A JSON document stays the only one."""
        if not self.json and path.exists():
            _write(str(path) if self.quiet else f"{what}: {path}")


def complain(sentence: str) -> None:
    """Say what is wrong."""
    _sentence(_console(error=True), sentence, "red")


def complain_of_judges(tracebacks: str) -> None:
    """Say where the tracebacks of judges that failed are; nothing where none did."""
    if tracebacks:
        complain(f"judges failed; their tracebacks are in {tracebacks}")


def lines(several: Iterable[str], style: str = "") -> Callable[[Console], None]:
    """Shows these lines, each of them whole."""

    def show(console: Console) -> None:
        for line in several:
            console.print(Text(clean(line), style=style), soft_wrap=True)

    return show


def _sentence(console: Console, sentence: str, style: str = "") -> None:
    """Whole where programs read it; on a terminal broken between words."""
    console.print(clean(sentence), style=style, soft_wrap=not console.is_terminal)


def _write(line: str) -> None:
    """Not by Typer's echo, which writes UTF-8 whatever the locale is."""
    sys.stdout.write(f"{clean(line)}\n")


def _console(*, error: bool = False, quiet: bool = False) -> Console:
    """What is printed is data: a path, a platform's words. Whatever looks like markup in it is text; colours are said by rich.text.Text alone."""
    console = Console(stderr=error, quiet=quiet, markup=False, emoji=False, highlight=False)
    looked_at = console.file.isatty()
    if not looked_at and not os.environ.get("COLUMNS"):
        console = Console(stderr=error, quiet=quiet, markup=False, emoji=False, highlight=False, width=WIDE)
    # FORCE_COLOR may ask for colours in the log of a CI job. A table that is drawn again and again has no place there.
    console.is_interactive = console.is_interactive and looked_at and not os.environ.get("CI")
    return console
