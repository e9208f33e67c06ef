"""Is the history complete? Compares the senders' own counts, and the effects that operations must have left, with what was recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave.history import Source
from closeshave.judge.evidence.columns import equal, ints
from closeshave.judge.evidence.joins import held_in
from closeshave.judge.evidence.recorded import Recorded
from closeshave.plurals import counted, plural

EFFECT_OF = {"book": "create", "cancel": "cancel", "reschedule": "reschedule", "pay_confirm": "capture"}
"""By kind of operation that changes state, the action that its effect must have: without the effect, judges of integrity would not know of the change."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Why operations or effects may be missing from the history, as sentences."""

    operations: list[str]
    effects: list[str]

    @property
    def all(self) -> list[str]:
        """All of these sentences, those on operations first."""
        return [*self.operations, *self.effects]


def differences(evidence: Recorded) -> Differences:
    """Compare the senders' counts with the rows of the history, and operations with their effects."""
    return Differences(_senders(evidence), _effects(evidence))


def _senders(evidence: Recorded) -> list[str]:
    history = evidence.history
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
    # Every source, also one that has rows but no sender with counts.
    for source in sorted({sent.source for sent in history.sent} | set(evidence.operations["source"].dropna().unique())):
        rows = int(np.count_nonzero(equal(evidence.operations["source"], source)))
        claimed = sum(sent.recorded for sent in history.sent if sent.source == source)
        if rows != claimed:
            differences.append(f"{source} recorded {counted(claimed, 'operation')}, and the history holds {rows:,}")
    twice = evidence.places.repeated
    if twice:
        differences.append(counted(twice, "operation is recorded twice", "operations are recorded twice"))
    return differences


def _effects(evidence: Recorded) -> list[str]:
    effects = evidence.history.effects
    differences = []
    if stray := len(effects) - len(evidence.order.effect):
        differences.append(counted(stray, "effect belongs to no recorded operation", "effects belong to no recorded operation"))
    for kind, action in EFFECT_OF.items():
        acting = evidence.of_kinds((kind,)) & evidence.ok
        if not acting.any():
            continue
        silent = int(np.count_nonzero(~held_in(evidence.ids[acting], ints(effects["operation"][equal(effects["action"], action)], -1))))
        if silent:
            differences.append(f"{silent:,} answered {kind} {plural(silent, 'operation')} left no effect")
    return differences
