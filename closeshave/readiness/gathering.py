"""Runs from directories, and what their judges say when they are asked again. What cannot be read is named, and is not fatal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from closeshave import conclusion, history
from closeshave.conclusion import Conclusion
from closeshave.files import foreign, rundir
from closeshave.files.jsonfile import Damaged
from closeshave.files.yamlfile import InvalidFile
from closeshave.history import Manifest
from closeshave.judge.asked import asked
from closeshave.plan import read_plan
from closeshave.plurals import counted
from closeshave.readiness.evidence import RunEvidence, answers, texts
from closeshave.readiness.standing import Policy, RunWorth, builds, standing
from closeshave.report import summary, words
from closeshave.report.anchors import anchors
from closeshave.target import Target, read_target
from closeshave.vocabulary import (
    DESCRIPTION,
    ENVIRONMENT,
    MANIFEST,
    OPERATIONS_FILE,
    PAGE,
    PLAN,
    SUMMARY,
    TARGET,
    TIMELINE,
    Ending,
    EvidenceGrade,
)

MARKS = (MANIFEST, SUMMARY, PLAN, TIMELINE)
"""A directory with one of these is that of a run, however much of it is left."""
UNREADABLE = (rundir.NoRun, InvalidFile, Damaged, OSError, ValueError)
DIGITS = 12
"""Of a digest, where a person reads it."""
_STOPPED = {
    Ending.INTERRUPTED: "its operator interrupted it",
    Ending.SAFETY: "it was stopped for safety",
    Ending.ENVIRONMENT: "the environment or the harness failed",
}


def directories(places: Iterable[Path]) -> tuple[Path, ...]:
    """The directories of runs: each of the places that is one, else those in it; each once."""
    found: dict[Path, None] = {}
    for place in places:
        for path in [place] if _is_run(place) else sorted(one for one in place.glob("*/") if _is_run(one)):
            found.setdefault(path.resolve(), None)
    return tuple(found)


def gather(paths: Sequence[Path], target: Target, now: datetime, policy: Policy, note: Callable[[str], None]) -> tuple[RunEvidence, ...]:
    """What each run says. Judged again are those alone that can count; ``note`` is told of each."""
    told = [facts(path) for path in paths]
    current = builds(told, target.name, now)
    return tuple(_judged_if_it_counts(run, target, now, policy, current, note) for run in told)


def facts(path: Path) -> RunEvidence:
    """What is known of a run without judging it."""
    try:
        return _facts(path)
    except UNREADABLE as error:
        return RunEvidence(str(path), id=path.name, trouble=_first_line(error))


def judged(run: RunEvidence) -> RunEvidence:
    """The run with what its judges say, from its history alone."""
    try:
        concluded = conclusion.conclude(Path(run.path))
    except UNREADABLE as error:
        return replace(run, trouble=_first_line(error))
    assessment, plan = concluded.assessment, concluded.plan
    ways = {"load": True, "fault": bool(plan.faults), "drill": bool(plan.drills)}
    return replace(
        run,
        waive=plan.waive,
        ways=frozenset(way for way, there in ways.items() if there),
        scale=_scale(concluded),
        parts=answers(assessment, plan, concluded.target),
        anchors=anchors("verdict", (one.id for one in assessment.verdicts)),
        remarks=tuple(_remarks(concluded)),
    )


def _judged_if_it_counts(
    run: RunEvidence, target: Target, now: datetime, policy: Policy, current: Mapping[str, str], note: Callable[[str], None]
) -> RunEvidence:
    if standing(run, target.name, now, policy, current).standing not in {RunWorth.COUNTS, RunWorth.REFUTES}:
        return run
    note(f"judging {run.path}")
    return judged(run)


def _is_run(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in MARKS)


def _facts(path: Path) -> RunEvidence:
    blank = RunEvidence(str(path), id=path.name)
    if not (path / MANIFEST).is_file():
        beside = f"; a {SUMMARY} alone proves nothing" if (path / SUMMARY).is_file() else ""
        return replace(blank, trouble=f"it has no history ({MANIFEST} is missing){beside}")
    try:
        manifest = history.load_manifest(path)
    except ValueError as error:
        return replace(blank, trouble=f"its {MANIFEST} is damaged ({_first_line(error)})")
    known = replace(
        blank,
        plan=manifest.plan,
        environment=manifest.environment,
        target=manifest.target,
        started=_instant(manifest.started_at),
        ended=_instant(manifest.ended_at),
        grade=manifest.evidence,
        version=manifest.version,
        build=build_of(path, manifest),
        report=str(path / PAGE) if (path / PAGE).is_file() else "",
    )
    if manifest.evidence not in set(EvidenceGrade):
        return replace(known, trouble=f"what it can show is not known: its evidence is {manifest.evidence!r}")
    try:
        plan, target = read_plan(path / PLAN), read_target(path / TARGET)
        ended = conclusion.ended_early(path)
    except UNREADABLE as error:
        return replace(known, trouble=_first_line(error))
    silent = {one.id for one in asked(plan, target, manifest.kinds).not_run}
    known = replace(known, asked=frozenset(one.id for one in target.claims) - silent, texts=texts(target))
    if not (path / OPERATIONS_FILE).is_file():
        return replace(known, trouble=f"it has no history ({OPERATIONS_FILE} is missing), so its verdicts cannot be made again")
    why = _STOPPED[ended] if ended is not None else ""
    stopped = ": ".join(filter(None, (why, manifest.interrupted)))
    return replace(known, stopped=stopped, for_safety=ended is Ending.SAFETY)


def build_of(path: Path, manifest: Manifest) -> str | None:
    """Which build of the platform a run tested, in words: release, versions of the parts, and a digest of the environment file.

    ``None`` if neither a release nor a version was recorded: the file alone does not say what ran.
    """
    environment = _environment(path)
    release, versions = environment.get("release"), environment.get("versions")
    parts = [f"{name} {version}" for name, version in sorted(versions.items())] if isinstance(versions, dict) else []
    if not release and not parts:
        return None
    whose = [f"release {release}"] if release else []
    if manifest.evidence == EvidenceGrade.REHEARSED:
        whose.append(f"stand-in of Closeshave {manifest.version}")
    if (path / ENVIRONMENT).is_file():
        whose.append(f"environment file {hashlib.sha256((path / ENVIRONMENT).read_bytes()).hexdigest()[:DIGITS]}")
    return ", ".join((*whose, *parts))


def _scale(concluded: Conclusion) -> str:
    manifest, load = concluded.recorded.manifest, concluded.assessment.load
    topology, faults = manifest.topology, len(concluded.plan.faults)
    rate = words.UNKNOWN if load.rate_offered is None else f"{load.rate_offered:,.0f}"
    size = f"{counted(len(topology.regions), 'region')} and {counted(len(topology.shards), 'shard')}"
    processes = _environment(concluded.run).get("processes")
    on = f" on {size}" + (f", {counted(processes, 'process', 'processes')}" if isinstance(processes, int) and processes else "")
    share = manifest.rate.scale if manifest.rate is not None else manifest.rate_scale
    of_plan = f", at {words.ratio(share)} of the rate of its plan" if share < 1 else ""
    return f"at {rate} requests/s{on}{of_plan}" + (f", with {counted(faults, 'fault')}" if faults else "")


def _environment(path: Path) -> Mapping[str, Any]:
    """What ``environment.json`` says of the environment; empty if it is missing or damaged: then its facts are not known."""
    try:
        told: Any = foreign.loads((path / DESCRIPTION).read_bytes())
    except (OSError, ValueError):
        return {}
    found = told.get("environment") if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}


def _remarks(concluded: Conclusion) -> Iterator[str]:
    if concluded.tracebacks:
        yield f"judges failed; their tracebacks are in {concluded.tracebacks}"
    path = concluded.run / SUMMARY
    if not path.is_file():
        return
    try:
        kept = {one.id: one.status for one in summary.load(path).verdicts}
    except (Damaged, OSError):
        yield f"its {SUMMARY} cannot be read; its history counts"
        return
    now = {one.id: one.status for one in concluded.assessment.verdicts}
    other = [name for name in kept if name in now and kept[name] is not now[name]]
    if other:
        first = other[0]
        yield (
            f"its {SUMMARY} says {kept[first].value} of {first} and its history {now[first].value}"
            f"{f', and so with {len(other) - 1} more' if len(other) > 1 else ''}: the {SUMMARY} counts for nothing"
        )


def _instant(told: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(told or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
