"""What a whole gate says: each metric, each promise that a leg broke, what was thrown away; its answer and its exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from pydantic import TypeAdapter

from closeshave.comparison.fingerprint import RunFingerprint
from closeshave.gate.decision import Decision, GateAnswer, LegFigure, MetricAnswer
from closeshave.gate.design import Side
from closeshave.gate.pace import LegTimes
from closeshave.judge.verdict import Waived
from closeshave.judge.waivers import OF_A_GATE, day_of, in_force
from closeshave.plan import Waiver
from closeshave.plurals import counted
from closeshave.vocabulary import Exit

SCHEMA: Literal["closeshave.gate/1"] = "closeshave.gate/1"
STEADY = 1.15
"""Within this ratio of the slowest to the fastest leg, the machine's speed is called steady."""
INVARIANTS = "integrity/"
"""Of the IDs of verdicts on invariants."""


@dataclass(frozen=True, slots=True)
class BrokenPromise:
    """A verdict of one leg that is fail: an invariant or an absolute objective."""

    side: Side
    """Whose leg it was."""
    run: str
    """The ID of the leg's run, where its witnesses are."""
    verdict: str
    """Its ID."""
    reason: str
    """What is wrong, in a sentence."""
    waived: Waived | None = None
    """By whom and until when it does not count; ``null`` where it counts."""


@dataclass(frozen=True, slots=True)
class JudgedLeg:
    """One leg."""

    side: Side
    """Which release it ran."""
    run: str
    """The ID of its run: the name of its directory beside the result."""
    seed: int
    """Of its plan."""
    figures: Mapping[str, LegFigure]
    """By metric; what the machine disturbed too much is absent."""
    disturbed: float
    """The share of its time in which other programs disturbed the platform or the senders, 0 to 1."""
    broken: tuple[BrokenPromise, ...] = ()
    """Invariants and objectives that failed in it."""
    spoilt: str = ""
    """Why it cannot be used; empty where it can."""
    times: LegTimes | None = None
    """What it took; ``null`` where it ended before its load, and in gates of older versions."""
    sender_cpu_ms: float | None = None
    """Milliseconds of processor time that the senders used for a request; ``null`` where it was not recorded."""
    endless: tuple[str, ...] = ()
    """Percentiles that it does not have, because too many of its requests were not answered well: what was infinitely slow is in no figure."""


@dataclass(frozen=True, slots=True)
class JudgedBlock:
    """One block."""

    stage: int
    """From 1."""
    number: int
    """From 1 within its stage."""
    order: str
    """``ABBA`` or ``BAAB``; A is the base."""
    legs: tuple[JudgedLeg, ...]
    """In the order in which they ran; fewer than four where one spoilt the block."""

    @property
    def spoilt(self) -> str:
        """Why it was thrown away; empty where it counts."""
        return next((f"{leg.run}: {leg.spoilt}" for leg in self.legs if leg.spoilt), "")


@dataclass(frozen=True, slots=True)
class WaivedMetric:
    """A metric whose answer does not count until a day."""

    metric: str
    """As the plan calls it."""
    waived: Waived
    """By whom and until when."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """The whole answer."""

    plan: str
    """Its name."""
    base: str
    """What is compared with: an environment, a release or a baseline."""
    candidate: str
    """What may be released."""
    seed: int
    """Chose the order of the legs and their customers."""
    started_at: str
    """In ISO 8601."""
    answer: GateAnswer
    """Of what was not waived."""
    exit_code: int
    """0 for same and better, 1 for worse or a broken promise, 3 for unknown."""
    sentence: str
    """All of it for a person."""
    metrics: tuple[MetricAnswer, ...]
    """What is said of each metric; empty where there was nothing to compare with."""
    broken: tuple[BrokenPromise, ...]
    """Promises that a leg of either side broke; those of the candidate end the gate with exit code 1."""
    waived: tuple[WaivedMetric, ...]
    """Metrics whose answer does not count until a day."""
    blocks: tuple[JudgedBlock, ...]
    """All of them in order, those that were thrown away too."""
    fingerprint: RunFingerprint = field(default_factory=RunFingerprint)
    """The conditions of the candidate's legs."""
    unlike: tuple[str, ...] = ()
    """Conditions in which the baseline of other jobs differs and that change no figure."""
    schema: Literal["closeshave.gate/1"] = SCHEMA
    """Which format this is."""


