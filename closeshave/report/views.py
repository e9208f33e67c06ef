"""Verdicts and faults as the page shows them, with every figure as a text. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from closeshave.history import FaultEdge, FaultEvent
from closeshave.judge.asked import PART
from closeshave.judge.verdict import Assessment, DrillFigures, FaultFigures, ResilienceFigures, Status, Verdict
from closeshave.judge.verdictkinds import VerdictKind, kind_of
from closeshave.judge.waivers import IDLE
from closeshave.plurals import counted
from closeshave.report import ranking, words
from closeshave.report.headline import MARKS, WORDS
from closeshave.report.recovery import HealingOutcome, given, healing, recovered, struck
from closeshave.report.witness import Testimony, testimony
from closeshave.target import Target

_EXPECTED = {
    "tolerates": "tolerates: the objectives hold throughout",
    "degrades": "degrades: a weaker objective holds while the fault is in effect",
    "recovers": "recovers: by itself, within the RTO",
    "restored": "restored: an operator restores it, so healing is part of the recovery",
}


@dataclass(frozen=True, slots=True)
class VerdictView:
    """A row of a table of verdicts, and its witnesses."""

    id: str
    status: Status
    alike: int
    """How many verdicts it stands for; see :class:`ranking.RankedVerdict`."""
    kind: VerdictKind
    mark: str
    word: str
    title: str
    scope: str
    claims: tuple[tuple[str, str], ...]
    measured: str
    bound: str
    interval: str
    n: str
    used: float | None
    """Share of what the bound allows, for a bar; see :func:`ranking.used`."""
    exposed: str
    """How often what it forbids could have happened; see :func:`words.exposed`."""
    reason: str
    gates: bool
    testimonies: tuple[Testimony, ...]


@dataclass(frozen=True, slots=True)
class FaultView:
    """A fault's card."""

    id: str
    kind: str
    scope: str
    expected: str
    facts: tuple[tuple[str, str], ...]
    touched: tuple[str, ...]
    healing: HealingOutcome
    proofs: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]
    """Edge, instant, and what the probe saw."""


def row_view(row: ranking.RankedVerdict, target: Target | None, zero_ns: int) -> VerdictView:
    """A row of the first screen: a verdict that stands for others of its objective says so."""
    view = verdict_view(row.verdict, target, zero_ns)
    if row.alike == 1:
        return view
    if row.verdict.status is Status.PASS and kind_of(row.verdict) is VerdictKind.INTEGRITY:
        return replace(view, title="Integrity", scope=f"{row.alike} invariants hold", n="", exposed="", alike=row.alike)
    if row.verdict.status is Status.PASS and kind_of(row.verdict) is VerdictKind.PRECONDITION:
        return replace(view, title="Preconditions of all verdicts", scope=f"{row.alike} met", n="", exposed="", alike=row.alike)
    unknown = f"; no figure for {', '.join(map(words.clean, row.unknown))}" if row.unknown else ""
    return replace(view, scope=f"{view.scope}, worst of {row.alike}{unknown}", alike=row.alike)


def named(row: VerdictView, *, short: bool = False) -> str:
    """The title with the ID of the verdict, which tells objectives on one measure apart. Short, or for several verdicts, it is that of the objective."""
    if row.kind is not VerdictKind.OBJECTIVE:
        return row.title
    return f"{row.title} ({row.id.partition('/')[0] if short or row.alike > 1 else row.id})"


