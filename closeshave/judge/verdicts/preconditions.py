"""Was the trial itself sound: complete, its evidence readable, its generators on time? What was not makes the run inconclusive."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.columns import Flags
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import ROLES, Late, blindness, late_windows, origin_ns, spans, within
from closeshave.judge.verdict import Status, Verdict
from closeshave.target import Measure

_DIRECTORIES = re.compile(r"(?<![\w:/])/(?:[^\s/'\":;]+/)+")
"""Of an absolute path, not of a URL: a verdict is read where the machine of the run, and its directories, are no more."""


def judge(case: Evidence) -> tuple[Verdict, ...]:
    """``complete``, ``evidence``, ``clock``, ``host``, ``shortage``, ``proxy``, ``rate-limits`` and the two of ``generator/``."""
    return (
        _host(case),
        _verdict("complete", "completeness", _unfinished(case)),
        _verdict("evidence", "evidence", list(case.history.damage)),
        _verdict("clock", "clock", _uncertain(case)),
        *([_shortage(n)] if (n := _judged(case, case.short)) else []),
        *([_proxy(n)] if (n := _judged(case, case.unpassed)) else []),
        *([_rate_limits(case, n)] if (n := _judged(case, case.limited)) else []),
        _generator(case, "customers", case.customers, case.late),
        *([_generator(case, "canary", case.canaries, _late_canaries(case))] if case.plan.faults else []),
    )


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


def rate(case: Evidence) -> tuple[Verdict, ...]:
    """``rate``: whether this machine sustains enough of the plan; none where nobody measured that.

    How much it sustains is a figure: that it is less than it was is the machine's doing, or the platform's.
    """
    told = case.history.manifest.rate
    if told is None or told.by != "calibration":
        return ()
    reason = ""
    if not told.enough:
        reason = (
            f"this machine sustains {told.sessions_per_s:.3g} of the {told.planned_sessions_per_s:.3g} sessions/s planned, {told.scale:.0%} of "
            f"them, and at least {told.least_scale:.0%} are needed"
        )
    found = _verdict("rate", "rate", [reason] if reason else [])
    return (replace(found, measured=told.scale, bound=told.least_scale, unit="ratio"),)


def _host(case: Evidence) -> Verdict:
    """Shown, not judged: what a disturbed machine does to an objective that objective's own verdict says."""
    phases = spans(case.history.manifest, "run")
    judged_s = sum(span.seconds for span in phases)
    taken_s = sum(
        max(0.0, (min(one.ended_ns, span.ended_ns) - max(one.started_ns, span.started_ns)) / 1e9)
        for one in case.doubtful
        for span in phases
    )
    share = taken_s / judged_s if judged_s else 0.0
    causes = dict.fromkeys(one.cause for span in phases for one in case.doubts_within(span.started_ns, span.ended_ns))
    told = "; ".join(list(causes)[:2])
    reason = f"somebody else disturbed the machine in {taken_s:,.0f} s of {judged_s:,.0f} s: {told}" if taken_s else ""
    reason = reason if case.history.resources is not None else "what the machine did was not recorded"
    return Verdict(
        id="host",
        claims=(),
        status=Status.INCONCLUSIVE if reason else Status.PASS,
        measure="host",
        scope="all",
        measured=share,
        bound=0.0,
        unit="ratio",
        n=0 if case.history.resources is None else len(case.history.resources),
        reason=reason,
        gates=False,
    )


def _judged(case: Evidence, rows: Flags) -> int:
    """How many of ``rows`` were due in the judged phases."""
    return int(np.count_nonzero(rows & within(case.intended_ns, spans(case.history.manifest, "run"))))


def _shortage(n: int) -> Verdict:
    """What could not be sent was no question to the platform, and was missing from its load."""
    reason = (
        f"the load machine was short of descriptors, ports or memory for {n:,} requests, which count for nothing: raise `ulimit -n` and "
        "net.ipv4.ip_local_port_range, or spread the load over more machines"
    )
    return _counted("shortage", n, reason)


def _proxy(n: int) -> Verdict:
    """What did not get to the platform was no question to it, either."""
    reason = (
        f"{n:,} requests count for nothing: the proxy of the environment file could not be reached, or did not pass them on; see what it "
        "allows, and whether login names a variable that holds its user:password"
    )
    return _counted("proxy", n, reason)