_CODEC = TypeAdapter(GateResult)


def told(found: GateResult) -> dict[str, Any]:
    """Plain values, for ``gate.json``."""
    plain: dict[str, Any] = _CODEC.dump_python(found, mode="json")
    return {"schema": plain.pop("schema"), **plain}


def parsed(content: Any) -> GateResult:
    """The result in plain values. Raises :class:`pydantic.ValidationError`."""
    return _CODEC.validate_python(content)


@dataclass(frozen=True, slots=True)
class GateAbout:
    """What was compared; see the fields of :class:`GateResult`."""

    plan: str
    base: str
    candidate: str
    seed: int
    started_at: str


def conclude(
    about: GateAbout,
    decision: Decision,
    blocks: Sequence[JudgedBlock],
    waivers: Sequence[Waiver],
    fingerprint: RunFingerprint,
    unlike: tuple[str, ...] = (),
) -> GateResult:
    """The answer, with what is waived on the day on which the gate began.

    A block that was thrown away still counts for promises: no noisy machine loses a booking.
    """
    on = day_of(about.started_at)
    broken = _broken(blocks, waivers, on)
    waived = tuple(
        WaivedMetric(one.metric, found)
        for one in decision.metrics
        if one.answer in {GateAnswer.WORSE, GateAnswer.UNKNOWN} and (found := _waived(f"{OF_A_GATE}{one.metric}", waivers, on)) is not None
    )
    aside = {one.metric for one in waived}
    # Where every metric is waived, nothing that counts was compared.
    answer = max(
        (one.answer for one in decision.metrics if one.metric not in aside), key=lambda each: each.severity, default=GateAnswer.UNKNOWN
    )
    sentence = _sentence(decision.metrics, broken, waived)
    if answer is GateAnswer.UNKNOWN and (told_of := unsteady(blocks)):
        sentence += f" {told_of}"
    return _result(about, answer, sentence, blocks, broken, fingerprint, metrics=decision.metrics, waived=waived, unlike=unlike)


def nothing(
    about: GateAbout, why: str, blocks: Sequence[JudgedBlock], waivers: Sequence[Waiver], fingerprint: RunFingerprint
) -> GateResult:
    """Unknown, because there is nothing to compare with. A promise that the candidate broke is a fail all the same."""
    broken = _broken(blocks, waivers, day_of(about.started_at))
    return _result(about, GateAnswer.UNKNOWN, " ".join([*_accusations(_guilty(broken)), f"Unknown: {why}."]), blocks, broken, fingerprint)


def _result(
    about: GateAbout,
    answer: GateAnswer,
    sentence: str,
    blocks: Sequence[JudgedBlock],
    broken: tuple[BrokenPromise, ...],
    fingerprint: RunFingerprint,
    *,
    metrics: tuple[MetricAnswer, ...] = (),
    waived: tuple[WaivedMetric, ...] = (),
    unlike: tuple[str, ...] = (),
) -> GateResult:
    failed = _guilty(broken) or answer is GateAnswer.WORSE
    code = Exit.FAIL if failed else Exit.INCONCLUSIVE if answer is GateAnswer.UNKNOWN else Exit.PASS
    return GateResult(
        plan=about.plan,
        base=about.base,
        candidate=about.candidate,
        seed=about.seed,
        started_at=about.started_at,
        answer=answer,
        exit_code=int(code),
        sentence=sentence,
        metrics=metrics,
        broken=broken,
        waived=waived,
        blocks=tuple(blocks),
        fingerprint=fingerprint,
        unlike=unlike,
    )


def _broken(blocks: Sequence[JudgedBlock], waivers: Sequence[Waiver], on: date | None) -> tuple[BrokenPromise, ...]:
    return tuple(replace(one, waived=_waived(one.verdict, waivers, on)) for block in blocks for leg in block.legs for one in leg.broken)


def _guilty(broken: Iterable[BrokenPromise]) -> list[BrokenPromise]:
    """What the candidate broke and nobody waived."""
    return [one for one in broken if one.side is Side.CANDIDATE and one.waived is None]


