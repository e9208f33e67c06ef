"""``closeshave doctor --load``: a load machine measured, and what the promises of a target would take of machines like it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from closeshave.cli.saying import Voice, lines
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.capacity.loadmachine.values import LoadMachine

TARGET = "bookedbarber-enterprise"


def measure(voice: Voice, name: str, measured: Path | None, *, markdown: bool) -> NoReturn:
    """Measure, or read what was measured, and say what it supports; ends the command: 0 where everything asked for is supported, else 3."""
    from closeshave.capacity import sized, sizes
    from closeshave.files.shipped import locate
    from closeshave.target import read_target

    if markdown and voice.json:
        raise InvalidFile(Problem("--markdown", 0, "", "give either --markdown or --json"))
    # Whatever is wrong with what was asked is said before anything is measured.
    target = sized.asking(read_target(locate("environments/targets", name)), name)
    machine = sized.read(measured) if measured is not None else _measured(voice)
    found = sized.sized(machine, target)
    shown = [sizes.page(found).rstrip("\n")] if markdown else [*sizes.lines(found)]
    voice.result(sized.told(found), sized.brief(found), lines(shown))
    raise typer.Exit(Exit.PASS if found.supported else Exit.INCONCLUSIVE)


def refuse(others: Mapping[str, object]) -> None:
    """Options that do not go with ``--load``. Raises :class:`InvalidFile`."""
    if given := [name for name, value in others.items() if value]:
        raise InvalidFile(Problem(given[0], 0, "", "does not go with --load, which measures this machine alone"))


def refuse_without_load(others: Mapping[str, object]) -> None:
    """Options that need ``--load``. Raises :class:`InvalidFile`."""
    if given := [name for name, value in others.items() if value]:
        raise InvalidFile(Problem(given[0], 0, "", "is for --load"))


def _measured(voice: Voice) -> LoadMachine:
    from closeshave.capacity.loadmachine import measuring
    from closeshave.capacity.loadmachine.starting import CannotMeasure
    from closeshave.cli.saying import complain
    from closeshave.trial.interrupts import interrupts

    voice.note("measuring this machine as a load machine takes about a minute; nothing else should run on it")
    with interrupts(voice.note, lambda: "the load is being ended"):
        try:
            return measuring.measure(voice.note)
        except CannotMeasure as error:
            complain(str(error))
            raise typer.Exit(Exit.BROKEN) from None
