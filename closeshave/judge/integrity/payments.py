"""Payments compared with the provider's own ledger: an acknowledged one is there exactly once, an unknown one at most once, a refused one never."""

from __future__ import annotations

import numpy as np
import pandas as pd

from closeshave.history import Outcome
from closeshave.judge.evidence.columns import Flags, equal, filled, ints
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.witness import capture_at, effect_at, effect_witness, first_and_worst
from closeshave.judge.evidence.writes import among, retold
from closeshave.judge.integrity.finding import Finding, unknown
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.judge.witnesses import ChargeWitness, Witness
from closeshave.plurals import plural

NO_LEDGER = "the payment provider's ledger is missing"
EARLIER = "no request of this run concerns their bookings: they may be of an earlier run on this environment"
"""A request that is answered late may be charged after its run has ended."""


def readable(evidence: Evidence) -> bool:
    """Whether the provider's ledger is among the evidence."""
    return evidence.history.captures is not None


def unreadable(evidence: Evidence) -> str:
    """Why it cannot be known; empty where the provider's ledger can be read."""
    return "" if evidence.history.manifest.payments_ledger else "the harness cannot read the payment provider's ledger"


def duplicate(analysis: Analysis) -> Finding:
    """Charges that a booking's payments do not allow: a second one, whatever its key, or any charge if every payment was refused."""
    ledger = analysis.evidence.charges
    if ledger is None:
        return unknown("duplicate_payments", NO_LEDGER)
    paid = analysis.payments
    possible = paid[~equal(paid["outcome"], Outcome.FAIL)]
    # Of the charges of one booking the first is allowed, where a payment may have succeeded.
    turn = ledger.groupby(["franchise", "booking"], observed=True).cumcount().to_numpy()
    surplus = (turn > 0) | ~among(ledger, possible)
    count = int(np.count_nonzero(surplus))
    what = plural(count, "charge in the provider's ledger was not requested", "charges in the provider's ledger were not requested")
    return Finding(
        "duplicate_payments", count, len(ledger), what,
        _charges(analysis, ledger, surplus, "charged a second time, or although every payment was refused"),
        doubt=_earlier(analysis, ledger, surplus) or ("" if (turn > 0).any() else analysis.incomplete), exposure=_confirmations(analysis),
    )  # fmt: skip


def missing(analysis: Analysis) -> Finding:
    """Payments that were acknowledged to the customer and that the provider never made."""
    ledger = analysis.evidence.charges
    if ledger is None:
        return unknown("missing_payments", NO_LEDGER)
    paid = analysis.payments
    acknowledged = paid[equal(paid["outcome"], Outcome.OK)]
    gone = ~among(acknowledged, ledger)
    ended = acknowledged["ended_ns"].to_numpy()
    witnesses = tuple(
        effect_witness(analysis.evidence.operations, acknowledged, index, "acknowledged, but not in the provider's ledger")
        for index in first_and_worst(gone, ended, ended, ints(acknowledged["operation"], -1))
    )
    count = int(np.count_nonzero(gone))
    exposure = Exposure(len(acknowledged), plural(len(acknowledged), "acknowledged payment"))
    what = plural(count, "acknowledged payment is not in the provider's ledger", "acknowledged payments are not in the provider's ledger")
    return Finding("missing_payments", count, len(acknowledged), what, witnesses, exposure=exposure)


def orphan(analysis: Analysis) -> Finding:
    """Charges for bookings that are not in the final state, unless the booking was cancelled or a fault's loss objective judges it."""
    ledger, final = analysis.evidence.charges, analysis.evidence.final
    if ledger is None:
        return unknown("orphan_payments", NO_LEDGER)
    if final is None:
        return unknown("orphan_payments", "the final state of bookings is missing")
    rows = analysis.writes.rows
    cancelled = rows[equal(rows["action"], "cancel") & ~equal(rows["outcome"], Outcome.FAIL)]
    # A write in flight when its primary died may be lost too; no answer arrived, so it was never acknowledged.
    excused = among(ledger, rows[analysis.forgiven]) | among(ledger, cancelled)
    read = ~analysis.evidence.unread_of(ledger)
    guilty = ~among(ledger, final) & ~excused & read
    count = int(np.count_nonzero(guilty))
    one = "charge is for a booking that is not in the final state"
    what = plural(count, one, "charges are for bookings that are not in the final state")
    doubt = _earlier(analysis, ledger, guilty) or ("" if analysis.writes.keeps_cancelled else analysis.incomplete)
    witnesses = _charges(analysis, ledger, guilty, f"this {one}")
    n = int(np.count_nonzero(read))
    exposure = Exposure(n, plural(n, "charge for a booking that was read back", "charges for bookings that were read back"))
    return Finding("orphan_payments", count, len(ledger), what, witnesses, doubt=doubt, exposure=exposure)


def _earlier(analysis: Analysis, ledger: pd.DataFrame, guilty: Flags) -> str:
    """Why none of these charges may be a breach of this run; empty where there is none, or the booking of one is known to this run."""
    evidence = analysis.evidence
    wrong = ledger[guilty]
    if not len(wrong) or among(wrong, evidence.history.effects).any():
        return ""
    return "" if evidence.final is not None and among(wrong, evidence.final).any() else EARLIER


def _confirmations(analysis: Analysis) -> Exposure:
    """The exposure: each confirmed payment could be charged twice; one that is sent again with its key shows whether the platform respects the key."""
    paid = analysis.payments
    status = analysis.evidence.status[paid["position"].to_numpy()]
    sent = paid[~(equal(paid["outcome"], Outcome.FAIL) & (status == 0))]
    repeated = retold(analysis.evidence, sent[filled(sent, "key")])
    return Exposure(len(sent), f"{plural(len(sent), 'payment')} confirmed, {repeated:,} of them again with the same key")


def _charges(analysis: Analysis, ledger: pd.DataFrame, guilty: Flags, why: str) -> tuple[Witness, ...]:
    """The first and the largest of the wrong charges, each with the payments that customers made for its booking."""
    order = np.rint(ledger["at"].to_numpy(dtype=np.float64) * 1e3).astype(np.int64)
    paid = analysis.payments
    shown: list[Witness] = []
    for index in first_and_worst(guilty, order, ints(ledger["amount"], 0), np.arange(len(ledger))):
        same = among(paid, ledger.iloc[[index]])
        attempts = tuple(effect_at(paid, int(place)) for place in np.flatnonzero(same))
        shown.append(ChargeWitness(why, capture_at(ledger, index), attempts))
    return tuple(shown)
