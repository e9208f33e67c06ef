"""The resilience score: one figure that does not rise when less is tested.

It is the mean over all families of failure of the share of tested promises that were kept. A family without a fault that took effect and was proven
healed counts as zero, and so does every inconclusive verdict, because unknown is not resilient. If an invariant was broken or could not be judged, or
a fault is not proven healed, the score is zero. The coverage is shown with it: 50 % may mean three of six families that kept everything, or six that
kept half.

The families are ours, and those of the kinds of faults that installed packages had added when the run was made: whoever installs a family of faults says
that a platform may fail in this way. The families of certificates, of workers, of their broker and of WebSockets count where there were any. That the
families do not depend on what the plan breaks keeps the score from rising when a fault is left out of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from closeshave.history import Manifest
from closeshave.judge.evidence.timeline import Life
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure, ResilienceFigures, Status, Verdict
from closeshave.judge.verdicts.exposure import enough
from closeshave.plurals import plural
from closeshave.target import Measure, Objective

FAMILIES = ("shard", "cache", "region", "service", "dependency", "data")
"""Our own families of failure, in the catalogue's order."""
BESIDE = frozenset({"certificate", "worker", "broker", "websocket"})
"""Further families of ours, for platforms that are reached by HTTPS, work in the background, or tell of changes."""
PRECONDITIONS = frozenset({"observed", "healed", "in_flight"})
"""Measures of a fault's verdicts that judge the harness and not the platform."""


def figures(
    lives: Sequence[Life], verdicts: Sequence[Verdict], invariants: Iterable[str], kinds: Iterable[str] = (), beside: Collection[str] = ()
) -> ResilienceFigures:
    """The score of a run, from all of its verdicts; ``invariants`` names the measures whose breach is a breach of integrity, ``kinds`` the kinds of
    faults that there were when the run was made. ``beside``: those families of :data:`BESIDE` that could fail in this run."""
    families = _families(lives, kinds, beside)
    tested = tuple(family for family in families if any(_tested(life) for life in lives if life.fault.family == family))
    kept = sum(_kept([life for life in lives if life.fault.family == family], verdicts) for family in tested)
    zeroed = _zeroed(lives, verdicts, frozenset(invariants))
    return ResilienceFigures(
        score=0.0 if zeroed else kept / len(families),
        coverage=len(tested) / len(families),
        tested=tested,
        untested=tuple(family for family in families if family not in tested),
        zeroed=zeroed,
    )


def _families(lives: Sequence[Life], kinds: Iterable[str], beside: Collection[str]) -> tuple[str, ...]:
    """Ours, then those of installed packages by name. A run of an older version names no kinds: then those of its faults count."""
    added = {kind.partition(".")[0] for kind in kinds} - (BESIDE - {*beside})
    added |= {life.fault.family for life in lives}
    return (*FAMILIES, *sorted(added - {*FAMILIES}))


def possible(manifest: Manifest) -> tuple[str, ...]:
    """Those families of :data:`BESIDE` that could fail in this run."""
    return (
        *(("certificate",) if manifest.tls else ()),
        *(("worker", "broker") if manifest.jobs else ()),
        *(("websocket",) if manifest.followed_within_s is not None else ()),
    )


def judge(analysis: Analysis, found: ResilienceFigures, lives: Sequence[Life], verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """One verdict for each resilience objective; ``lives`` and ``verdicts`` are those from which the score was computed."""
    best, exposure = (
        _best(lives, verdicts, (*found.tested, *found.untested)),
        Exposure(len(found.tested), plural(len(found.tested), "family of failure tested", "families of failure tested")),
    )
    objectives = (objective for objective in analysis.evidence.target.objectives if objective.measure is Measure.RESILIENCE)
    return tuple(enough(_verdict(objective, found, best), exposure, objective.at_least_chances) for objective in objectives)


def _best(lives: Sequence[Life], verdicts: Sequence[Verdict], families: Sequence[str]) -> float:
    """The highest score still possible: if every inconclusive promise was kept and every family was tested. Only a bound above it is a fail."""

    def share(life: Life) -> float:
        of_fault = [each for each in verdicts if each.scope == f"fault:{life.fault.id}" and each.measure not in PRECONDITIONS]
        return sum(each.status is not Status.FAIL for each in of_fault) / len(of_fault) if of_fault else 1.0

    of_families = [[share(life) for life in lives if life.fault.family == family] for family in families]
    return sum(sum(shares) / len(shares) if shares else 1.0 for shares in of_families) / len(families)


def _verdict(objective: Objective, found: ResilienceFigures, best: float) -> Verdict:
    verdict = Verdict(
        id=objective.id,
        claims=objective.claims,
        status=Status.INCONCLUSIVE,
        measure=Measure.RESILIENCE.value,
        scope="all",
        measured=found.score,
        bound=objective.at_least,
        unit="ratio",
        n=len(found.tested) + len(found.untested),
    )
    if objective.at_least is None:
        return replace(verdict, reason="the objective needs at_least, because a higher score is better")
    if found.score >= objective.at_least:
        return replace(verdict, status=Status.PASS)
    untested = f"not tested: {', '.join(found.untested)}" if found.untested else "every family was tested"
    reason = f"the score is {found.score:.0%}; {untested}{f'; {found.zeroed}' if found.zeroed else ''}"
    # A score that more tests, or a quieter machine, could still raise to the bound is no failure.
    reachable = best >= objective.at_least or found.zeroed
    return replace(verdict, status=Status.INCONCLUSIVE if reachable else Status.FAIL, reason=reason)


def _tested(life: Life) -> bool:
    return None not in (life.injected_ns, life.observed_ns, life.verified_ns)


def _kept(lives: Sequence[Life], verdicts: Sequence[Verdict]) -> float:
    """The mean over a family's faults of the share of their verdicts that pass."""
    return sum(_share(life, verdicts) for life in lives) / len(lives)


def _share(life: Life, verdicts: Sequence[Verdict]) -> float:
    if not _tested(life):
        return 0.0
    of_fault = [each for each in verdicts if each.scope == f"fault:{life.fault.id}" and each.measure not in PRECONDITIONS]
    return sum(each.status is Status.PASS for each in of_fault) / len(of_fault) if of_fault else 0.0


def _zeroed(lives: Sequence[Life], verdicts: Sequence[Verdict], invariants: frozenset[str]) -> str:
    """Why the score is zero whatever other verdicts say; empty when it is not zero."""
    judged = [each for each in verdicts if each.measure in invariants and each.gates]
    for status, what in ((Status.FAIL, "is broken"), (Status.INCONCLUSIVE, "could not be judged")):
        if wrong := next((each.id for each in judged if each.status is status), ""):
            return f"{wrong} {what}"
    unproven = next((life.fault.id for life in lives if life.begun and life.verified_ns is None), "")
    if unproven:
        return f"it is not proven that {unproven} was healed"
    return "" if judged else "no invariant was judged"