def verdict_view(verdict: Verdict, target: Target | None, zero_ns: int, canary_limit_s: float | None = None) -> VerdictView:
    """A verdict with the text of the claims that it answers."""
    texts = {claim.id: claim.text for claim in target.claims} if target else {}
    return VerdictView(
        id=words.clean(verdict.id),
        status=verdict.status,
        alike=1,
        kind=kind_of(verdict),
        mark=MARKS[verdict.status],
        word=WORDS[verdict.status],
        title=words.title(verdict, target),
        scope=words.clean(words.place(verdict)),
        claims=tuple((claim, texts.get(claim, "")) for claim in verdict.claims),
        measured=words.measured(verdict),
        bound=words.bound(verdict),
        interval=words.interval(verdict),
        n=words.count(verdict.n),
        used=ranking.used(verdict),
        exposed=words.clean(words.exposed(verdict)),
        reason=words.clean(verdict.reason),
        gates=verdict.gates,
        testimonies=tuple(testimony(witness, zero_ns, canary_limit_s) for witness in verdict.witnesses),
    )


def fault_view(fault: FaultFigures, events: tuple[FaultEvent, ...], zero_ns: int) -> FaultView:
    """A fault with what its events say of how it was seen and how its healing was proven."""
    edges = (FaultEdge.OBSERVED, FaultEdge.HEALED, FaultEdge.VERIFIED_HEALED)
    return FaultView(
        id=fault.id,
        kind=fault.kind,
        scope=words.scope(fault.scope),
        expected=_EXPECTED.get(fault.expected, fault.expected),
        facts=tuple(_facts(fault)),
        touched=tuple(words.clean(one) for one in fault.touched),
        healing=healing(fault),
        proofs=tuple(
            (words.spaced(event.edge), words.instant((event.at_ns - zero_ns) / 1e9), flat(asdict(event.evidence) if event.evidence else {}))
            for event in events
            if event.fault == fault.id and event.edge in edges
        ),
    )


@dataclass(frozen=True, slots=True)
class DrillView:
    """A drill's card."""

    id: str
    kind: str
    scope: str
    ended: str
    took: str
    split: str
    """How long each step took."""
    cost: str
    """How many of the customers' requests in its scope were not good."""
    put_back: bool
    facts: tuple[tuple[str, str], ...]
    proofs: tuple[str, ...]


def drill_view(drill: DrillFigures) -> DrillView:
    """A drill with its figures as texts."""
    split = ", ".join(f"{words.clean(step.name)} {words.seconds(step.duration_s)}" for step in drill.steps)
    cost = words.UNKNOWN if drill.requests is None else f"{words.count(drill.not_good)} of {words.count(drill.requests)}"
    took = words.seconds(drill.duration_s)
    back = words.seconds(drill.put_back_s) if drill.put_back_s is not None else "not proven" if not drill.put_back_proven else words.UNKNOWN
    return DrillView(
        id=drill.id,
        kind=drill.kind,
        scope=words.scope(drill.scope),
        ended=words.spaced(drill.ended) if drill.ended else words.UNKNOWN,
        took=took,
        split=split,
        cost=cost,
        put_back=drill.put_back_proven,
        facts=(
            ("Began", words.instant(drill.began_at_s)),
            ("Took", took),
            ("Steps", split or "—"),
            ("Requests not good", cost),
            ("Writes refused for", words.seconds(drill.writes_refused_s)),
            ("Loss window", words.seconds(drill.loss_window_s)),
            ("Lost acknowledged writes", words.count(drill.lost_writes)),
            ("Customers logged out", words.count(drill.lost_sessions)),
            ("Log-ins again", _logins_again(drill)),
            ("Put back within", back),
        ),
        proofs=tuple(words.clean(proof) for proof in drill.proofs),
    )


def _logins_again(drill: DrillFigures) -> str:
    if not drill.logins_again:
        return words.count(drill.logins_again)
    return f"{words.count(drill.logins_again)}, at most {words.count(drill.logins_again_per_s)} in a second"


