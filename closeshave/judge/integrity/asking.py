"""Which invariants are judged in a run, and which are not.

The rule
--------
An objective that *names* an invariant always gets a verdict on it. An objective that names none covers all invariants that no other
one names, except those that cannot be judged; each of these is listed once with its reason (``Assessment.not_asked``) and does not affect the result:

* what this platform cannot show (:func:`unshowable`), including an operation that its file switches off;
* what no journey of this scenario does: no operation that could break it was sent (``Invariant.led_to_by``), or no operation could show it
  (``Finding.idle``).

Everything else must be tested: an invariant whose operations were sent, but which no answer could have broken, is inconclusive. A breach that was
seen always fails.
"""

from __future__ import annotations

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.integrity.invariant import Invariant
from closeshave.judge.integrity.registry import INVARIANTS


def unasked(evidence: Evidence, finding: Finding) -> str:
    """Why an objective that names no invariants does not judge this one; empty when it does."""
    if finding.count:
        return ""
    invariant = INVARIANTS[finding.name]
    return unshowable(evidence, invariant) or _idle(evidence, finding, invariant)


def unshowable(evidence: Evidence, invariant: Invariant) -> str:
    """Why this platform cannot show whether it keeps the invariant; empty when it can."""
    if invariant.shown_for_certain is not None and invariant.shown_for_certain(evidence):
        return ""
    why = invariant.shown_by_all(evidence) if invariant.shown_by_all else ""
    lacking = next((part for part in invariant.needs if part in evidence.missing), "")
    return why or (f"{lacking}: {evidence.missing[lacking]}" if lacking else "")


def _idle(evidence: Evidence, finding: Finding, invariant: Invariant) -> str:
    if finding.exposure is not None and finding.exposure.chances:
        return ""
    if finding.idle:
        return finding.idle
    return invariant.idle if invariant.led_to_by and not evidence.of_kinds(invariant.led_to_by).any() else ""
