"""Was the trial itself valid: complete, its evidence readable, its generators on time? If not, the run is inconclusive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from closeshave.history import MachinePart
from closeshave.judge.evidence.columns import Flags
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import ROLES, Late, blindness, few, late_windows, origin_ns, spans, within
from closeshave.judge.verdict import Status, Verdict
from closeshave.plurals import counted, plural
from closeshave.target import Measure
from closeshave.vocabulary import TASKS, MarkKind

_DIRECTORIES = re.compile(r"(?<![\w:/])/(?:[^\s/'\":;]+/)+")
"""The directories of an absolute path, not of a URL: a reader of a verdict may not have the machine of the run."""


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """``complete``, ``evidence``, ``clock``, ``host``, ``shortage``, ``proxy``, ``rate-limits``, the two of ``generator/`` and ``load-machines``."""
    return (
        _host(evidence),
        _verdict("complete", "completeness", _unfinished(evidence)),
        *([_REHEARSED] if evidence.history.manifest.game_day == "rehearsed" else []),
        _verdict("evidence", "evidence", list(evidence.history.damage)),
        _verdict("clock", "clock", _uncertain(evidence)),
        *([_shortage(n)] if (n := _judged(evidence, evidence.short)) else []),
        *([_proxy(n)] if (n := _judged(evidence, evidence.unpassed)) else []),
        *([_rate_limits(evidence, n)] if (n := _judged(evidence, evidence.limited)) else []),
        _generator(evidence, "customers", evidence.customers, evidence.late, evidence.held_up),
        *(
            [_generator(evidence, "canary", evidence.canaries, _late_canaries(evidence))]
            if evidence.plan.faults and evidence.plan.probed
            else []
        ),
        *([_machines(evidence)] if evidence.history.machines or evidence.history.manifest.load_machines else []),
        *([_recorder(evidence)] if evidence.plan.traffic.locust is not None else []),
    )


_RECORDED_BY_LOCUST = Verdict(
    id="recorder",
    claims=(),
    status=Status.INCONCLUSIVE,
    measure="recorder",
    scope="all",
    measured=1.0,
    bound=0.0,
    unit="count",
    reason="requests are those that Locust's events tell, by Locust's clock, which is coarser than the load engine's: a response time includes waiting "
    "for other users of the same process, and only the first request of a visit counts from the instant at which it was due",
    gates=False,
)
"""Shown, not judged."""


_REHEARSED = Verdict(
    id="rehearsal",
    claims=(),
    status=Status.INCONCLUSIVE,
    measure="rehearsal",
    scope="all",
    measured=None,
    bound=None,
    unit="count",
    reason="this was a dress rehearsal: nothing was broken, and the run is evidence for nothing",
)


def _recorder(evidence: Evidence) -> Verdict:
    raised = evidence.missing.get(TASKS, "")
    return replace(_RECORDED_BY_LOCUST, reason=f"{raised}; {_RECORDED_BY_LOCUST.reason}" if raised else _RECORDED_BY_LOCUST.reason)


def _verdict(id: str, measure: str, troubles: list[str]) -> Verdict:
    return Verdict(
        id=id,
        claims=(),
        status=Status.INCONCLUSIVE if troubles else Status.PASS,
        measure=measure,
        scope="all",
        measured=float(len(troubles)),
        bound=0.0,
        unit="count",
        reason="; ".join(troubles),
    )


def rate(evidence: Evidence) -> tuple[Verdict, ...]:
    """The verdict ``rate``: whether this machine sustains enough of the plan's rate; none if no calibration measured that.

    The sustained rate is only a figure: a lower one than before may be caused by the machine or by the platform.
    """
    told = evidence.history.manifest.rate
    if told is None or told.by != "calibration":
        return ()
    reason = ""
    if not told.enough:
        reason = (
            f"this machine sustains {told.sessions_per_s:.3g} of the {told.planned_sessions_per_s:.3g} planned sessions/s, which is "
            f"{told.scale:.0%}; at least {told.least_scale:.0%} is needed"
        )
    found = _verdict("rate", "rate", [reason] if reason else [])
    return (replace(found, measured=told.scale, bound=told.least_scale, unit="ratio"),)


def _host(evidence: Evidence) -> Verdict:
    """Shown, not judged: the verdict of each objective says how a disturbed machine affected it."""
    phases = spans(evidence.history.manifest, "run")
    judged_s = sum(span.seconds for span in phases)
    taken_s = sum(
        max(0.0, (min(one.ended_ns, span.ended_ns) - max(one.started_ns, span.started_ns)) / 1e9)
        for one in evidence.doubtful
        for span in phases
    )
    share = taken_s / judged_s if judged_s else 0.0
    causes = dict.fromkeys(one.cause for span in phases for one in evidence.doubts_within(span.started_ns, span.ended_ns))
    told = "; ".join(list(causes)[:2])
    reason = f"other programs disturbed the machine for {taken_s:,.0f} s of {judged_s:,.0f} s: {told}" if taken_s else ""
    reason = reason if evidence.history.resources is not None else "the use of the machine was not recorded"
    return Verdict(
        id="host",
        claims=(),
        status=Status.INCONCLUSIVE if reason else Status.PASS,
        measure="host",
        scope="all",
        measured=share,
        bound=0.0,
        unit="ratio",
        n=0 if evidence.history.resources is None else len(evidence.history.resources),
        reason=reason,
        gates=False,
    )


def _judged(evidence: Evidence, rows: Flags) -> int:
    """How many of ``rows`` were due in the judged phases."""
    return int(np.count_nonzero(rows & within(evidence.intended_ns, spans(evidence.history.manifest, "run"))))


def _shortage(n: int) -> Verdict:
    """Requests that could not be sent say nothing about the platform, and its load was lower without them."""
    reason = (
        f"the load machine had no file descriptors, ports or memory for {counted(n, 'request')}, which {plural(n, 'is', 'are')} not counted: "
        "raise `ulimit -n` and net.ipv4.ip_local_port_range, or use more load machines"
    )
    return _counted("shortage", n, reason)


def _proxy(n: int) -> Verdict:
    """Requests that did not reach the platform say nothing about it either."""
    reason = (
        f"{counted(n, 'request is', 'requests are')} not counted: the proxy of the environment file could not be reached or did not forward "
        f"{plural(n, 'it', 'them')}; check what the proxy allows, and that its login names a variable that holds user:password"
    )
    return _counted("proxy", n, reason)


def _rate_limits(evidence: Evidence, n: int) -> Verdict:
    """If customers share an address, one may be refused because of another's requests: such refusals are not counted, and the run is not as planned.

    If each customer has an address of its own, a refused request was not answered well, and objectives count it.
    """
    if not evidence.one_address:
        return replace(_counted("rate-limits", n, ""), status=Status.PASS, gates=False)
    reason = (
        f"an unstated rate limit refused {counted(n, 'request')}, which {plural(n, 'is', 'are')} not counted: the platform ignores "
        "X-Forwarded-For, so all customers share one address and its limits. Let the platform trust that header from the harness's address, or "
        "lower the plan's rates to what one address may send (with capabilities.forwarded_for: false and capabilities.limits, `validate` "
        "calculates that)"
    )
    return _counted("rate-limits", n, reason)


def _counted(id: str, n: int, reason: str) -> Verdict:
    return replace(_verdict(id, id.replace("-", "_"), [reason]), measured=float(n), n=n, reason=reason)


def _uncertain(evidence: Evidence) -> list[str]:
    """A bound that is not larger than the uncertainty of the clocks cannot be judged."""
    uncertainty_s = evidence.history.uncertainty_ns / 1e9
    timed = [each for each in evidence.target.objectives if each.measure in {Measure.RECOVERY, Measure.LOSS}]
    bounds = [each.at_most for each in timed if each.at_most and any(each.covers(fault) for fault in evidence.plan.faults)]
    if not bounds or uncertainty_s < min(bounds):
        return []
    return [f"the clocks are uncertain by {uncertainty_s:g} s, which is not less than the tightest bound to measure, {min(bounds):g} s"]


def _unfinished(evidence: Evidence) -> list[str]:
    manifest = evidence.history.manifest
    troubles = []
    if manifest.interrupted is not None:
        troubles.append(f"the run ended early: {manifest.interrupted}")
    if evidence.lost_ns is not None:
        troubles.append(
            f"answers later than {(evidence.lost_ns - (origin_ns(manifest) or 0)) / 1e9:.1f} s are not used as evidence, because the environment was lost"
        )
    ran = {phase.name for phase in manifest.phases}
    troubles += [f"the phase {phase.name} never ran" for phase in evidence.plan.phases if phase.name not in ran]
    for phase in evidence.plan.phases:
        for actual in manifest.phases:
            # A phase cut short by a second or more is not the phase that was planned.
            if actual.name == phase.name and (actual.ended_ns - actual.started_ns) / 1e9 < phase.duration - 1:
                troubles.append(f"the phase {phase.name} was cut short")
    troubles += [blindness(blind, origin_ns(manifest)) for blind in evidence.history.blind]
    failed = (_DIRECTORIES.sub("", mark.detail) for mark in evidence.history.marks if mark.kind == MarkKind.HARNESS_ERROR)
    return troubles + [f"the harness itself failed in the step {step}" for step in failed]


def _machines(evidence: Evidence) -> Verdict:
    """Whether every arrival of every load machine is accounted for: intended = sent + late + blind, and nothing is blind or contradicts."""
    machines = evidence.history.machines
    troubles = [trouble for one in machines for trouble in one.troubles]
    if len(machines) < (expected := evidence.history.manifest.load_machines):
        # Without its part nobody knows how far a machine's clock was off either.
        troubles.append(f"the record of {counted(expected - len(machines), 'load machine')} of {expected} is missing")
    troubles += [
        f"of {one.intended:,} arrivals of load machine {one.name}{_before(evidence, one)}, "
        f"{one.sent:,} were sent, {one.late:,} were late and {one.blind:,} are unknown"
        for one in machines
        if one.blind or one.intended != one.sent + one.late + one.blind
    ]
    found = replace(_verdict("load-machines", "load_machines", troubles), n=sum(one.intended for one in machines))
    if found.n or troubles:
        return found
    if any(one.counted for one in machines):
        return replace(found, status=Status.INCONCLUSIVE, reason="no arrival was dealt to any load machine, so none could be missed")
    return replace(found, status=Status.INCONCLUSIVE, reason=_NOBODY_ARRIVES, gates=False)


def _before(evidence: Evidence, one: MachinePart) -> str:
    """Which arrivals were a machine's, where it lost its share during the load."""
    if one.redealt_ns is None:
        return ""
    from_s = (one.redealt_ns - (origin_ns(evidence.history.manifest) or 0)) / 1e9
    return f" until {from_s:.1f} s, when its share was dealt to the other machines"


