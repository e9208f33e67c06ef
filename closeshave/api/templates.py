"""Texts with placeholders, like ``/bookings/{booking}``, compiled once into functions of the values.

A placeholder that is the whole text keeps the type of its value, so that a number stays a number in JSON. ``{barber?}`` may have no value: then the
parameter or the member that it is in is left out. A header without a value is always left out. ``{{`` and ``}}`` are braces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from string import Formatter
from typing import Any
from urllib.parse import quote

from closeshave.files import foreign

Values = Mapping[str, Any]
"""Placeholder → value."""
Filled = Callable[[Values], Any]
"""Values → the text or JSON; ``None`` if it is left out."""


class WrongTemplate(ValueError):
    """A text has braces that are no placeholder; the message says what would be right."""


def placeholders(held: Any) -> Iterator[str]:
    """The names of all placeholders in a text, or in the texts of a JSON value, without their ``?``. Raises :class:`WrongTemplate`."""
    if isinstance(held, str):
        yield from (name.removesuffix("?") for _, name in _parts(held) if name is not None)
    elif isinstance(held, Mapping):
        for inner in held.values():
            yield from placeholders(inner)
    elif isinstance(held, list | tuple):
        for inner in held:
            yield from placeholders(inner)


def path(template: str) -> Filled:
    """A path: every value is one segment, whatever is in it."""
    return _joined(template, _segment)


def parameter(template: str) -> Filled:
    """The value of a parameter of the query."""
    return _joined(template, _quoted)


_SENDABLE = frozenset({"token", "csrf", "franchise", "address", "key"})
"""What is made by the harness, or was checked when it was read from an answer."""


def header(template: str) -> Filled:
    """The value of a header; ``None`` if a placeholder has no value."""
    known = set(placeholders(template)) <= _SENDABLE
    return _joined(template, str if known else _sendable, optional=True)


def member(held: Any) -> Filled:
    """A JSON value; ``None`` for a text whose optional placeholder has no value."""
    if isinstance(held, str):
        parts = list(_parts(held))
        if len(parts) == 1 and parts[0][0] == "" and parts[0][1] is not None:
            name = parts[0][1].removesuffix("?")
            return lambda values: values[name]
        return _joined(held, str)
    if isinstance(held, Mapping):
        inside = [(str(name), member(inner), _may_lack(inner)) for name, inner in held.items()]

        def made(values: Values) -> Any:
            told = {}
            for name, fill, may_lack in inside:
                if (value := fill(values)) is not None or not may_lack:
                    told[name] = value
            return told

        return made
    if isinstance(held, list | tuple):
        items = [member(inner) for inner in held]
        return lambda values: [fill(values) for fill in items]
    return lambda _values: held


def _may_lack(held: Any) -> bool:
    return isinstance(held, str) and any(name is not None and name.endswith("?") for _, name in _parts(held))


def _joined(template: str, write: Callable[[Any], str], *, optional: bool = False) -> Filled:
    parts = [
        (literal, name and name.removesuffix("?"), optional or bool(name and name.endswith("?"))) for literal, name in _parts(template)
    ]
    if all(name is None for _, name, _ in parts):
        constant = "".join(literal for literal, _, _ in parts)
        return lambda _values: constant
    if len(parts) == 1:
        return _after(parts[0][0], str(parts[0][1]), write, optional=parts[0][2])

    def many(values: Values) -> str | None:
        made = ""
        for literal, name, may_lack in parts:
            made += literal
            if name is not None:
                if (value := values[name]) is None and may_lack:
                    return None
                made += write(value)
        return made

    return many


def _after(literal: str, name: str, write: Callable[[Any], str], *, optional: bool) -> Filled:
    """One placeholder at the end of a text, as in most."""
    if write is str and literal == "":
        return lambda values: None if (value := values[name]) is None and optional else str(value)
    return lambda values: None if (value := values[name]) is None and optional else literal + write(value)


def _parts(template: str) -> Iterator[tuple[str, str | None]]:
    """Literal text, and the placeholder after it. Raises :class:`WrongTemplate`."""
    try:
        for literal, name, form, conversion in Formatter().parse(template):
            if name is not None and (form or conversion or not name.removesuffix("?").isidentifier()):
                raise WrongTemplate(f"{template!r}: {{{name}}} is no placeholder; one looks like {{booking}} or {{barber?}}")
            yield literal, name
    except ValueError as error:
        if isinstance(error, WrongTemplate):
            raise
        raise WrongTemplate(f"{template!r}: {error}; write {{{{ and }}}} for braces that are no placeholder") from None


@lru_cache(maxsize=4096)
def quoted(text: str) -> str:
    """A text as a name or a value in a query."""
    return quote(text, safe=":")


def _segment(value: Any) -> str:
    return str(value) if isinstance(value, int) else foreign.segment(value)


def _sendable(value: Any) -> str:
    text = str(value)
    return text if foreign.sendable(text) else quote(text, safe=" :")


def _quoted(value: Any) -> str:
    return str(value) if isinstance(value, int) else quoted(str(value))
