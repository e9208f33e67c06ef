"""The verdict in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from closeshave.judge.verdict import Assessment, Status, Verdict
from closeshave.judge.verdictkinds import VerdictKind, kind_of
from closeshave.plurals import counted, plural
from closeshave.report import ranking, words
from closeshave.vocabulary import EVIDENCE_WORDS, EvidenceGrade

WORDS = {Status.PASS: "Pass", Status.INCONCLUSIVE: "Inconclusive", Status.FAIL: "Fail"}
MARKS = {Status.PASS: "✔", Status.INCONCLUSIVE: "?", Status.FAIL: "✘"}
"""Shapes that say the status without colour."""

_MEANING: Mapping[str, str] = {
    EvidenceGrade.REHEARSED: (
        "Rehearsed: the traffic, the failures and the databases were real, but the booking application was a stand-in. "
        "This run proves that the test works. It proves nothing about the platform itself; only a run against the platform can do that."
    ),
    EvidenceGrade.MEASURED: (
        "Measured in our environment: the booking application was a real one, on databases, caches and proxies that this test started. "
        "This run shows how that application behaves; only a run against the platform itself, where it runs, can verify a promise."
    ),
    EvidenceGrade.VERIFIED: "Verified: this run was made against the platform itself, at the scale stated here.",
}

_ENDED = {
    4: "The environment or the harness failed. ",
    5: "Stopped for safety. ",
    130: "Interrupted by its operator. ",
}
"""What an exit code says beyond the status."""

_LONGEST_REASON = 240
_MOST_OF_THE_RUN = 0.5
"""Share of the judged time. A machine that was disturbed for longer may explain every figure that could not be decided."""


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict, ready to print."""

    status: Status
    word: str
    evidence: str
    """In words: ``measured in our environment``."""
    sentence: str

    @property
    def text(self) -> str:
        """All of it on one line."""
        return f"{self.word} ({self.evidence}): {self.sentence}"


def headline(assessment: Assessment, evidence: str, exit_code: int | None = None) -> Headline:
    """What the whole run says. ``exit_code`` adds why a run ended early; ``None`` where it is not known."""
    tell = {Status.PASS: _passed, Status.INCONCLUSIVE: _inconclusive, Status.FAIL: _failed}[assessment.status]
    return Headline(
        status=assessment.status,
        word=WORDS[assessment.status],
        evidence=graded(evidence),
        sentence=words.clean(_ENDED.get(exit_code or 0, "") + tell(assessment)).replace("\n", " "),
    )


def notices(assessment: Assessment) -> tuple[str, ...]:
    """What is wrong with the run and changes no verdict by itself, a sentence each: a disturbed machine, say."""
    shown = (
        one for one in assessment.verdicts if not one.gates and one.status is not Status.PASS and kind_of(one) is VerdictKind.PRECONDITION
    )
    return tuple(_sentence(_begun(one.reason)) for one in shown if one.reason)


def graded(evidence: str) -> str:
    """What a run can show, in the words in which it is printed everywhere."""
    return next((said for grade, said in EVIDENCE_WORDS.items() if grade == evidence), evidence)


def meaning(evidence: str) -> str:
    """What the label of the evidence means for the reader."""
    return _MEANING.get(evidence, f"Evidence: {evidence}.")


def _passed(assessment: Assessment) -> str:
    gating = [one for one in assessment.verdicts if one.gates]
    clauses = [f"{_all(len(gating), 'check')} passed"]
    times = [one.recovery_s for one in assessment.faults if one.recovery_s is not None]
    if assessment.faults:
        took = "recovery" if len(assessment.faults) == 1 else "the slowest recovery"
        slowest = f", {took} took {words.seconds(max(times))}" if times else ""
        unknown = [one.id for one in assessment.faults if one.recovery_s is None]
        slowest += f" (not measured: {', '.join(unknown)})" if unknown else ""
        clauses.append(f"{_all(len(assessment.faults), 'fault')} {'was' if len(assessment.faults) == 1 else 'were'} survived{slowest}")
    clauses.append(_bookings(assessment))
    sentence = "; ".join(clause for clause in clauses if clause) + "."
    return sentence[0].upper() + sentence[1:]


