"""What is so in a game day, as a file that the trial replaces about twice a second: for pages and terminals, which only read it.

Times that end in ``_at_s`` or ``at_s`` are seconds after the exercise began. Those of people and of what happened (``at_s``, ``done_at_s``) include
pauses, because customers suffer during them too; the clock's and the plan's (``elapsed_s``, ``planned_at_s``, ``due_in_s``) do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.files import jsonfile, write_atomically
from closeshave.vocabulary import GAME_DAY, HumanMark

STATE = "state.json"
"""The state, in the directory of a game day."""


class ClockState(StrEnum):
    """Of the clock that people hold."""

    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


class InjectKind(StrEnum):
    """What an inject does."""

    FAULT = "fault"
    """It begins a fault."""
    DRILL = "drill"
    """It begins a drill."""
    MESSAGE = "message"
    """It only tells people something."""


class InjectStatus(StrEnum):
    """How far an inject is."""

    PLANNED = "planned"
    """Its time has not come; in a report: the run does not say what became of it."""
    NEXT = "next"
    """The first of those that have not begun; its time has not come."""
    WAITING = "waiting"
    """It could begin, but for what ``why`` says: the facilitator's word, a condition, a fault that is not healed yet."""
    HELD = "held"
    """The next one, while the clock is held."""
    STARTED = "started"
    """What it begins is in effect, or not proven healed yet."""
    DONE = "done"
    """It is over, and what it broke is proven healed."""
    SKIPPED = "skipped"
    """It never began, and will not."""
    STOPPED = "stopped"
    """The game day was stopped before it began, or while it was in effect; then it is healed."""


@dataclass(frozen=True, slots=True)
class ClockShown:
    """The clock. ``elapsed_s`` stands while it is held, and is below 0 before the exercise begins."""

    state: ClockState
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class ConditionShown:
    """A go/no-go condition, and whether the live figures fulfil it; ``None``: nothing is known yet."""

    text: str
    holds: bool | None
    why: str


@dataclass(frozen=True, slots=True)
class StepShown:
    """A step of a runbook."""

    index: int
    text: str
    done_at_s: float | None


@dataclass(frozen=True, slots=True)
class RunbookShown:
    """A runbook and its steps."""

    name: str
    steps: tuple[StepShown, ...]


@dataclass(frozen=True, slots=True)
class InjectShown:
    """One inject: a card."""

    id: str
    title: str
    kind: InjectKind
    status: InjectStatus
    planned_at_s: float | None
    """By the clock; ``None`` for one that waits for the facilitator's word."""
    due_in_s: float | None
    on_word: bool
    hidden: bool
    """Nobody but facilitators may see it, until it is revealed."""
    hypothesis: str
    blast_radius: str
    told: tuple[str, ...]
    conditions: tuple[ConditionShown, ...]
    runbook: RunbookShown | None
    begins: str | None = None
    """ID of its fault or drill, as the timeline of the run calls it."""
    message: str = ""
    """What those who are told are told."""
    expected: str = ""
    """What people should do."""
    why: str = ""
    """Why it waits, was skipped, or was stopped."""
    begun_at_s: float | None = None
    healed_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class MarkShown:
    """A mark of a person. One that corrects another names its index; the other one stays."""

    inject: str | None
    mark: HumanMark
    at_s: float
    by: str
    corrects: int | None = None


@dataclass(frozen=True, slots=True)
class NoteShown:
    """A note of a person."""

    at_s: float
    by: str
    text: str
    photo: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a press."""

    id: str
    taken: bool
    why: str
    """Why it was not, in a sentence."""


@dataclass(frozen=True, slots=True)
class GameDayState:
    """Everything at one instant; ``at_ns`` is monotonic."""

    at_ns: int
    clock: ClockShown
    injects: tuple[InjectShown, ...]
    marks: tuple[MarkShown, ...] = ()
    notes: tuple[NoteShown, ...] = ()
    stopping: bool = False
    rehearsal: bool = False
    """A dress rehearsal: nothing is broken, and nothing is evidence."""
    exercise_ns: int = 0
    """When the exercise begins, or began: 0 of ``at_s``. Monotonic."""
    ends_ns: int = 0
    """When it ends at the latest. Monotonic."""
    answers: tuple[Answered, ...] = ()
    """To the last presses, the newest last."""


CODEC = TypeAdapter(GameDayState)


def path(run: Path) -> Path:
    """The file of a run's state."""
    return run / GAME_DAY / STATE


def save(run: Path, state: GameDayState) -> None:
    """Replace the state of a run. Raises :class:`OSError`."""
    write_atomically(path(run), CODEC.dump_json(state), durable=False)


def load(run: Path) -> GameDayState:
    """The state of a run. Raises :class:`FileNotFoundError` for a run without a game day, :class:`closeshave.files.jsonfile.Damaged`."""
    return jsonfile.read(path(run), CODEC)
