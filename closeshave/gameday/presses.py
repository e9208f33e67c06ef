"""What a person pressed, as a file of its own: from a page or a terminal, to the trial. The trial takes them in the order of their names.

A press holds text from outside: it is data, of bounded length, and nothing else is made of it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from closeshave.files import write_atomically
from closeshave.files.foreign import is_one_of, loads
from closeshave.files.plaintext import clean
from closeshave.gameday.roles import PressAction
from closeshave.vocabulary import GAME_DAY, HumanMark, PersonRole

PRESSES = "presses"
"""The directory of presses, below that of the game day."""
LATE_S = 10.0
"""Whoever has pressed waits so long for an answer. What the trial finds later than that begins nothing any more."""
NAME_LONGEST, TEXT_LONGEST, STEPS_MOST, BYTES_MOST = 60, 2000, 1000, 16_384
AWAY_MOST_S = 366 * 86_400.0
"""A corrected instant is at most so far from the begin of the exercise."""
INJECT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
PHOTO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}")
"""The name of a photo's file: a name, never a path."""
_ID = re.compile(r"[0-9a-f]{8,64}")
_FILE = re.compile(r"(\d{1,19})-([0-9a-f]{8,64})\.json")
_OF_ONE = frozenset({PressAction.GO, PressAction.SKIP, PressAction.NOW, PressAction.TICK, PressAction.REVEAL})
"""What concerns one inject, and is nothing without its ID."""


class WrongPress(ValueError):
    """A press that cannot be one; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The value of a correction."""

    index: int
    """Which of the marks, counted from 0 in the order of the state."""
    at_s: float
    """When it really was, in seconds after the begin of the exercise, pauses included."""
    mark: HumanMark | None = None
    """What it really was; ``None``: as it said."""


@dataclass(frozen=True, slots=True)
class Noted:
    """The value of a note."""

    text: str
    photo: str | None = None


@dataclass(frozen=True, slots=True)
class Press:
    """One press. ``at_ns`` is the monotonic instant of it."""

    at_ns: int
    id: str
    role: PersonRole
    name: str
    """Who pressed, as they call themselves."""
    action: PressAction
    inject: str | None = None
    value: HumanMark | Moved | Noted | int | None = None
    """Of ``mark`` its word, of ``tick`` the step's index, of ``correct`` and ``note`` their own values."""


def made(at_ns: int, role: str, name: str, action: str, inject: str | None = None, value: object = None) -> Press:
    """A press of this instant with an ID of its own. Raises :class:`WrongPress`."""
    return _checked(at_ns, {"id": secrets.token_hex(8), "role": role, "name": name, "action": action, "inject": inject, "value": value})


def directory(run: Path) -> Path:
    """Where the presses of a run are."""
    return run / GAME_DAY / PRESSES


def write(run: Path, press: Press) -> Path:
    """Write a press, so that the trial sees all of it or nothing. Raises :class:`OSError`, also when the run holds no game day."""
    path = directory(run) / f"{press.at_ns}-{press.id}.json"
    write_atomically(path, _told(press), 0o600)
    return path


def untaken(run: Path, taken: Collection[str]) -> Iterator[tuple[str, Press | WrongPress]]:
    """Every press that is not among ``taken`` (names of files), in the order of their names; one that is wrong as the error."""
    try:
        names = sorted(path.name for path in directory(run).iterdir())
    except OSError:
        return
    # By number, not by text: 999 comes before 1000.
    found = sorted((int(match[1]), match[2], name) for name in names if name not in taken and (match := _FILE.fullmatch(name)))
    for at_ns, ident, name in found:
        try:
            yield name, _read(directory(run) / name, at_ns, ident)
        except WrongPress as error:
            yield name, error


