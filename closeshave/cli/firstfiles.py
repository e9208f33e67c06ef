"""The first files of a team: an environment, a target and a plan that fit each other and are valid. Nothing that exists is overwritten."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.files.yamlfile import NAME, InvalidFile, Problem

SCALES = (1.0, 0.5, 0.25, 0.1, 0.05)
"""The rates of a first plan are multiplied by the first of these at which it is valid: a platform may allow few requests."""
SESSIONS_PER_S = 2.0
CANARIES_PER_S = 2.0

PROMISES = (
    (
        "answers",
        "Nearly every request gets the promised answer",
        "load",
        "{id: availability, claims: [answers], measure: availability, at_least: 99%}",
    ),
    (
        "quick",
        "Responses arrive without a noticeable delay",
        "load",
        "{id: latency, claims: [quick], measure: latency, percentile: 95%, at_most: 500ms}",
    ),
    (
        "recovers",
        "What breaks works again by itself, within a minute",
        "fault",
        '{id: recovery, claims: [recovers], measure: recovery, at_most: 60s, faults: ["*"]}',
    ),
    (
        "keeps-bookings",
        "No confirmed booking is lost, duplicated or charged twice",
        "load",
        "{id: integrity, claims: [keeps-bookings], measure: integrity}",
    ),
)
"""The promises of a first target: name, text, how it is tested, and its objective."""
OF_JOURNEYS = frozenset({"keeps-bookings"})
"""Promises that a Locust file of the user's own does not test, unless it says what it booked."""

WriteEnvironment = Callable[[Path, Path], object]
"""Writes the environment file at a path. Relative paths in it count from the directory that comes second."""


