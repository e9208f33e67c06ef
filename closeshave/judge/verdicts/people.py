"""Verdicts on people: how soon they noticed, acknowledged and repaired what harmed customers, and what needed nobody.

Pure functions of the incidents (:mod:`closeshave.judge.measures.incidents`). What nobody marked is unknown: such a verdict is inconclusive, never a pass,
and a fail only where the marks that there are prove it. A run without people has no marks, so that only the share that needed nobody can be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from closeshave.judge.measures import sampling
from closeshave.judge.measures.incidents import Aid, Incident
from closeshave.judge.verdict import Status, Verdict
from closeshave.plurals import counted
from closeshave.target import MEASURES, Measure, Objective
from closeshave.vocabulary import HumanMark

Interval = tuple[float, float]
_ASKED: dict[Measure, tuple[str, Callable[[Incident], Interval | None]]] = {
    Measure.TIME_TO_DETECT: ("noticed", lambda one: one.until_s(HumanMark.NOTICED)),
    Measure.TIME_TO_ACKNOWLEDGE: ("acknowledged", lambda one: one.until_s(HumanMark.ACKNOWLEDGED)),
    Measure.TIME_TO_RESOLVE: ("resolved", lambda one: one.repaired_s),
}
"""Measure → the mark that it needs, and between how many seconds after the first harm it lies."""
MEANS = frozenset({Measure.TIME_TO_DETECT, Measure.TIME_TO_RESOLVE})
"""Promised on average; the others of every incident."""


def judge(objective: Objective, found: Sequence[Incident], uninjected: int, why_nobody: str = "") -> Verdict:
    """The verdict on one objective about people. ``uninjected``: faults that were planned and never injected, of which nothing is known.
    ``why_nobody``: why nobody could have marked anything; empty in a game day."""
    # One that is not sure to be an incident may be one of any severity.
    asked = [each for each in found if objective.severity in {None, each.severity} or each.severity is None]
    blank = Verdict(
        id=objective.id,
        claims=objective.claims,
        status=Status.INCONCLUSIVE,
        measure=objective.measure.value,
        scope="all",
        measured=None,
        bound=objective.bound,
        unit=MEASURES[objective.measure].unit,
        n=len(asked),
    )
    if not asked:
        severity = f"{objective.severity} " if objective.severity else ""
        never = f"; {counted(uninjected, 'fault was', 'faults were')} never injected" if uninjected else ""
        # An incident of another severity answers nothing about this one, and is no fault of the run.
        return replace(
            blank, reason=f"no {severity}incident harmed customers in this run{never}", gates=not found or objective.severity is None
        )
    if objective.measure is Measure.RESOLVED_UNAIDED:
        return _unaided(objective, asked, blank)
    if why_nobody:
        return replace(blank, reason=why_nobody)
    return _timed(objective, asked, blank)


def _timed(objective: Objective, asked: Sequence[Incident], blank: Verdict) -> Verdict:
    assert objective.at_most is not None  # times are bounded from above
    mark, until = _ASKED[objective.measure]
    times = [(each, until(each)) for each in asked]
    known = [each for _, each in times if each is not None]
    told = "; ".join(_told(each, mark, time) for each, time in times)
    low, high = _merged(objective.measure, known, len(times))
    exact = high if low == high else None
    found = replace(blank, measured=exact, confidence=None if exact is not None or high is None else (low, high), reason=told)
    # Where nobody was surely harmed there was perhaps nothing to notice.
    if high is not None and high <= objective.at_most and any(each.sure for each in asked):
        return replace(found, status=Status.PASS)
    if low > objective.at_most:
        return replace(found, status=Status.FAIL)
    return found


def _merged(measure: Measure, known: Sequence[Interval], n: int) -> tuple[float, float | None]:
    """Between which values the mean, or the longest, of ``n`` incidents lies; ``None``: it has no known upper end."""
    complete = len(known) == n
    if measure in MEANS:
        # What is missing took at least no time.
        return sum(low for low, _ in known) / n, sum(high for _, high in known) / n if complete else None
    return max((low for low, _ in known), default=0.0), max(high for _, high in known) if complete else None


def _told(one: Incident, mark: str, time: Interval | None) -> str:
    named = f"{one.id} ({one.severity or 'perhaps other programs harmed its customers, and not the fault'})"
    if time is None:
        ambiguous = (
            f"; {counted(one.ambiguous, 'mark names', 'marks name')} no inject and may be about another one" if one.ambiguous else ""
        )
        unseen = "" if mark != "resolved" or HumanMark.RESOLVED not in one.marks else ", and when customers were served again is not known"
        return f"{named}: nobody marked when it was {mark}{ambiguous}" if not unseen else f"{named}: marked as resolved{unseen}"
    low, high = time
    when = f"{high:.0f} s" if low == high else f"between {low:.0f} and {high:.0f} s"
    early = HumanMark.RESOLVED in one.marks and one.restored_ns is not None and one.marks[HumanMark.RESOLVED] < one.restored_ns[0]
    beside = ", called resolved before customers were served again" if mark == "resolved" and early else ""
    return f"{named}: {mark} {when} after the first harmed customer{beside}"


def _unaided(objective: Objective, asked: Sequence[Incident], blank: Verdict) -> Verdict:
    assert objective.at_least is not None  # shares of this kind are bounded from below
    alone = sum(each.sure and each.aid is Aid.NOBODY_NEEDED for each in asked)
    unknown = sum(not each.sure or each.aid is Aid.UNKNOWN for each in asked)
    n = len(asked)
    # What is unknown counts against a pass at the lower end, and against a fail at the upper one.
    low = sampling.share_bounds(alone, n, objective.confidence)[0]
    high = sampling.share_bounds(alone + unknown, n, objective.confidence)[1]
    told = "; ".join(_aided(each) for each in asked)
    found = replace(blank, measured=None if unknown else alone / n, confidence=(low, high), reason=told)
    if low >= objective.at_least:
        return replace(found, status=Status.PASS)
    if high < objective.at_least:
        return replace(found, status=Status.FAIL)
    return replace(found, reason=f"{counted(n, 'incident')} cannot decide a share of {objective.at_least:.0%}: {told}")


def _aided(one: Incident) -> str:
    if not one.sure:
        return f"{one.id}: whether it harmed anybody is unknown, because other programs disturbed the machine"
    if one.aid is Aid.UNKNOWN:
        return f"{one.id}: whether it would have come back without people is unknown"
    return f"{one.id}: brought back by {one.aid}"


def verdicts(objectives: Sequence[Objective], found: Sequence[Incident], uninjected: int, why_nobody: str) -> Iterator[Verdict]:
    """One for each objective about people."""
    for objective in objectives:
        if MEASURES[objective.measure].of == "people":
            yield judge(objective, found, uninjected, why_nobody)
