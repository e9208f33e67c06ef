"""A game day on the page: what each role sees, and what each may press. What is hidden is in no answer."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.gameday.presses import WrongPress
from closeshave.gameday.roles import PressAction
from closeshave.gameday.state import (
    Answered,
    ClockShown,
    ClockState,
    ConditionShown,
    GameDayState,
    InjectKind,
    InjectShown,
    InjectStatus,
    MarkShown,
    NoteShown,
    RunbookShown,
    StepShown,
)
from closeshave.live import exercise, telling
from closeshave.live.exercise import NotAllowed
from closeshave.live.picture import DisruptionShown, Identification, PartShown, PhaseShown, Picture, Stage, ToldLine
from closeshave.vocabulary import HumanMark, PersonRole

SECRET = "zqx"
"""In every text of the hidden inject, and nowhere else."""
OTHERS = tuple(role for role in PersonRole if role is not PersonRole.FACILITATOR)


def inject(name: str, **more) -> InjectShown:
    """One whose every text holds its name."""
    made = InjectShown(
        id=name, title=f"{name} title", kind=InjectKind.FAULT, status=InjectStatus.STARTED, planned_at_s=5.0, due_in_s=None, on_word=False, hidden=False,
        hypothesis=f"{name} hypothesis", blast_radius=f"{name} blast", told=("responder",), conditions=(ConditionShown(f"{name} if", True, f"{name} is"),),
        runbook=RunbookShown(f"{name}.md", (StepShown(0, f"{name} step", None),)), begins=f"{name}-fault", message=f"{name} message",
        expected=f"{name} expected", why=f"{name} why", begun_at_s=3.0,
    )  # fmt: skip
    return replace(made, **more)


def state(**more) -> GameDayState:
    """A game day with an inject that everybody may see and one that is hidden."""
    seen = inject("seen", why=f"waits until {SECRET}-fault is healed", conditions=(ConditionShown("calm", None, f"{SECRET} is in effect"),))
    made = GameDayState(
        at_ns=1, clock=ClockShown(ClockState.RUNNING, 9.0), injects=(inject(SECRET, hidden=True), seen),
        marks=(MarkShown(SECRET, HumanMark.NOTICED, 4.0, "Ada"), MarkShown("seen", HumanMark.RESOLVED, 5.0, "Bo", 0)),
        notes=(NoteShown(4.0, "Ada", "something is slow", "board.jpg"),), exercise_ns=40_000_000_000,
        answers=(Answered("aa", True, ""), Answered("bb", False, f"{SECRET} has begun already")),
    )  # fmt: skip
    return replace(made, **more)


def picture() -> Picture:
    """The charts' side of it: faults, what happened, processes."""
    faults = tuple(DisruptionShown(f"{name}-fault", f"{name} kind", False, "in effect", True, False, None) for name in (SECRET, "seen"))
    about = Identification(f"1201-{SECRET}", SECRET, "embedded", "shop", "rehearsed", "now")
    phases = (PhaseShown("calm", "calm", 0.0, 9.0), PhaseShown(f"{SECRET}-lost", "fault", 9.0, 99.0))
    told = (
        ToldLine(1.0, f"{SECRET}-fault", "injected"),
        ToldLine(2.0, "seen-fault", "injected"),
        ToldLine(2.5, "seen-fault", f"put off until {SECRET}-fault is healed"),
        ToldLine(3.0, "", f"{SECRET}-fault was started otherwise"),
    )
    return Picture(
        1,
        1,
        1.0,
        Stage.LOADED,
        about,
        phase=phases[1].name,
        phases=phases,
        disruptions=faults,
        told=told,
        parts=(PartShown(SECRET, "app", "", False, "not running"),),
    )


def seen_by(role: str, told: GameDayState | None) -> str:
    """Everything that a page of this role gets, as text."""
    made = telling.picture(picture(), exercise.sight(told, role))
    if told is not None:
        made["gameday"] = exercise.shown(told, role, 10_000_000_000, {"aa": "responder", "bb": "facilitator"})
    return telling.encoded(made).decode()


@pytest.mark.parametrize("role", OTHERS)
@given(status=st.sampled_from(list(InjectStatus)), clock=st.sampled_from(list(ClockState)), begun=st.sampled_from((None, 3.0)))
def test_what_is_hidden_is_in_no_answer(role, status, clock, begun) -> None:
    """Whatever became of it: its fault is on no chart, its marks name nothing, no sentence names it."""
    hidden = inject(SECRET, hidden=True, status=status, begun_at_s=begun)
    told = seen_by(role, replace(state(), injects=(hidden, state().injects[1]), clock=ClockShown(clock, 9.0)))
    assert SECRET not in told
    assert "seen hypothesis" in told
    assert "seen-fault" in told
    made = json.loads(told)
    assert (made["phase"], [one["name"] for one in made["phases"]], made["about"]["plan"]) == ("fault", ["calm", "fault"], "game day")


