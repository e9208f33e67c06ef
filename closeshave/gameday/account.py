"""What a game day was, as a value: the after-action report before it is written. Made of the history and the files of the game day; it judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from closeshave.comparison.retests import Deficiency
from closeshave.gameday.state import InjectKind, InjectStatus
from closeshave.vocabulary import HumanMark

SCHEMA: Literal["closeshave.gameday/1"] = "closeshave.gameday/1"


@dataclass(frozen=True, slots=True)
class InjectAccount:
    """An inject: what was expected, and what was seen."""

    id: str
    """As the plan calls it."""
    title: str
    """What stood on its card."""
    kind: InjectKind
    """What it does."""
    status: InjectStatus
    """How it ended."""
    begun_at_s: float | None
    """When it began, in seconds after the exercise did, pauses included; `null`: never."""
    how: str
    """``clock``, ``go`` or ``now``; or why it never began."""
    expected_of_platform: str
    """The hypothesis."""
    seen_of_platform: str
    """What the history shows."""
    expected_of_people: str
    """What the plan expects of them."""
    seen_of_people: str
    """What they marked, counted from the first harmed customer; what nobody marked is unknown."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened. Marks of people and of machines are on one axis."""

    at_s: float
    """Seconds after the exercise began, pauses included; below 0: before."""
    who: Literal["people", "harness", "platform", "customers"]
    """Whose mark it is."""
    what: str
    """In words."""
    mark: HumanMark | None = None
    """What a person marked, if it counts: not one that was corrected later."""


@dataclass(frozen=True, slots=True)
class HarmAccount:
    """What customers felt of a fault."""

    fault: str
    """ID of the fault."""
    sure: bool
    """Whether the fault harmed anybody: false if other programs, which disturbed the machine, may have caused all that failed."""
    severity: str
    """By the worst minute, the harness's own classes; ``unknown`` if it is not sure."""
    first_at_s: float
    """When the first harmed customer's request was due, in seconds after the exercise began."""
    last_at_s: float
    """When that of the last one was."""
    requests: int
    """How many requests in the fault's scope were not good."""
    worst_minute: float | None
    """The largest share of all customers' requests within a minute that were not good, 0 to 1; `null`: it is not sure that the fault harmed anybody."""
    alerted_s: float | None
    """Seconds from the first harm to the platform's own first signal; below 0: before; `null`: there was none."""
    noticed_s: float | None
    """Seconds from the first harm until a person marked that it was noticed; `null` is unknown."""
    restored_s: float | None
    """Seconds from the first harm until customers were served again; `null` is unknown."""
    brought_back_by: str
    """``the platform itself``, ``the harness, which healed the fault``, or ``unknown``."""


@dataclass(frozen=True, slots=True)
class LossAccount:
    """What a fault cost in data."""

    fault: str
    """ID of the fault."""
    lost_writes: int | None
    """Acknowledged writes that are missing; `null` is unknown."""
    loss_window_s: float | None
    """How long before the end of the old primary the oldest missing write was acknowledged; `null` is unknown."""


@dataclass(frozen=True, slots=True)
class RunbookAccount:
    """How a runbook was followed."""

    inject: str
    """The inject."""
    name: str
    """The file."""
    done: int
    """Steps that were ticked."""
    steps: int
    """Steps that there are."""
    not_ticked: tuple[str, ...]
    """Steps that nobody ticked: not done, or not ticked."""
    out_of_order: tuple[str, ...]
    """Steps that were ticked before one that stands above them."""


@dataclass(frozen=True, slots=True)
class JudgedOfPeople:
    """A verdict on people, as the run's own report has it."""

    id: str
    """The verdict."""
    claims: tuple[str, ...]
    """The promises that it answers."""
    status: str
    """``pass``, ``fail`` or ``inconclusive``."""
    text: str
    """What was measured, against what."""
    reason: str
    """Incident by incident."""


@dataclass(frozen=True, slots=True)
class ChainAccount:
    """The chain of events."""

    entries: int
    """Sound entries."""
    last: str
    """The last sound hash, to be kept elsewhere: whoever can write to the run directory could make a whole new chain."""
    wrong: str
    """What is wrong with it; empty when nothing is."""
    ended: bool
    """Whether the game day came to an end that was recorded."""


@dataclass(frozen=True, slots=True)
class DoraSection:
    """The same in the shape that Articles 25 and 26 of Delegated Regulation (EU) 2024/1774 ask for of a test of ICT business continuity plans. Whether the
    scenarios are adequate for an entity, only the entity can say."""

    scenarios: tuple[str, ...]
    """Which disruptions were simulated."""
    plausibility: tuple[str, ...]
    """Why each is severe and plausible, as far as the plan says so."""
    switchover: tuple[str, ...]
    """Whether and how fast work moved to redundant capacity, and back."""
    staff_response: tuple[str, ...]
    """What staff did, and when."""
    findings: tuple[str, ...]
    """Results and deficiencies."""
    remediation: tuple[str, ...]
    """Who corrects what until when, and which test shows it."""
    not_covered: tuple[str, ...]
    """What the regulation asks for and this test says nothing about."""


@dataclass(frozen=True, slots=True)
class AfterAction:
    """A game day, as ``gameday.json`` holds it. Times in seconds; absent is `null`, never 0."""

    run: str
    """The run's ID."""
    plan: str
    """The plan's name."""
    environment: str
    """Where it was held."""
    target: str
    """Whose promises were asked."""
    started_at: str
    """ISO 8601, UTC."""
    ended_at: str | None
    """`null`: the harness was killed."""
    rehearsal: bool
    """A dress rehearsal: nothing was broken, so it proves nothing."""
    evidence: str
    """``rehearsed`` for the stand-in, ``measured`` for a team's own application in our environment, ``verified`` for the platform itself."""
    ended: str
    """How it ended, in words."""
    injects: tuple[InjectAccount, ...]
    """In the order of the plan."""
    timeline: tuple[TimelineEntry, ...]
    """In the order of time."""
    harm: tuple[HarmAccount, ...]
    """Faults that harmed customers."""
    lost: tuple[LossAccount, ...]
    """Faults that may have cost data."""
    runbooks: tuple[RunbookAccount, ...]
    """Those of injects that began."""
    people: tuple[JudgedOfPeople, ...]
    """Verdicts on people; none if the target promises nothing of them."""
    failed: tuple[str, ...]
    """IDs of verdicts that failed and count."""
    undecided: tuple[str, ...]
    """IDs of verdicts that are inconclusive and count."""
    deficiencies: tuple[Deficiency, ...]
    """Those that people have written down."""
    unrecorded: tuple[str, ...]
    """Failed verdicts of which no deficiency has been written down."""
    unknown: tuple[str, ...]
    """What this report cannot say, and why."""
    chain: ChainAccount | None
    """`null`: there is none."""
    dora: DoraSection
    """For the register of tests."""
    schema: Literal["closeshave.gameday/1"] = SCHEMA
    """The version of this form."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Photos that notes name → the note."""
    harm_unknown: str = ""
    """Why it is not known whom the faults harmed; empty where it is."""
    deficiencies_unknown: str = ""
    """Why it is not known which deficiencies have been written down; empty where it is."""
