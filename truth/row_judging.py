"""Whether breaking one thing refuted exactly the right promises: two ledgers compared. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

REFUTED = "refuted"


@dataclass(frozen=True, slots=True)
class SeenPromise:
    """What a ledger says of a promise."""

    outcome: str
    """A value of :class:`closeshave.readiness.values.PromiseOutcome`."""
    why: str


SeenLedger = Mapping[str, SeenPromise]
"""Promise → what is known of it."""


@dataclass(frozen=True, slots=True)
class RowJudgement:
    """Whether a row is right, and why not."""

    right: bool
    reason: str
    """Of a right row why its promises are refuted; of a wrong one everything that is wrong."""


def judge(unbroken: SeenLedger, broken: SeenLedger, expected: Collection[str], shown_by: str) -> RowJudgement:
    """Compare the ledger of a platform in which one thing is broken with that of the same platform unbroken.

    Right: the ``expected`` promises are refuted, and were not before; the reason of each matches ``shown_by`` (a regular expression); every other promise
    has the outcome that it had. A row that expects nothing proves nothing, and is wrong.
    """
    wrong = (
        *_not_comparable(unbroken, broken, expected),
        *(f"{name} was refuted before anything was broken" for name in sorted(expected) if _outcome(unbroken, name) == REFUTED),
        *_expected(broken, expected, shown_by),
        *_others(unbroken, broken, expected),
    )
    if wrong:
        return RowJudgement(right=False, reason="; ".join(wrong))
    return RowJudgement(right=True, reason="; ".join(f"{name}: {broken[name].why}" for name in sorted(expected)))


def _not_comparable(unbroken: SeenLedger, broken: SeenLedger, expected: Collection[str]) -> Sequence[str]:
    unknown = sorted(set(expected) - set(unbroken))
    return (
        *(["nothing is expected to be refuted"] if not expected else []),
        *([f"the target has no promise {', '.join(unknown)}"] if unknown else []),
        *(["the two ledgers have different promises"] if set(unbroken) != set(broken) else []),
    )


def _expected(broken: SeenLedger, expected: Collection[str], shown_by: str) -> Sequence[str]:
    found = []
    for name in sorted(set(expected) & set(broken)):
        seen = broken[name]
        if seen.outcome != REFUTED:
            found.append(f"{name} is not refuted but {seen.outcome} ({seen.why})")
        elif not re.search(shown_by, seen.why):
            found.append(f"{name} is refuted for another reason than {shown_by}: {seen.why}")
    return found


def _others(unbroken: SeenLedger, broken: SeenLedger, expected: Collection[str]) -> Sequence[str]:
    return [
        f"{name} was {unbroken[name].outcome} and is {broken[name].outcome} ({broken[name].why})"
        for name in sorted(set(unbroken) & set(broken) - set(expected))
        if unbroken[name].outcome != broken[name].outcome
    ]


def _outcome(seen: SeenLedger, name: str) -> str:
    return seen[name].outcome if name in seen else ""
