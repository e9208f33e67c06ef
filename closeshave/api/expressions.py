"""Expressions that say where a value is in an answer: JMESPath, compiled once.

The library parses them and defines what they mean. It walks its tree anew for each answer, in Python: 2 to 10 µs for a few names. Searches for free times
are most of the traffic, so what most expressions consist of (names, an index, a literal, *or*) becomes functions that do the same without the tree;
a test compares the two. Everything else is left to the library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

Found = Callable[[Any], Any]
"""A JSON value → the value that an expression finds in it; ``None`` for nothing."""


class WrongExpression(ValueError):
    """A text is no expression; the message says what is wrong with it."""


def checked(text: str) -> str:
    """The text. Raises :class:`WrongExpression` if it is no JMESPath expression, or calls a function that there is not."""
    for name in _functions(_parsed(text)):
        if name not in Functions.FUNCTION_TABLE:
            raise WrongExpression(f"{text!r} calls {name}(), but JMESPath has only {', '.join(sorted(Functions.FUNCTION_TABLE))}")
    return text


@lru_cache(maxsize=1024)
def found_by(text: str) -> Found:
    """What finds the value of this expression. Raises :class:`WrongExpression`."""
    return _fast(_parsed(text)) or slow(text)


def slow(text: str) -> Found:
    """The same by the library alone. Raises :class:`WrongExpression`."""
    search = jmespath.compile(checked(text)).search

    def find(value: Any) -> Any:
        try:
            return search(value)
        except (JMESPathError, TypeError, ValueError, ArithmeticError):
            # A function got a value that it does not take: then nothing is found, as where a name is missing.
            return None

    return find


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        parsed: Mapping[str, Any] = jmespath.compile(text).parsed
    except JMESPathError as error:
        raise WrongExpression(
            f"{text!r} is no JMESPath expression ({' '.join(str(error).partition(', for expression')[0].split())}); "
            "it is the way to a value in the answer, like data.id or items[0].name"
        ) from None
    except RecursionError:
        raise WrongExpression("this expression is nested too deeply") from None
    return parsed


def _functions(node: Mapping[str, Any]) -> list[str]:
    own = [str(node["value"])] if node["type"] == "function_expression" else []
    return own + [name for child in node["children"] if isinstance(child, Mapping) for name in _functions(child)]


def _fast(node: Mapping[str, Any]) -> Found | None:
    """The function of a node; ``None`` for one that only the library evaluates."""
    children = [_fast(child) for child in node["children"]]
    steps = [child for child in children if child is not None]
    if len(steps) < len(children):
        return None
    makers: Mapping[str, Callable[[], Found]] = {
        "field": lambda: _named(node["value"]),
        "current": lambda: _itself,
        "identity": lambda: _itself,
        "literal": lambda: _always(node["value"]),
        "index": lambda: _at(node["value"]),
        "subexpression": lambda: _along(steps),
        "index_expression": lambda: _along(steps),
        "or_expression": lambda: _either(*steps),
    }
    maker = makers.get(node["type"])
    return None if maker is None else maker()


def _itself(value: Any) -> Any:
    return value


def _always(literal: Any) -> Found:
    return lambda _value: literal


def _named(name: str) -> Found:
    return lambda value: value.get(name) if isinstance(value, dict) else None


def _at(index: int) -> Found:
    return lambda value: value[index] if isinstance(value, list) and -len(value) <= index < len(value) else None


def _along(steps: Sequence[Found]) -> Found:
    if len(steps) == 2:
        first, second = steps
        return lambda value: second(first(value))

    def find(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return find


def _either(first: Found, second: Found) -> Found:
    def find(value: Any) -> Any:
        told = first(value)
        # As JMESPath defines false: 0 is not.
        return second(value) if told is None or told is False or told in ("", [], {}) else told

    return find