def _read(path: Path, at_ns: int, ident: str) -> Press:
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MOST + 1)
        if len(data) > BYTES_MOST:
            raise WrongPress(f"longer than {BYTES_MOST} bytes")
        told = loads(data)
    except OSError as error:
        raise WrongPress(f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise error if isinstance(error, WrongPress) else WrongPress("not JSON") from None
    if not isinstance(told, dict) or set(told) != {"id", "role", "name", "action", "inject", "value"}:
        raise WrongPress("a press has the keys id, role, name, action, inject and value")
    if told["id"] != ident:
        raise WrongPress("its ID is not that of its file's name")
    return _checked(at_ns, told)


def _checked(at_ns: int, told: dict[str, Any]) -> Press:
    role, action = _one_of(told, "role", PersonRole), _one_of(told, "action", PressAction)
    name, inject = told["name"], told["inject"]
    if not isinstance(told["id"], str) or not _ID.fullmatch(told["id"]):
        raise WrongPress("id is 8 to 64 digits of a hexadecimal number")
    if not isinstance(name, str) or not name.strip() or len(name) > NAME_LONGEST:
        raise WrongPress(f"name is text of 1 to {NAME_LONGEST} characters")
    if inject is not None and not (isinstance(inject, str) and INJECT_ID.fullmatch(inject)):
        raise WrongPress("inject is the ID of an inject, or null")
    if inject is None and action in _OF_ONE:
        raise WrongPress(f"{action} needs the ID of an inject")
    value = _value(action, told["value"])
    return Press(at_ns, told["id"], role, _line(name), action, inject, value)


W = TypeVar("W", bound=StrEnum)


def _one_of(told: Mapping[str, Any], key: str, words: type[W]) -> W:
    value = told[key]
    if not is_one_of(value, {*words}):
        raise WrongPress(f"{key} is one of {', '.join(words)}")
    return words(value)


def _value(action: PressAction, value: object) -> HumanMark | Moved | Noted | int | None:
    match action:
        case PressAction.MARK:
            return _one_of({"value": value}, "value", HumanMark)
        case PressAction.TICK:
            return _index(value, "the index of a step")
        case PressAction.CORRECT:
            return _moved(value)
        case PressAction.NOTE:
            return _noted(value)
        case _:
            if value is not None:
                raise WrongPress(f"{action} has no value")
            return None


def _moved(value: object) -> Moved:
    if not isinstance(value, dict) or not {"index", "at_s"} <= set(value) <= {"index", "at_s", "mark"}:
        raise WrongPress("a correction has index and at_s, and may have mark")
    at_s = value["at_s"]
    if isinstance(at_s, bool) or not isinstance(at_s, int | float) or not -AWAY_MOST_S <= at_s <= AWAY_MOST_S:
        raise WrongPress("at_s is a number of seconds")
    mark = None if value.get("mark") is None else _one_of(value, "mark", HumanMark)
    return Moved(_index(value["index"], "the index of a mark"), float(at_s), mark)


def _noted(value: object) -> Noted:
    if not isinstance(value, dict) or not {"text"} <= set(value) <= {"text", "photo"}:
        raise WrongPress("a note has text, and may have photo")
    text, photo = value["text"], value.get("photo")
    if not isinstance(text, str) or not text.strip() or len(text) > TEXT_LONGEST:
        raise WrongPress(f"the text of a note has 1 to {TEXT_LONGEST} characters")
    if photo is not None and not (isinstance(photo, str) and PHOTO.fullmatch(photo)):
        raise WrongPress("photo is the name of a file: letters, digits, dots, dashes, at most 100 characters, without a directory")
    return Noted(clean(text), photo)


def _index(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < STEPS_MOST:
        raise WrongPress(f"value is {what}, from 0 to {STEPS_MOST - 1}")
    return value


def _line(name: str) -> str:
    return " ".join(clean(name).split())


def _told(press: Press) -> str:
    value = asdict(press.value) if isinstance(press.value, Moved | Noted) else press.value
    keys = {"id": press.id, "role": press.role, "name": press.name, "action": press.action, "inject": press.inject, "value": value}
    return json.dumps(keys)
