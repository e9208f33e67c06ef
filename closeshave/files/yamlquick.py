"""The usual YAML, read by libyaml: ten times as fast as by the whole reader, which is written in Python.

libyaml knows YAML 1.1, and our files are YAML 1.2. So this reader decides itself what a word means, and declines (:class:`NotSure`) whatever is rare, or
where the two versions may differ: tags, anchors, merge keys, directives, numbers in other forms than ``5`` and ``0.5``, and anything wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from yaml import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    YAMLError,
)

try:
    from yaml.cyaml import CParser
except ImportError:  # PyYAML was built without libyaml; the whole reader reads everything then
    CParser = None

DEEPEST = 64
MOST_VALUES = 100_000
"""Limits of a file that a person writes: nesting of lists and mappings, and values after all aliases are expanded."""


class NotSure(ValueError):
    """The whole reader has to read this text. It may be wrong, or only rare."""


class Keys(dict[Any, Any]):
    """A mapping of a document; ``lines`` has the line (from 1) of each key that the text has in this place."""

    __slots__ = ("lines",)

    def __init__(self, values: Iterable[Any] = (), lines: dict[Any, int] | None = None) -> None:
        super().__init__(values)
        self.lines: dict[Any, int] = {} if lines is None else lines


class Values(list[Any]):
    """A list of a document; ``lines`` has the line (from 1) on which each value begins, by its index."""

    __slots__ = ("lines",)

    def __init__(self, values: Iterable[Any] = (), lines: dict[Any, int] | None = None) -> None:
        super().__init__(values)
        self.lines: dict[Any, int] = {} if lines is None else lines


_RARE = re.compile("^%|[^\\n\\x20-\\x7e\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]|[\u2028\u2029]", re.MULTILINE)
"""Directives, and characters that are a line's end, a mark or not allowed in one of the versions of YAML. A tab too."""

_CONSTANTS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_BROKEN = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PERHAPS = re.compile(
    r"[-+]?(?=\.?[0-9_])[0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?0[box].*|[-+]?\.(?i:inf|nan)|\d{4}-\d\d?-\d\d?.*|<<|=",
    re.ASCII | re.DOTALL,
)
"""What the whole reader may take for a number, a time or an instruction."""


def _meant(word: str) -> Any:
    """The value of a word without quotes. Raises :class:`NotSure`."""
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if word[0] not in "-+.0123456789<=":
        return word
    if _WHOLE.fullmatch(word) and len(word) <= 18:
        return int(word)
    if _BROKEN.fullmatch(word) and len(word) <= 18:
        return float(word)
    if _DAY.fullmatch(word):
        try:
            return date.fromisoformat(word)
        except ValueError:
            raise NotSure from None
    if _PERHAPS.fullmatch(word):
        raise NotSure
    return word


def quick(text: str) -> tuple[Any, ...]:
    """The documents in ``text`` that are not empty. Raises :class:`NotSure`."""
    if CParser is None or _RARE.search(text):
        raise NotSure
    reader = CParser(text)
    try:
        return _Building().documents(reader)
    except YAMLError:
        raise NotSure from None
    finally:
        reader.dispose()


class _Building:
    """Documents from the events of a parser. Deep nesting costs no stack."""

    def __init__(self) -> None:
        self._found: list[Any] = []
        self._open: list[Keys | Values] = []
        self._keys: list[Any] = []  # one for each open mapping or list: its key whose value comes next
        self._values = 0

    def documents(self, reader: Any) -> tuple[Any, ...]:
        """All of them. Raises :class:`NotSure` and what the parser raises."""
        while True:
            event = reader.get_event()
            kind = type(event)
            if kind is ScalarEvent:
                self._plain(event)
                self._add(_meant(event.value) if event.implicit[0] else event.value, event.start_mark.line + 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._plain(event)
                if len(self._open) >= DEEPEST:
                    raise NotSure
                held = Keys() if kind is MappingStartEvent else Values()
                self._add(held, event.start_mark.line + 1)
                self._open.append(held)
                self._keys.append(_NONE)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._open.pop()
                self._keys.pop()
            elif kind is AliasEvent:
                raise NotSure
            elif kind is StreamEndEvent:
                return tuple(self._found)

    @staticmethod
    def _plain(event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            raise NotSure

    def _add(self, value: Any, line: int) -> None:
        self._values += 1
        if self._values > MOST_VALUES:
            raise NotSure
        if not self._open:
            if value is not None:
                self._found.append(value)
            return
        inside = self._open[-1]
        if isinstance(inside, Values):
            inside.lines[len(inside)] = line
            inside.append(value)
        elif self._keys[-1] is _NONE:
            # A key that is a list, a mapping or a truth is rare; one that is there twice is wrong.
            if type(value) not in {str, int} or value in inside:
                raise NotSure
            inside.lines[value] = line
            self._keys[-1] = value
        else:
            inside[self._keys[-1]] = value
            self._keys[-1] = _NONE


_NONE = object()
"""No key yet."""
