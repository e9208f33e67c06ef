"""Is the history whole? What senders say they sent, what was recorded and what the edges counted must agree; else nothing is certain.

A difference never fails the platform: it is the harness that lost something. It makes the run inconclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from closeshave.history import Source
from closeshave.judge.columns import equal, ints
from closeshave.judge.verdict import Status, Verdict
from closeshave.plaintext import counted, plural

if TYPE_CHECKING:
    from closeshave.judge.case import Case

EFFECT_OF = {"book": "create", "cancel": "cancel", "reschedule": "reschedule", "pay_confirm": "capture"}
"""Operations that change state must leave an effect of this action: without it the judges of integrity would not know of the change."""


def judge(case: Case) -> tuple[Verdict, ...]:
    """``reconciled`` (senders against rows), ``reconciled/effects`` and, where edges count, ``reconciled/edges``."""
    edges_count = case.history.manifest.edge_counters
    return (
        _verdict("reconciled", "operations", case.differences.operations, len(case.operations)),
        _verdict("reconciled/effects", "effects", case.differences.effects, len(case.history.effects)),
        *([_verdict("reconciled/edges", "requests at the edges", _edges(case), len(case.operations))] if edges_count else []),
    )


@dataclass(frozen=True, slots=True)
class Differences:
    """Why operations or effects may be missing from the history, in words."""

    operations: list[str]
    effects: list[str]

    @property
    def all(self) -> list[str]:
        """Both, operations first."""
        return [*self.operations, *self.effects]


def differences(case: Case) -> Differences:
    """Compare what senders say with what the history holds, and what operations did with their effects."""
    return Differences(_senders(case), _effects(case))


def _verdict(id: str, what: str, differences: list[str], n: int) -> Verdict:
    status = Status.INCONCLUSIVE if differences else Status.PASS
    return Verdict(
        id=id,
        claims=(),
        status=status,
        measure="reconciliation",
        scope="all",
        measured=float(len(differences)),
        bound=0.0,
        unit="count",
        n=n,
        reason=f"{what} do not add up: {'; '.join(differences)}" if differences else "",
    )


def _senders(case: Case) -> list[str]:
    history = case.history
    differences = []
    if not any(sent.source == Source.CUSTOMERS for sent in history.sent):
        differences.append("no sender of customers' requests reported what it sent")
    for sent in sorted(history.sent, key=lambda sent: (sent.source, sent.worker)):
        name = f"{sent.source} {sent.worker}"
        if not sent.finished:
            differences.append(f"{name} did not finish")
        if sent.intended != sent.sent:
            differences.append(f"{name} should have sent {sent.intended:,} and sent {sent.sent:,}")
        if sent.sent != sent.recorded:
            differences.append(f"{name} sent {sent.sent:,} and recorded {sent.recorded:,}")
    # Every source, also one that has rows but no sender who answers for them.
    for source in sorted({sent.source for sent in history.sent} | set(case.operations["source"].dropna().unique())):
        rows = int(np.count_nonzero(equal(case.operations["source"], source)))
        claimed = sum(sent.recorded for sent in history.sent if sent.source == source)
        if rows != claimed:
            differences.append(f"{source} recorded {counted(claimed, 'operation')}, and the history holds {rows:,}")
    twice = int(np.count_nonzero(case.ids[1:] == case.ids[:-1]) if case.in_order else case.operations["id"].duplicated().sum())
    if twice:
        differences.append(counted(twice, "operation is recorded twice", "operations are recorded twice"))
    return differences


def _effects(case: Case) -> list[str]:
    effects, operations = case.history.effects, case.operations
    differences = []
    if stray := len(effects) - len(case.order.effect):
        differences.append(counted(stray, "effect belongs to no recorded operation", "effects belong to no recorded operation"))
    for kind, action in EFFECT_OF.items():
        acting = case.of_kinds((kind,)) & case.ok
        if not acting.any():
            continue
        silent = int((~operations["id"][acting].isin(effects["operation"][equal(effects["action"], action)])).sum())
        if silent:
            differences.append(f"{silent:,} answered {kind} {plural(silent, 'operation')} left no effect")
    return differences


def _edges(case: Case) -> list[str]:
    """The edges' own counters against the senders' word.

    Every answered operation passed an edge at least once, and nothing passes an edge that no sender put on the wire: so the count lies
    between the two. The difference is explained by requests without an answer: a refused or reset connection may or may not have carried
    its request to the edge.
    """
    history = case.history
    if history.edges is None:
        return ["the edges' own counts are missing"]
    seen = sum(edge.requests for edge in history.edges)
    answered = int(np.count_nonzero(ints(case.operations["status"], 0) > 0))
    on_the_wire = max(sum(sent.requests for sent in history.sent), len(case.operations))
    if seen < answered:
        return [
            f"the edges counted {counted(seen, 'request')}, but {counted(answered, 'operation was', 'operations were')} answered through them"
        ]
    if seen > on_the_wire:
        return [f"the edges counted {counted(seen, 'request')}, but the senders sent only {on_the_wire:,}"]
    return []