@dataclass(frozen=True, slots=True)
class FirstFiles:
    """What is to be written below a directory."""

    directory: Path
    name: str
    locust: Path | None = None
    """A Locust file of the user's own."""

    @property
    def environment(self) -> Path:
        """The environment file."""
        return self.directory / "environments" / f"{self.name}.yaml"

    @property
    def target(self) -> Path:
        """The target file."""
        return self.directory / "environments" / "targets" / f"{self.name}.yaml"

    @property
    def plan(self) -> Path:
        """The plan."""
        return self.directory / "scenarios" / f"{self.name}.yaml"

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file, in the order in which one refers to another."""
        return self.environment, self.target, self.plan


def check(files: FirstFiles) -> None:
    """Raise :class:`InvalidFile` if the name cannot be one, a file exists already, or the Locust file does not."""
    if not re.fullmatch(NAME, files.name):
        said = f"{files.name!r} is no name: use letters, digits, dots, hyphens and underscores, at most 64"
        raise InvalidFile(Problem("--name", 0, "", said))
    there = [path for path in files.all if path.exists()]
    if there:
        said = "exists already, and nothing is overwritten: choose another --name, or remove it first"
        raise InvalidFile(*(Problem(str(path), 0, "", said) for path in there))
    if files.locust is not None and not files.locust.is_file():
        raise InvalidFile(Problem("--locust", 0, "", f"{files.locust}: no such file"))


def write(files: FirstFiles, environment: WriteEnvironment, *, faults: bool = False) -> float:
    """Write all files, or none; returns by what the plan's rates had to be multiplied to fit.

    ``faults``: whether the harness itself can inject faults there. Raises :class:`InvalidFile` where nothing valid can be written: what it names is then
    what the environment file, or the Locust file, must say otherwise.
    """
    check(files)
    with tempfile.TemporaryDirectory() as place:
        tried = replace(files, directory=Path(place))
        for path in tried.all:
            path.parent.mkdir(parents=True, exist_ok=True)
        environment(tried.environment, tried.environment.parent)
        tried.target.write_text(_target(files), encoding="utf-8")
        scale = _fitting(files, tried, faults=faults)
        # Its paths count from its own place.
        tried.environment.unlink()
        environment(tried.environment, files.environment.parent)
        for made, path in zip(tried.all, files.all, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            with made.open("rb") as source, path.open("xb") as file:
                shutil.copyfileobj(source, file)
    return scale


def _fitting(files: FirstFiles, tried: FirstFiles, *, faults: bool) -> float:
    """Write the plan at the highest rate at which it is valid."""
    from closeshave.trial.preparation import prepare

    refused: InvalidFile | None = None
    for scale in SCALES:
        tried.plan.write_text(_plan(files, tried, scale, faults=faults), encoding="utf-8")
        try:
            prepare(str(tried.plan))
        except InvalidFile as error:
            refused = error
            if all(problem.key != "phases" for problem in error.problems):
                break
            continue
        # The Locust file's path counts from the plan's own directory.
        tried.plan.write_text(_plan(files, files, scale, faults=faults), encoding="utf-8")
        return scale
    assert refused is not None
    renamed = {str(made): str(path) for made, path in zip(tried.all, files.all, strict=True)}
    raise InvalidFile(*(replace(problem, file=renamed.get(problem.file, problem.file)) for problem in refused.problems))


def _target(files: FirstFiles) -> str:
    rows = [row for row in PROMISES if files.locust is None or row[0] not in OF_JOURNEYS]
    lines = [
        f"# What {files.name} promises: write your own promises and bounds here. A promise is a claim; an objective tests it.",
        f"name: {files.name}",
        f'title: "The promises of {files.name}"',
        "claims:",
        *(f"  - {{id: {name}, text: {text!r}, how: [{how}]}}" for name, text, how, _ in rows),
        "objectives:",
        *(f"  - {objective}" for *_, objective in rows),
    ]
    return "\n".join(lines) + "\n"


def _plan(files: FirstFiles, place: FirstFiles, scale: float, *, faults: bool) -> str:
    lines = [
        f"# A first run on {files.name}: a minute and a half of gentle load{', and one fault' if faults else ''}.",
        f"name: {files.name}",
        f"environment: ../environments/{files.name}.yaml",
        f"target: ../environments/targets/{files.name}.yaml",
        "seed: 1",
        "limits: {duration: 5m, requests: 20000}",
        *_traffic(files, place, scale),
        f"canaries: {{home_per_s: {CANARIES_PER_S * scale:g}, away_per_s: 0}}",
        "phases:",
        f"  - {{name: warm-up, role: warm-up, duration: 10s, sessions_per_s: {SESSIONS_PER_S * scale / 2:g}}}",
        f"  - {{name: calm, role: calm, duration: 80s, sessions_per_s: {SESSIONS_PER_S * scale:g}}}",
    ]
    broken = [
        f"  - {{name: broken, role: fault, duration: 90s, sessions_per_s: {SESSIONS_PER_S * scale:g}}}",
        "faults:",
        "  - {id: primary-killed, kind: shard.primary-killed, phase: broken, at: 10s, hold: 65s, expected: recovers, scope: {shard: 1}}",
    ]
    if faults:
        return "\n".join([*lines, *broken]) + "\n"
    hint = "# A fault needs a hook in the environment file, which says how your operators break it and mend it. With one, add this phase and its fault:"
    return "\n".join([*lines, hint, *(f"#{line}" for line in broken)]) + "\n"


def _traffic(files: FirstFiles, place: FirstFiles, scale: float) -> Iterable[str]:
    if files.locust is None:
        yield f"traffic: {{contests_per_s: {0.5 * scale:g}}}"
        return
    path = os.path.relpath(files.locust.absolute(), place.plan.parent.absolute())
    yield "traffic:"
    yield "  requests_per_session: 5   # a guess: how many requests one visit sends; the environment's caps are checked with it"
    yield "  locust:"
    yield f"    file: {path!r}"
    yield "    # model: closed           # a number of users instead of arrivals: then write users, too"
    yield "    # canary: Shopper.look    # the task whose request measures recovery: without it recovery is not asked"