def key_figures(assessment: Assessment) -> tuple[tuple[str, str, str], ...]:
    """The figures of the first screen: value, name, and a remark."""
    load, integrity = assessment.load, assessment.integrity
    same = load.intended == load.sent == load.recorded
    recoveries = [one.recovery_s for one in assessment.faults if one.recovery_s is not None]
    windows = [one.loss_window_s for one in assessment.faults if one.loss_window_s is not None]
    lost = sum(one.lost_writes or 0 for one in assessment.faults)
    p50, p95, p99 = (load.response_ms.get(name) for name in ("p50", "p95", "p99"))
    figures = [
        (words.count(load.recorded), "requests", "intended = sent = recorded" if same else "intended, sent and recorded differ"),
        (words.per_second(load.rate_offered), "offered in calm", f"{words.per_second(load.rate_completed)} answered well"),
        (_milliseconds(p95), "response time p95", f"p50 {_milliseconds(p50)}, p99 {_milliseconds(p99)}"),
    ]
    if assessment.faults:
        figures.append(
            (
                words.seconds(max(recoveries, default=None)),
                "slowest recovery",
                "; ".join(filter(None, (_given(assessment.faults), _healed(assessment.faults)))),
            )
        )
        figures.append(
            (
                words.seconds(max(windows, default=None)),
                "widest loss window",
                f"{counted(lost, 'acknowledged write')} lost within the loss windows",
            )
        )
    if assessment.faults:
        figures.append(resilience(assessment.resilience))
    figures.append((words.count(integrity.customers_acknowledged), "bookings by customers", "without those of canaries"))
    return tuple(figures)


TOLD_FIRST = (("double_booked", "double booked"), ("lost", "lost"), ("refused_though_free", "refused although free"))
"""What the first screen shows of integrity, by invariant and in words to follow the count."""


def customers_bookings(assessment: Assessment) -> str:
    """How many bookings customers made, canaries left out."""
    number = assessment.integrity.customers_acknowledged
    return f"{words.count(number)} {'booking' if number == 1 else 'bookings'} by customers"


def integrity_figures(assessment: Assessment) -> tuple[tuple[str, str], ...]:
    """The counts of the first screen by invariant, each with its exposure: without it a count of zero means nothing."""
    judged = {one.measure: one for one in assessment.verdicts}
    found = []
    for name, word in TOLD_FIRST:
        verdict = judged.get(name)
        if verdict is None or verdict.measured is None:
            found.append((name, f"{word}: {words.UNKNOWN if verdict else 'not judged'}"))
        elif verdict.exposure is None:
            found.append((name, f"{words.count(verdict.measured)} {word}, exposure unknown"))
        else:
            # The reason behind the colon may be long and is shown elsewhere.
            of = verdict.exposure.of.partition(":")[0]
            found.append((name, f"{words.count(verdict.measured)} {word} of {words.count(verdict.exposure.chances)} {of}"))
    return tuple((name, words.clean(text)) for name, text in found)


def silences(assessment: Assessment) -> tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]:
    """What has no verdict in this run: promises that the plan does not test, or only in part, invariants that were not judged, and waivers of no verdict;
    counted, each with the reason."""
    idle = [one for one in assessment.not_asked if one.id.startswith(IDLE)]
    half = [replace(one, id=one.id.removeprefix(PART)) for one in assessment.not_asked if one.id.startswith(PART)]
    parts = (
        ("promise", "not tested by this plan", assessment.not_run),
        ("objective", "not judged, of promises that are tested only in part", half),
        ("invariant", "not judged", [one for one in assessment.not_asked if not one.id.startswith((IDLE, PART))]),
        ("waiver", "without effect", idle),
    )
    return tuple(
        (
            f"{counted(len(ones), noun)} {what}",
            tuple((words.clean(one.id), words.clean(one.text), words.clean(one.why)) for one in ones),
        )
        for noun, what, ones in parts
        if ones
    )