def machine_speeds(blocks: Iterable[JudgedBlock]) -> tuple[float, float] | None:
    """The least and the most processor time that the senders used for a request, in milliseconds, over the sound legs of the base.

    They are one program that sends the same requests, so what differs is the speed of the machine. Of the base alone, because a candidate may answer with
    more bytes. ``None`` where it was recorded of fewer than two legs.
    """
    legs = [leg for block in blocks if not block.spoilt for leg in block.legs]
    # Against a baseline there are only the candidate's legs, and what they answer is the same in each.
    side = Side.BASE if any(leg.side is Side.BASE for leg in legs) else Side.CANDIDATE
    found = [leg.sender_cpu_ms for leg in legs if leg.side is side and leg.sender_cpu_ms is not None]
    return (min(found), max(found)) if len(found) > 1 and min(found) > 0 else None


def unsteady(blocks: Iterable[JudgedBlock]) -> str:
    """What a reader must know of a machine whose speed changed; empty where it was steady, or is not known."""
    least_ms, most_ms = machine_speeds(blocks) or (1.0, 1.0)
    if most_ms <= STEADY * least_ms:
        return ""
    return (
        f"The machine itself was up to {most_ms / least_ms - 1:.0%} slower in one leg than in another: the senders used {least_ms:.2f} to "
        f"{most_ms:.2f} ms of processor time for a request of the same kind. On a machine of steady speed fewer blocks are enough."
    )


def breaks_invariant(blocks: Sequence[JudgedBlock], waivers: Sequence[Waiver], started_at: str) -> bool:
    """Whether the candidate broke an invariant that nobody waived: one lost or doubled booking is enough, whatever further legs say."""
    return any(one.verdict.startswith(INVARIANTS) for one in _guilty(_broken(blocks, waivers, day_of(started_at))))


def breaks(blocks: Sequence[JudgedBlock], waivers: Sequence[Waiver], started_at: str) -> tuple[str, ...]:
    """The promises that the candidate broke and that nobody waived, each once."""
    return tuple(dict.fromkeys(one.verdict for one in _guilty(_broken(blocks, waivers, day_of(started_at)))))


def _waived(name: str, waivers: Sequence[Waiver], on: date | None) -> Waived | None:
    found = in_force(name, waivers, on)
    return None if found is None else Waived(found.owner, found.reason, found.until.isoformat())


def _sentence(
    metrics: Sequence[MetricAnswer],
    broken: Sequence[BrokenPromise],
    waived: Sequence[WaivedMetric],
) -> str:
    aside, guilty = {one.metric for one in waived}, _guilty(broken)
    said = _accusations(guilty)
    for each in (GateAnswer.WORSE, GateAnswer.UNKNOWN, GateAnswer.BETTER):
        if ones := [f"{one.metric} ({one.reason})" for one in metrics if one.answer is each and one.metric not in aside]:
            said.append(f"{each.value.capitalize()}: {'; '.join(ones)}.")
    if same := [one.metric for one in metrics if one.answer is GateAnswer.SAME]:
        said.append(f"Same: {', '.join(same)}.")
    if waived:
        said.append(f"Waived: {'; '.join(f'{one.metric} until {one.waived.until} by {one.waived.owner}' for one in waived)}.")
    if forgiven := {one.verdict: one.waived for one in broken if one.waived is not None}:
        said.append(f"Waived promises: {'; '.join(f'{name} until {one.until} by {one.owner}' for name, one in forgiven.items() if one)}.")
    if others := sorted({one.verdict for one in broken if one.side is Side.BASE} - {one.verdict for one in guilty}):
        said.append(f"The base alone broke {', '.join(others)}.")
    if aside.issuperset(one.metric for one in metrics):
        said.append("Unknown: no metric counts.")
    return " ".join(said)


def _accusations(guilty: Sequence[BrokenPromise]) -> list[str]:
    """Each promise once, with the number of legs that broke it."""
    legs: dict[str, list[BrokenPromise]] = {}
    for one in guilty:
        legs.setdefault(one.verdict, []).append(one)
    if not legs:
        return []
    told_once = [f"{name} in {counted(len(ones), 'leg')}, first in {ones[0].run}: {ones[0].reason}" for name, ones in legs.items()]
    return [f"The candidate breaks a promise: {'; '.join(told_once)}."]
