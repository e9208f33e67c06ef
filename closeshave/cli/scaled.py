"""``closeshave capacity PLAN --scaling``: how an environment of ours scales with the processors of its application."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from closeshave.cli.at_hand import at_hand
from closeshave.cli.saying import Voice, complain, lines
from closeshave.files.yamlfile import InvalidFile, Problem

if TYPE_CHECKING:
    from closeshave.capacity.asking import CapacityWords


def refuse(others: Mapping[str, object]) -> None:
    """Options that do not go with ``--scaling``. Raises :class:`InvalidFile`."""
    if given := [name for name, value in others.items() if value]:
        raise InvalidFile(Problem(given[0], 0, "", "cannot be used with --scaling, which searches no capacity"))


def measure(words: CapacityWords, capacities: Path, voice: Voice) -> NoReturn:
    """Measure and say what it supports; ends the command: 0 where every promised rate is supported, 3 where one is not or nothing can be fitted."""
    from closeshave.capacity import asking, scaling
    from closeshave.trial.interrupts import Interrupted, interrupts

    task = asking.prepared(words, voice.progress, capacities)
    try:
        cores = scaling.smallest_cores(task)
    except InvalidFile:
        shutil.rmtree(task.directory, ignore_errors=True)
        raise
    voice.note(f"directory of the scaling: {task.directory}")
    with at_hand(task.directory):
        try:
            with interrupts(voice.note):
                found = scaling.run(task, cores, voice.note)
        except Interrupted:
            complain("interrupted before anything was measured")
            raise typer.Abort from None
        if found.interrupted:
            complain(f"interrupted: {found.interrupted}; what follows is of the levels before")
        said = scaling.sentences(found)
        voice.result(scaling.plain(found), said[-1:], lines(said))
        voice.last("scaling", task.directory / scaling.RESULT)
    raise typer.Exit(found.exit_code)
