"""The first files of a team: an environment, a target and a plan that fit each other and are valid. Nothing that exists is overwritten."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from closeshave.cli.saying import Voice, lines
from closeshave.files import write_atomically
from closeshave.files.yamlfile import NAME, InvalidFile, Problem

if TYPE_CHECKING:
    from closeshave.environments.remote.doctor import Remark

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
    def contents(self) -> Mapping[Path, bytes]:
        """What is in them now."""
        return {path: path.read_bytes() for path in self.all}

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


def write(files: FirstFiles, environment: WriteEnvironment, *, faults: bool = False, ours: Mapping[Path, bytes] | None = None) -> float:
    """Write all files, or none; returns by what the plan's rates had to be multiplied to fit.

    ``faults``: whether the harness itself can inject faults there. ``ours``: what was written before and is replaced, unless somebody changed it.
    Raises :class:`InvalidFile` where nothing valid can be written: what it names is then what the environment file, or the Locust file, must say
    otherwise.
    """
    if ours is None:
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
        if ours is None:
            _place(files, tried)
        else:
            _replace(files, tried, ours)
    return scale


def _place(files: FirstFiles, tried: FirstFiles) -> None:
    """Copy the files to where nothing is."""
    for made, path in zip(tried.all, files.all, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        with made.open("rb") as source, path.open("xb") as file:
            shutil.copyfileobj(source, file)


def _replace(files: FirstFiles, tried: FirstFiles, ours: Mapping[Path, bytes]) -> None:
    """Put the files in the place of those that were written before."""
    if changed := [path for path, before in ours.items() if not path.is_file() or path.read_bytes() != before]:
        raise InvalidFile(*(Problem(str(path), 0, "", "was changed meanwhile, and is left as it is") for path in changed))
    for made, path in zip(tried.all, files.all, strict=True):
        write_atomically(path, made.read_bytes())


def told(findings: Iterable[Remark]) -> list[dict[str, str]]:
    """The doctor's findings as plain values."""
    return [{"what": one.what, "level": one.level, "saw": one.saw, "advice": one.advice} for one in findings]


def missing(findings: Iterable[Remark]) -> list[str]:
    """What the doctor misses, as a step of what to do; none where it misses nothing."""
    lacks = [f"{one.what}: {one.saw}{f' ({one.advice})' if one.advice else ''}" for one in findings if one.level == "missing"]
    return [f"the doctor misses: {'; '.join(lacks)}"] if lacks else []


def slowed(scale: float) -> list[str]:
    """That the plan's rates had to be lowered, as a step; none where they were not."""
    return [f"the plan's rates are {scale:.0%} of a usual first plan, because the platform's limits allow no more"] if scale < 1 else []


def tell(files: FirstFiles, more: Mapping[str, Any], following: list[str], voice: Voice) -> None:
    """Say which files were written, and what to do now."""
    numbered = (f"  {number}. {what}" for number, what in enumerate(following, start=1))
    voice.result(
        {"written": [str(path) for path in files.all], **more, "next": following},
        map(str, files.all),
        lines([*(f"written: {path}" for path in files.all), "", "next:", *numbered]),
    )


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