def flat(values: Mapping[str, Any], prefix: str = "") -> tuple[tuple[str, str], ...]:
    """Nested values as pairs of dotted name and text; lists of plain values on one line."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        path = f"{prefix}{words.clean(name)}"
        if isinstance(value, Mapping):
            pairs += flat(value, f"{path}.")
        elif isinstance(value, list | tuple) and any(isinstance(part, Mapping | list | tuple) for part in value):
            pairs += flat({str(number): part for number, part in enumerate(value)}, f"{path}.")
        elif isinstance(value, list | tuple):
            pairs.append((path, words.clean(", ".join(map(str, value)))))
        else:
            pairs.append((path, "—" if value is None else words.clean(value)))
    return tuple(pairs)


def flat_json(text: str) -> tuple[tuple[str, str], ...]:
    """A JSON file of the run as pairs; one that is damaged is shown as it is."""
    try:
        parsed = json.loads(text)
        return flat(parsed) if isinstance(parsed, dict) else flat({"content": parsed})
    except (ValueError, RecursionError):
        return (("unreadable", words.clean(text, 2_000)),)


def _facts(fault: FaultFigures) -> list[tuple[str, str]]:
    if not fault.begun:
        # Nothing else can be said of it, and *unknown* would be wrong.
        return [("Injected", struck(fault))]
    bitten = None if None in (fault.observed_at_s, fault.injected_at_s) else (fault.observed_at_s or 0) - (fault.injected_at_s or 0)
    return [
        ("Injected", struck(fault)),
        ("Observed in effect", f"{words.seconds(bitten)} later" if bitten is not None else "never observed"),
        ("Healed by the harness", words.instant(fault.healed_at_s)),
        ("Recovery", recovered(fault)),
        ("Recovered by itself", {True: "yes", False: "no, only after the harness healed it", None: words.UNKNOWN}[fault.self_recovered]),
        ("Loss window", _loss(fault)),
        ("Lost acknowledged writes", words.count(fault.lost_writes)),
        ("Split-brain writes", words.count(fault.split_brain_writes)),
        ("Leakage outside its scope", _leakage(fault)),
        ("30-day error budget burnt", words.ratio(fault.budget_burnt)),
        ("Fastest burn rate", words.times(fault.burn_rate)),
    ]


def _given(faults: Sequence[FaultFigures]) -> str:
    """The time that the slowest recovery was given; empty where none was measured."""
    slowest = max((one for one in faults if one.recovery_s is not None), key=lambda one: one.recovery_s or 0.0, default=None)
    return given(slowest) if slowest is not None else ""


def _healed(faults: Sequence[FaultFigures]) -> str:
    """How many are proven healed, of those that began; the others stand beside it."""
    how = [healing(one) for one in faults]
    without = how.count(HealingOutcome.NOT_NEEDED)
    proven = f"{how.count(HealingOutcome.PROVEN)} of {counted(len(how) - without, 'fault')} proven healed"
    return (
        proven
        if not without
        else f"{proven}, {without} not injected"
        if without < len(how)
        else f"{counted(without, 'fault')} not injected"
    )


def _leakage(fault: FaultFigures) -> str:
    if fault.leakage is None:
        return words.UNKNOWN
    unseen = f"; {words.ratio(fault.under_sampled)} from franchises with too few requests to judge each" if fault.under_sampled else ""
    return f"{words.ratio(fault.leakage)}, at most {words.ratio(fault.leakage_at_most)}{unseen}"


def resilience(figures: ResilienceFigures) -> tuple[str, str, str]:
    """The score, always with its coverage: value, name, and a remark."""
    tried = words.tried(len(figures.tested), len(figures.tested) + len(figures.untested))
    remark = tried + (f"; {words.clean(figures.zeroed)}" if figures.zeroed else "")
    return words.ratio(figures.score), "resilience score", remark


def _loss(fault: FaultFigures) -> str:
    if fault.loss_window_s is None:
        return words.UNKNOWN
    resolution = f" (resolution {words.seconds(fault.loss_resolution_s)})" if fault.loss_resolution_s is not None else ""
    return f"{words.seconds(fault.loss_window_s)}{resolution}"


def _milliseconds(value: float | None) -> str:
    return words.seconds(value / 1_000 if value is not None else None)
