"""Runs from directories, and what their judges say when they are asked again. What cannot be read is named, and is not fatal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from closeshave import conclusion, history
from closeshave.conclusion import Conclusion
from closeshave.files import rundir
from closeshave.files.jsonfile import Damaged
from closeshave.files.yamlfile import InvalidFile
from closeshave.judge.asked import asked
from closeshave.plan import read_plan
from closeshave.plurals import counted
from closeshave.probes import record
from closeshave.readiness import capacities, rounds
from closeshave.readiness.evidence import RunEvidence, answers, texts
from closeshave.readiness.reading import build_of, described, first_line, instant
from closeshave.readiness.standing import Policy, RunWorth, builds, standing
from closeshave.report import summary, words
from closeshave.report.anchors import anchors
from closeshave.target import Target, read_target
from closeshave.vocabulary import (
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

MARKS = (MANIFEST, SUMMARY, PLAN, TIMELINE, record.ROUND)
"""A directory with one of these is that of a run, however much of it is left."""
UNREADABLE = (rundir.NoRun, InvalidFile, Damaged, OSError, ValueError)
_STOPPED = {
    Ending.INTERRUPTED: "its operator interrupted it",
    Ending.SAFETY: "it was stopped for safety",
    Ending.ENVIRONMENT: "the environment or the harness failed",
}


def directories(places: Iterable[Path]) -> tuple[Path, ...]:
    """The directories of runs: each of the places that is one, else those in it; each once."""
    found: dict[Path, None] = {}
    for place in places:
        for path in [place] if is_run(place) else sorted(one for one in place.glob("*/") if is_run(one)):
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
        if capacities.is_search(path):
            return capacities.facts(path)
        return rounds.facts(path) if record.is_round(path) else _facts(path)
    except UNREADABLE as error:
        return RunEvidence(str(path), id=path.name, trouble=first_line(error))


def judged(run: RunEvidence) -> RunEvidence:
    """The run with what its judges say, from its history alone."""
    if capacities.is_search(Path(run.path)):
        return capacities.judged(run)
    if record.is_round(Path(run.path)):
        return rounds.judged(run)
    try:
        concluded = conclusion.conclude(Path(run.path))
    except UNREADABLE as error:
        return replace(run, trouble=first_line(error))
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


def is_run(path: Path) -> bool:
    """Whether a directory is that of a run, of a round or of a capacity search, however much of it is left."""
    return path.is_dir() and (capacities.is_search(path) or any((path / name).is_file() for name in MARKS))


def _facts(path: Path) -> RunEvidence:
    blank = RunEvidence(str(path), id=path.name)
    if not (path / MANIFEST).is_file():
        beside = f"; a {SUMMARY} alone proves nothing" if (path / SUMMARY).is_file() else ""
        return replace(blank, trouble=f"it has no history ({MANIFEST} is missing){beside}")
    try:
        manifest = history.load_manifest(path)
    except ValueError as error:
        return replace(blank, trouble=f"its {MANIFEST} is damaged ({first_line(error)})")
    known = replace(
        blank,
        plan=manifest.plan,
        environment=manifest.environment,
        target=manifest.target,
        started=instant(manifest.started_at),
        ended=instant(manifest.ended_at),
        grade=manifest.evidence,
        version=manifest.version,
        build=build_of(path, manifest.version, manifest.evidence),
        report=str(path / PAGE) if (path / PAGE).is_file() else "",
    )
    if manifest.evidence not in set(EvidenceGrade):
        return replace(known, trouble=f"what it can show is not known: its evidence is {manifest.evidence!r}")
    try:
        plan, target = read_plan(path / PLAN), read_target(path / TARGET)
        ended = conclusion.ended_early(path)
    except UNREADABLE as error:
        return replace(known, trouble=first_line(error))
    silent = {one.id for one in asked(plan, target, manifest.kinds).not_run}
    known = replace(known, asked=frozenset(one.id for one in target.claims) - silent, texts=texts(target))
    if not (path / OPERATIONS_FILE).is_file():
        return replace(known, trouble=f"it has no history ({OPERATIONS_FILE} is missing), so its verdicts cannot be made again")
    why = _STOPPED[ended] if ended is not None else ""
    stopped = ": ".join(filter(None, (why, manifest.interrupted)))
    return replace(known, stopped=stopped, for_safety=ended is Ending.SAFETY)


def _scale(concluded: Conclusion) -> str:
    manifest, load = concluded.recorded.manifest, concluded.assessment.load
    topology, faults = manifest.topology, len(concluded.plan.faults)
    rate = words.UNKNOWN if load.rate_offered is None else f"{load.rate_offered:,.0f}"
    size = f"{counted(len(topology.regions), 'region')} and {counted(len(topology.shards), 'shard')}"
    processes = described(concluded.run).get("processes")
    on = f" on {size}" + (f", {counted(processes, 'process', 'processes')}" if isinstance(processes, int) and processes else "")
    share = manifest.rate.scale if manifest.rate is not None else manifest.rate_scale
    of_plan = f", at {words.ratio(share)} of the rate of its plan" if share < 1 else ""
    return f"at {rate} requests/s{on}{of_plan}" + (f", with {counted(faults, 'fault')}" if faults else "")


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