@pytest.mark.parametrize("role", PersonRole)
def test_once_it_is_revealed_everybody_sees_it(role) -> None:
    """And the facilitator has seen it before."""
    assert SECRET in seen_by(PersonRole.FACILITATOR, state())
    assert f"{SECRET} hypothesis" in seen_by(role, replace(state(), injects=(inject(SECRET), state().injects[1])))


@pytest.mark.parametrize("role", OTHERS)
def test_as_long_as_it_is_not_known_what_is_hidden_no_fault_is_shown(role) -> None:
    """A state that cannot be read must not reveal anything."""
    told = json.loads(seen_by(role, None))
    assert (told["disruptions"], told["told"], told["parts"]) == ([], [], None)
    assert json.loads(seen_by(PersonRole.FACILITATOR, None))["disruptions"]


def test_a_message_is_for_those_who_are_told_once_it_has_begun() -> None:
    """Not before, and not for others."""
    waiting = replace(state(), injects=(inject("seen", begun_at_s=None),))
    assert "seen message" not in seen_by("responder", waiting)
    assert "seen message" in seen_by("responder", state())
    assert "seen message" not in seen_by("observer", state())
    assert "seen message" in seen_by("facilitator", waiting)


@pytest.mark.parametrize("role", PersonRole)
@pytest.mark.parametrize("clock", ClockState)
def test_what_is_expected_of_people_is_for_facilitators_until_the_end(role, clock) -> None:
    """Whoever reads the answer is not tested."""
    seen = role is PersonRole.FACILITATOR or clock is ClockState.ENDED
    assert ("seen expected" in seen_by(role, replace(state(), clock=ClockShown(clock, 9.0)))) == seen


@pytest.mark.parametrize("role", PersonRole)
@pytest.mark.parametrize("begun", [None, 3.0])
def test_a_message_that_has_not_been_told_is_for_facilitators(role, begun) -> None:
    """It comes as a surprise; nobody can press anything about it either."""
    told = replace(state(), injects=(inject("seen", kind=InjectKind.MESSAGE, begins=None, begun_at_s=begun),))
    assert ("seen title" in seen_by(role, told)) == (begun is not None or role is PersonRole.FACILITATOR)
    pressed = {"name": "Ada", "action": "mark", "inject": "seen", "value": "noticed"}
    if role is PersonRole.RESPONDER and begun is None:
        with pytest.raises(NotAllowed, match="there is no inject"):
            exercise.press(7, role, pressed, told)


def test_marks_keep_their_places_and_answers_are_for_who_pressed() -> None:
    """A correction counts marks: none may be left out."""
    responder = exercise.shown(state(), "responder", 10_000_000_000, {"aa": "responder", "bb": "facilitator"})
    assert [one["inject"] for one in responder["marks"]] == [None, "seen"]
    assert [one["id"] for one in responder["answers"]] == ["aa"]
    assert responder["exercise_s"] == 30.0
    assert exercise.shown(state(), "scribe", 0, {})["answers"] == []


MAY = {
    "facilitator": set(PressAction),
    "responder": {PressAction.MARK, PressAction.CORRECT, PressAction.NOTE, PressAction.TICK},
    "scribe": {PressAction.MARK, PressAction.CORRECT, PressAction.NOTE},
    "observer": set(),
}
VALUES = {"mark": "noticed", "correct": {"index": 0, "at_s": 3}, "note": {"text": "x"}, "tick": 0}


@pytest.mark.parametrize("role", MAY)
@pytest.mark.parametrize("action", PressAction)
def test_who_may_press_what(role, action) -> None:
    """The role comes from the link, never from what the page says."""
    body = {"name": "Ada", "action": action.value, "inject": "seen", "value": VALUES.get(action.value)}
    if action in MAY[role]:
        assert exercise.press(7, role, body, state()).role == role
    else:
        with pytest.raises(NotAllowed):
            exercise.press(7, role, body, state())
    with pytest.raises(WrongPress):
        exercise.press(7, role, {**body, "role": "facilitator"}, state())


def test_a_hidden_inject_and_one_that_is_not_there_are_refused_alike() -> None:
    """Otherwise whoever guesses names would find out."""
    refusals = []
    for name in (SECRET, "nothing"):
        with pytest.raises(NotAllowed) as refused:
            exercise.press(7, "responder", {"name": "Ada", "action": "mark", "inject": name, "value": "noticed"}, state())
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]
    assert exercise.press(7, "responder", {"name": "Ada", "action": "mark", "value": "noticed"}, state()).inject is None


PIECE: st.SearchStrategy[Any] = st.sampled_from(
    (None, True, 1e309, -1, "", "mark", "noticed", "\ud800", (), [[]], {"text": 3}, {"index": 0, "at_s": "x"})
)
ANYTHING: st.SearchStrategy[Any] = PIECE | st.dictionaries(st.sampled_from(("name", "action", "inject", "value", "role")), PIECE)


@given(ANYTHING)
def test_whatever_is_sent_is_a_press_or_refused(body) -> None:
    """No other error."""
    with suppress(WrongPress, NotAllowed):
        exercise.press(7, "facilitator", body, state())