def _bookings(assessment: Assessment) -> str:
    integrity = assessment.integrity
    if None in {integrity.acknowledged, integrity.breaches["lost"], integrity.breaches["double_booked"]}:
        return ""
    excused = sum(one.lost_writes or 0 for one in assessment.faults)
    chances = {one.measure: one.exposure.chances for one in assessment.verdicts if one.exposure}
    if integrity.breaches["lost"] or integrity.breaches["double_booked"] or not (chances.get("double_booked") and chances.get("lost")):
        return ""
    inside = f" outside the allowed loss windows ({words.count(excused)} inside)" if excused else ""
    contests = f"{counted(chances['double_booked'], 'contest')} for a slot"
    booked = f"{words.count(integrity.acknowledged)} acknowledged {plural(integrity.acknowledged or 0, 'booking')}"
    return f"of {booked} none was lost{inside}, and in {contests} no slot was booked twice"


def _failed(assessment: Assessment) -> str:
    gating = [one for one in assessment.verdicts if one.gates]
    failed = [one for one in ranking.worst_first(gating) if one.status is Status.FAIL]
    if not failed:
        return _reason(assessment)
    said = f"{len(failed)} of {_many(len(gating), 'check')} failed. {_why(failed[0])}"
    causes = [one for one in ranking.worst_first(gating) if one.status is Status.INCONCLUSIVE and kind_of(one) is VerdictKind.PRECONDITION]
    # A failure is proven whatever else was wrong; what is inconclusive beside it may not be.
    return f"{said} The run itself has trouble too. {_why(causes[0])}" if causes else said


def _inconclusive(assessment: Assessment) -> str:
    gating = [one for one in assessment.verdicts if one.gates]
    held = sum(one.status is Status.PASS for one in gating)
    unsettled = [one for one in ranking.worst_first(gating) if one.status is Status.INCONCLUSIVE]
    why = _why(unsettled[0]) if unsettled else _reason(assessment)
    host = next((one for one in assessment.verdicts if one.measure == "host" and one.status is not Status.PASS), None)
    if unsettled and host is not None and _explains(host, unsettled[0]):
        # Its reason may name the other programs again, behind what was measured.
        first = replace(unsettled[0], reason=unsettled[0].reason.partition("; ")[0])
        why = f"{_sentence(_begun(host.reason))} That may be why this is undecided: {_why(first)}"
    # The cause first: whoever reads on knows then what the counts are worth.
    return f"{why} {held} of {_many(len(gating), 'check')} passed and none failed, but this is not a pass."


def _explains(host: Verdict, verdict: Verdict) -> bool:
    """Whether a disturbed machine may be why this verdict is undecided: by its own words, or because most of the run was disturbed."""
    if kind_of(verdict) is not VerdictKind.OBJECTIVE:
        return False
    return "other programs" in verdict.reason or (host.measured or 0.0) >= _MOST_OF_THE_RUN


def _why(verdict: Verdict) -> str:
    reason = verdict.reason or f"measured {words.measured(verdict)}, the promise is {words.bound(verdict)}"
    if kind_of(verdict) is VerdictKind.PRECONDITION and verdict.reason:
        # Its title says what should be: "Run complete: the run ended early".
        return _sentence(_begun(reason))
    place = words.place(verdict)
    where = "" if place == "everything" else f" ({place})"
    return f"{words.title(verdict)}{where}: {_sentence(reason)}"


def _reason(assessment: Assessment) -> str:
    return _sentence(assessment.reasons[0]) if assessment.reasons else "No reason was recorded."


def _sentence(text: str) -> str:
    short = _shortened(words.clean(text.strip()))
    return short if short.endswith((".", "!", "?", "…")) else f"{short}."


def _shortened(text: str) -> str:
    """Text that is too long ends with a whole sentence or clause, or else with a whole word."""
    if len(text) <= _LONGEST_REASON:
        return text
    head = text[:_LONGEST_REASON]
    whole = max(head.rfind(end) for end in (". ", "; "))
    return head[:whole] if whole > _LONGEST_REASON / 2 else f"{head[:-1].rpartition(' ')[0] or head[:-1]}…"


def _begun(text: str) -> str:
    """As the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def _many(number: int, noun: str) -> str:
    return counted(number, noun)


def _all(number: int, noun: str) -> str:
    return f"the only {noun}" if number == 1 else f"all {counted(number, noun)}"