def _rate_limits(case: Evidence, n: int) -> Verdict:
    """Where customers share an address a refusal may be for what another one did: it convicts nobody, and the run is not the one that was planned.

    Where each has an address of its own the refused are requests that were not answered well, and objectives count them.
    """
    if not case.one_address:
        return replace(_counted("rate-limits", n, ""), status=Status.PASS, gates=False)
    reason = (
        f"{n:,} requests were refused by a rate limit beyond the stated ones, and convict nobody: X-Forwarded-For is not honoured, so all "
        "customers share one address and its limits. Let the platform trust that header from the harness's address, or lower the plan's "
        "rates to what one address may send (capabilities.forwarded_for: false and capabilities.limits let `validate` work that out)"
    )
    return _counted("rate-limits", n, reason)


def _counted(id: str, n: int, reason: str) -> Verdict:
    return replace(_verdict(id, id.replace("-", "_"), [reason]), measured=float(n), n=n, reason=reason)


def _uncertain(case: Evidence) -> list[str]:
    """A clock that is uncertain by as much as a bound allows can neither keep nor break it."""
    uncertainty_s = case.history.manifest.anchor.uncertainty_ns / 1e9
    timed = [each for each in case.target.objectives if each.measure in {Measure.RECOVERY, Measure.LOSS}]
    bounds = [each.at_most for each in timed if each.at_most and any(each.covers(fault) for fault in case.plan.faults)]
    if not bounds or uncertainty_s < min(bounds):
        return []
    return [f"the clocks are uncertain by {uncertainty_s:g} s, and the tightest bound that they are to tell is {min(bounds):g} s"]


def _unfinished(case: Evidence) -> list[str]:
    manifest = case.history.manifest
    troubles = []
    if manifest.interrupted is not None:
        troubles.append(f"the run ended early: {manifest.interrupted}")
    if case.lost_ns is not None:
        troubles.append(f"what was answered after {(case.lost_ns - (origin_ns(manifest) or 0)) / 1e9:.1f} s is no evidence")
    ran = {phase.name for phase in manifest.phases}
    troubles += [f"the phase {phase.name} never ran" for phase in case.plan.phases if phase.name not in ran]
    for phase in case.plan.phases:
        for actual in manifest.phases:
            # A phase cut short by a second or more is not the phase that was planned.
            if actual.name == phase.name and (actual.ended_ns - actual.started_ns) / 1e9 < phase.duration - 1:
                troubles.append(f"the phase {phase.name} was cut short")
    troubles += [blindness(blind, origin_ns(manifest)) for blind in case.history.blind]
    failed = (_DIRECTORIES.sub("", mark.detail) for mark in case.history.marks if mark.kind == "harness-error")
    return troubles + [f"the harness itself failed in its step {step}" for step in failed]


def _late_canaries(case: Evidence) -> tuple[Late, ...]:
    """Canaries answer to their own latency bound only: they tell whether a scope works, not how fast customers are served."""
    bounds_s = dict.fromkeys(map(str, ROLES["run"]), case.plan.canaries.latency)
    return late_windows(case.history.manifest, case.canaries, case.intended_ns, case.started_ns, bounds_s)


def _waiting(case: Evidence, name: str) -> str:
    """Why a sender of a run may have been late, if it had to wait its turn behind others on its machine."""
    told = {mark.detail for mark in case.history.marks if mark.kind == "precedence"}
    if told & {f"{name}: {rank}" for rank in ("nice", "none")}:
        return "; it was not permitted to run in real time (root, or a limit rtprio of 2 in limits.conf(5))"
    return ""


def _generator(case: Evidence, name: str, rows: Flags, late: tuple[Late, ...]) -> Verdict:
    """Whether this sender kept its schedule in every window of the judged phases."""
    judged = rows & within(case.intended_ns, spans(case.history.manifest, "run"))
    n = int(np.count_nonzero(judged))
    reason = ""
    if not n:
        reason = f"the sender of {name} sent nothing in the judged phases"
    elif late:
        worst = max(late, key=lambda window: window.lateness_ns_p99)
        reason = (
            f"the sender of {name} could not keep its schedule in {len(late)} windows: the worst p99 send lateness was "
            f"{worst.lateness_ns_p99 / 1e6:,.1f} ms, {worst.limit_ns / 1e6:g} ms are allowed there{_waiting(case, name)}"
        )
    return Verdict(
        id=f"generator/{name}",
        claims=(),
        status=Status.INCONCLUSIVE if reason else Status.PASS,
        measure="generator_health",
        scope="all",
        measured=float(len(late)),
        bound=0.0,
        unit="count",
        n=n,
        reason=reason,
    )
