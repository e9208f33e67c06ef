"""The first files for an application that Closeshave starts: they are written, it is started and walked through, and they say what was seen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from closeshave.cli import described, firstfiles, walking
from closeshave.environments import application_proposal
from closeshave.environments.definition import read_definition
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.remote import proposal
from closeshave.environments.stack import Stack
from closeshave.environments.walk import SECTION
from closeshave.files.yamlfile import InvalidFile

if TYPE_CHECKING:
    from closeshave.cli.described import ApplicationOptions
    from closeshave.cli.firstfiles import FirstFiles, WriteEnvironment
    from closeshave.cli.saying import Voice
    from closeshave.environments.remote.examination import Examined


def bring(directory: Path, name: str, said: ApplicationOptions, api: str, locust: Path | None, voice: Voice, *, start: bool) -> None:
    """Write the files, and with ``start`` walk through the application. Files stay where it does not start.

    Raises :class:`InvalidFile` for options that cannot be used, and :class:`EnvironmentFailed` where the application does not start.
    """
    told = replace(described.read(said), books=locust is None)
    name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", Path.cwd().name).strip("-._")[:64] or "application"
    files = firstfiles.FirstFiles(directory, name, locust)

    def environment(path: Path, home: Path) -> None:
        path.write_text(application_proposal.text(name, described.placed(told, api, home)), encoding="utf-8")

    try:
        scale = firstfiles.write(files, environment, faults=True)
    except InvalidFile as error:
        raise described.by_options(error, files.environment) from None
    contained = bool(told.image)
    if not start:
        firstfiles.tell(files, {}, list(_next(files, _unseen(files, contained=contained), scale)), voice)
        return
    voice.note("the files are written; the application is started once, to walk through it")
    definition, written = read_definition(files.environment), files.contents
    assert isinstance(definition, Stack)
    try:
        examined = walking.walked(definition, voice, books=locust is None)
    except EnvironmentFailed as error:
        steps = [
            f"it could not be walked through, for the reason below: mend that in {files.environment}",
            *_unseen(files, contained=contained),
        ]
        firstfiles.tell(files, {"failed": str(error)}, list(_next(files, steps, scale)), voice)
        raise
    scale, unfitting = _corrected(files, environment, examined, written, scale)
    seen = [*firstfiles.missing(examined.findings), *unfitting]
    more: dict[str, Any] = {"findings": firstfiles.told(examined.findings)}
    firstfiles.tell(files, more, list(_next(files, seen, scale)), voice)


def _corrected(
    files: FirstFiles, environment: WriteEnvironment, examined: Examined, written: Mapping[Path, bytes], scale: float
) -> tuple[float, list[str]]:
    """Put what was seen into the files; returns the plan's scale, and what did not fit."""

    def corrected(path: Path, home: Path) -> None:
        environment(path, home)
        whole = proposal.edited(path, examined.proposed, SECTION)
        path.unlink()
        proposal.write(path, whole)

    try:
        return firstfiles.write(files, corrected, faults=True, ours=written), []
    except InvalidFile as error:
        why = "; ".join(str(problem) for problem in error.problems)
        return scale, [f"what the doctor saw is not in {files.environment}, because then no first plan is valid: {why}"]


def _next(files: FirstFiles, steps: list[str], scale: float) -> Iterator[str]:
    """What to do now, in order."""
    yield f"read {files.environment}: its comments say what is a guess, above all the names of variables"
    yield from steps
    yield from firstfiles.slowed(scale)
    yield f"see what a run will judge: closeshave validate {files.plan}"
    yield f"run it: closeshave run {files.plan}"
    yield f"write your own promises in {files.target}"


def _unseen(files: FirstFiles, *, contained: bool) -> list[str]:
    """What to do to see whether it starts."""
    return [
        *(["build the images of the servers: closeshave env images"] if contained else []),
        f"see whether it starts and what it answers: closeshave doctor --environment {files.environment} --write",
    ]