_NOBODY_ARRIVES = (
    "in the closed model nobody arrives, so no arrival could be missed; whether every request that was sent is recorded is another verdict"
)
"""Shown, not judged."""


def _late_canaries(evidence: Evidence) -> tuple[Late, ...]:
    """Canaries are judged by their own latency bound only: they measure whether a scope works, not how fast customers are served."""
    bounds_s = dict.fromkeys(map(str, ROLES["run"]), evidence.plan.canaries.latency)
    return late_windows(evidence.history.manifest, evidence.canaries, evidence.intended_ns, evidence.started_ns, bounds_s)


def _waiting(evidence: Evidence, name: str) -> str:
    """Why a sender may have been late, if it ran without real-time priority."""
    told = {mark.detail for mark in evidence.history.marks if mark.kind == MarkKind.SENDER_PRIORITY}
    if told & {f"{name}: {rank}" for rank in ("nice", "none")}:
        return "; it had no permission to run in real time (that needs root, or rtprio 2 in limits.conf(5))"
    return ""


def _generator(evidence: Evidence, name: str, rows: Flags, late: tuple[Late, ...], held_up: tuple[Late, ...] = ()) -> Verdict:
    """Whether this sender kept its schedule in every window of the judged phases, but for a few in which other programs held it up."""
    judged = rows & within(evidence.intended_ns, spans(evidence.history.manifest, "run"))
    n = int(np.count_nonzero(judged))
    excused = held_up if few(judged, within(evidence.intended_ns, [window.span for window in held_up])) else ()
    own = [window for window in late if window not in excused]
    reason = ""
    if not n:
        reason = f"the sender of {name} sent nothing in the judged phases"
    elif own:
        reason = f"{_lateness(name, own)}{_waiting(evidence, name)}"
    elif excused:
        reason = (
            f"{_lateness(name, excused)}; other programs held it up there, and the objectives are judged with and without these requests"
        )
    return Verdict(
        id=f"generator/{name}",
        claims=(),
        status=Status.INCONCLUSIVE if own or not n else Status.PASS,
        measure="generator_health",
        scope="all",
        measured=float(len(own)),
        bound=0.0,
        unit="count",
        n=n,
        reason=reason,
    )


def _lateness(name: str, late: Sequence[Late]) -> str:
    worst = max(late, key=lambda window: window.lateness_ns_p99)
    return (
        f"the sender of {name} could not keep its schedule in {counted(len(late), 'window')}: the worst p99 send lateness was "
        f"{worst.lateness_ns_p99 / 1e6:,.1f} ms; the bound there is {worst.limit_ns / 1e6:g} ms"
    )
