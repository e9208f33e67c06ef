"""How long a scope was away: t0, t_d, t_w, t_r and t_h of design.md, found from what canaries saw.

Choices at the boundaries, each with the run that would fool its opposite:

* A probe counts by the instant it was *due*. One that was sent before the fault and answered during the outage says that the platform was well
  before; one that was due during the outage and answered late, when all was well again, says that a customer waited.
* The search for t_r starts at the first probe that failed, not at t0. A primary cut off from its consensus store serves until its lease is over: ten
  good seconds, then ten of outage. Searched from t0, the first five good seconds would already be the recovery, of a fault yet to bite.
* What fails again after a full hold moves t_r only if one canary fails twice in a row. Ten seconds of service between two outages are no recovery;
  a single slow answer in a minute of good ones is no outage.
* Recovery by itself asks for t_r + hold *before* t_h. At t_h the harness starts to heal, and nothing tells the platform's work from its.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave.judge import canary
from closeshave.judge.case import Case
from closeshave.judge.columns import Flags, Ints
from closeshave.judge.timeline import Life, operations_of, signals_of
from closeshave.judge.writes import MUTATING
from closeshave.plan import Expected


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the canaries of one fault's scope saw. Instants are monotonic nanoseconds, ``None`` when they never came."""

    blind: str
    """Why the canaries cannot tell; empty when they can."""
    impact_ns: int | None
    """The first failed probe while the platform was left alone with the fault; ``None`` when it tolerated the fault."""
    last_bad_ns: int | None
    """The last failed probe before :attr:`restored_ns`: the recovery lies between the two."""
    detected_ns: int | None
    working_ns: int | None
    restored_ns: int | None
    self_recovered: bool | None
    probes: int
    failed: Flags
    """Over the history's operations: the probes of this fault that failed."""


def measure(case: Case, life: Life) -> Recovery:
    """Find the instants. Raises :class:`ValueError` for a fault that was never injected."""
    start = life.injected_ns
    if start is None:
        raise ValueError(f"{life.fault.id} was never injected")
    hold_ns = round(case.plan.canaries.hold * 1e9)
    rows = case.canaries & operations_of(case, life.fault) & canary.telling(case)
    blind = canary.blindness(case, rows, life.fault, start, life.horizon_ns)
    probes = np.flatnonzero(rows & (case.intended_ns >= start) & (case.intended_ns < life.horizon_ns))
    # By time, then by ID: the order of the file must not matter.
    probes = probes[np.lexsort((case.ids[probes], case.intended_ns[probes]))]
    due, bad = case.intended_ns[probes], ~canary.held(case)[probes]
    failed = np.zeros(len(case.operations), dtype=np.bool_)
    failed[probes[bad]] = True
    # Restored means after the operator's step, so for it the whole stretch up to the horizon is looked at.
    until = life.horizon_ns if life.fault.expected is Expected.RESTORED else life.hurting_until_ns
    hurt = due[bad & (due < until)]
    impact = int(hurt[0]) if len(hurt) else None
    restored: int | None = start
    if impact is not None:
        back, outage = canary.neighbours(case, probes, bad)
        restored = _restored(due, back, bad, outage, impact, hold_ns, until, life.horizon_ns)
    if impact is None and start + hold_ns > until:
        blind = blind or f"the harness healed or broke something else less than the hold of {hold_ns / 1e9:g} s after the injection"
    last_bad = due[bad & (due < restored)] if restored is not None else due[bad]
    return Recovery(
        blind=blind,
        impact_ns=impact,
        last_bad_ns=int(last_bad[-1]) if len(last_bad) and impact is not None else None,
        # What is said after the harness began to heal may be said of the healing.
        detected_ns=min((signal.at_ns for signal in signals_of(case, life) if signal.at_ns < life.hurting_until_ns), default=None),
        working_ns=_working(case, life, probes, bad & (due < until)),
        restored_ns=restored,
        self_recovered=_by_itself(life, restored, hold_ns),
        probes=len(probes),
        failed=failed,
    )


def _restored(due: Ints, back: Ints, bad: Flags, outage: Flags, impact: int, hold_ns: int, until: int, horizon: int) -> int | None:
    """t_r: the first instant after ``impact`` from which nothing fails for the hold time and no outage follows before ``until``."""
    failing = due[bad]
    # A canary is well again only with its own next probe; the scope is when the last of its canaries is.
    candidates = np.maximum.accumulate(back[bad])
    # Up to the next failure, or for the last one up to where the history ends.
    ends = np.append(failing[1:], horizon)
    after = impact
    while True:
        held = candidates[(failing >= after) & (ends - hold_ns >= candidates)]
        if not len(held):
            return None
        found = int(held[0])
        relapses = due[outage & (due >= found + hold_ns) & (due < until)]
        if not len(relapses):
            return found
        after = int(relapses[-1])


def _by_itself(life: Life, restored: int | None, hold_ns: int) -> bool | None:
    """Whether it recovered without help; ``None`` when the history ends, or the next fault begins, before that can be told."""
    if restored is not None and restored + hold_ns <= life.horizon_ns and (life.healed_ns is None or restored + hold_ns < life.healed_ns):
        return True
    return False if life.healed_ns is not None and life.healed_ns <= life.horizon_ns else None


def _working(case: Case, life: Life, probes: Ints, failed: Flags) -> int | None:
    """t_w: when the last of the shards in scope that were hurt took a write again: the start of its first that ended ok.

    A write, because replicas and caches go on answering reads while there is no primary. After the shard's first failure and not after t0,
    because an injection takes some milliseconds to bite, and what succeeds in them says nothing of the fail-over. Of the last shard, because
    a lost region's edge may lead its customers to other regions' shards at once, while its own shard is still without a primary.
    """
    effects = case.history.effects
    changing = effects["operation"][effects["action"].isin(MUTATING)]
    wrote = (
        case.operations["id"].isin(changing).to_numpy() & case.ok & operations_of(case, life.fault) & (case.started_ns < life.horizon_ns)
    )
    working = []
    for shard in np.unique(case.shard[probes[failed]]):
        hurt_ns = case.intended_ns[probes[failed & (case.shard[probes] == shard)]].min()
        again = case.started_ns[wrote & (case.shard == shard) & (case.started_ns > hurt_ns)]
        if not len(again):
            return None
        working.append(int(again.min()))
    return max(working, default=None)
