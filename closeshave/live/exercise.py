"""A game day as one role may see it, and who may press what on its page. Pure.

What is hidden is hidden from everybody but the facilitator: the inject, its fault on the charts, and every sentence that names either. The processes of
the environment, what the harness notes, and the names of the plan and of its phases would tell it too, so only the facilitator sees those in a game day.
Nor does anybody else see a message that has not been told yet, or, before the end, what is expected of people: who reads the answer is not tested.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from closeshave.gameday.presses import Press, WrongPress, made
from closeshave.gameday.roles import PressAction, may
from closeshave.gameday.state import ClockState, GameDayState, InjectKind, InjectShown
from closeshave.live.telling import EVERYTHING, RoleSight, plain
from closeshave.vocabulary import PersonRole

FACILITATOR = PersonRole.FACILITATOR


class NotAllowed(Exception):
    """A press that this role has no right to; the message is for people."""


def sight(told: GameDayState | None, role: str) -> RoleSight:
    """What a role may see of a game day's charts and lists. ``told`` is ``None`` as long as it is not known what is hidden: then no fault is shown."""
    if role == FACILITATOR:
        return EVERYTHING
    if told is None:
        return RoleSight(inside=False, nothing_broken=True)
    hidden = tuple(one for one in told.injects if one.hidden)
    return RoleSight(frozenset(one.begins for one in hidden if one.begins), inside=False, secret=_names(hidden))


def shown(told: GameDayState, role: str, zero_ns: int, own: Mapping[str, str]) -> dict[str, Any]:
    """The game day for one role. ``own`` says which role pressed what, by the ID of the press: the others' answers are not shown.

    Times of people become seconds after the begin of the load, as on the charts, in ``exercise_s``.
    """
    everything, over = role == FACILITATOR, told.clock.state is ClockState.ENDED
    secret = None if everything else _names(tuple(one for one in told.injects if one.hidden))
    ids = {one.id for one in told.injects if not _visible(one, role)}
    injects = tuple(one if everything else _inject(one, role, secret, over=over) for one in told.injects if one.id not in ids)
    marks = tuple(replace(one, inject=None) if one.inject in ids else one for one in told.marks)
    answers = tuple(one for one in told.answers if own.get(one.id) == role)
    made: dict[str, Any] = plain(replace(told, injects=injects, marks=marks, answers=answers))
    made["exercise_s"] = (told.exercise_ns - zero_ns) / 1e9
    made["ends_s"] = (told.ends_ns - zero_ns) / 1e9
    made["may"] = [action.value for action in PressAction if may(PersonRole(role), action)]
    return made


def press(at_ns: int, role: str, body: Any, told: GameDayState | None) -> Press:
    """The press that a page sends. Raises :class:`closeshave.gameday.presses.WrongPress` for what is none, :class:`NotAllowed`."""
    if not isinstance(body, dict) or not set(body) <= {"name", "action", "inject", "value"}:
        raise WrongPress("a press has name, action, inject and value")
    pressed = made(at_ns, role, body.get("name", ""), body.get("action", ""), body.get("inject"), body.get("value"))
    if not may(pressed.role, pressed.action):
        raise NotAllowed(f"{pressed.action.value} is not for a {pressed.role.value}")
    visible = {one.id for one in told.injects if _visible(one, role)} if told is not None else set()
    if pressed.inject is not None and pressed.inject not in visible:
        # The same for one that is hidden and for one that is not there.
        raise NotAllowed("there is no inject of this ID")
    return pressed


def _visible(one: InjectShown, role: str) -> bool:
    """Whether this role may know that there is this inject: a message comes as a surprise, as it would."""
    return role == FACILITATOR or not (one.hidden or (one.kind is InjectKind.MESSAGE and one.begun_at_s is None))


def _inject(one: InjectShown, role: str, secret: re.Pattern[str] | None, *, over: bool) -> InjectShown:
    """One that is not hidden: its message is for those who are told, once it has begun, and what is expected of people for the end."""
    hears = role in one.told and one.begun_at_s is not None
    conditions = tuple(replace(each, why=_said(each.why, secret)) for each in one.conditions)
    return replace(
        one, message=one.message if hears else "", expected=one.expected if over else "", why=_said(one.why, secret), conditions=conditions
    )


def _said(text: str, secret: re.Pattern[str] | None) -> str:
    """A sentence, unless it names what is hidden."""
    return "" if secret is not None and secret.search(text) else text


def _names(hidden: tuple[InjectShown, ...]) -> re.Pattern[str] | None:
    words = {word for one in hidden for word in (one.id, one.title, one.begins) if word}
    return re.compile("|".join(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in sorted(words))) if words else None
