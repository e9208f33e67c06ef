"""Is the history complete? The senders' counts, the recorded rows and the edges' counts must agree.

A difference never fails the platform, because the harness lost the records. It makes the run inconclusive.
"""

from __future__ import annotations

import numpy as np

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.verdict import Status, Verdict
from closeshave.plurals import counted


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """``reconciled`` (senders against rows), ``reconciled/effects`` and, where edges count, ``reconciled/edges``."""
    edges_count = evidence.history.manifest.edge_counters
    return (
        _verdict("reconciled", "operations", evidence.differences.operations, len(evidence.operations)),
        _verdict("reconciled/effects", "effects", evidence.differences.effects, len(evidence.history.effects)),
        *([_verdict("reconciled/edges", "requests at the edges", _edges(evidence), len(evidence.operations))] if edges_count else []),
    )


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


def _edges(evidence: Evidence) -> list[str]:
    """The edges' own counters compared with the senders' counts.

    Every answered operation passed an edge at least once, and an edge can only count requests that a sender sent: so its count lies between the two.
    The difference is explained by requests without an answer: a refused or reset connection may or may not have carried its request to the edge.
    """
    history = evidence.history
    if history.edges is None:
        return ["the edges' own counts are missing"]
    seen = sum(edge.requests for edge in history.edges)
    answered = int(np.count_nonzero(evidence.status > 0))
    on_the_wire = max(sum(sent.requests for sent in history.sent), len(evidence.operations))
    if seen < answered:
        return [
            f"the edges counted {counted(seen, 'request')}, but {counted(answered, 'operation was', 'operations were')} answered through them"
        ]
    if seen > on_the_wire:
        return [f"the edges counted {counted(seen, 'request')}, but the senders sent only {on_the_wire:,}"]
    return []
