"""What each field of a dataclass and each member of an enumeration means: the docstring below it. Schemas, pages and errors take it from here.

Read from the source, and only when it is asked for: a command that reads a valid file spends no time on it. pydantic's ``use_attribute_docstrings``
does the same whenever a file is read, leaves out the fields of base classes, and knows no members of enumerations.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

_CODE = re.compile(r"``(.+?)``")
_ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")


def meanings(type_: type) -> Mapping[str, str]:
    """Field or member → what it means, as Markdown on one line; those of base classes first. Without a docstring it is absent."""
    found: dict[str, str] = {}
    for each in reversed(type_.__mro__):
        found |= _of_module(each.__module__).get(each.__name__, {})
    return MappingProxyType(found)


def about(type_: type) -> str:
    """What a class is for: its docstring as Markdown, paragraphs apart; empty where it has none of its own."""
    paragraphs = inspect.cleandoc(type_.__doc__ or "").split("\n\n")
    return "\n\n".join(one_line(paragraph) for paragraph in paragraphs)


def meaning_at(type_: Any, location: Iterable[str | int]) -> str:
    """What the key at this place of a file means; empty where nothing says it. ``type_`` is what the whole file is read as."""
    said, held = "", tuple(classes_in(type_))
    for part in location:
        holders = [each for each in held if str(part) in {field.name for field in fields(each)}]
        if holders:
            said = meanings(holders[0]).get(str(part), "")
            held = tuple(inner for each in holders for inner in classes_in(get_type_hints(each, include_extras=True)[str(part)]))
    return clause(said)


def classes_in(hint: Any) -> Iterator[type]:
    """The dataclasses that a type holds directly, or as the items of a tuple, the values of a mapping, the members of a union."""
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for inner in get_args(hint):
        yield from classes_in(inner)


def first_sentence(text: str) -> str:
    """The first sentence, without its full stop."""
    return re.split(r"(?<=[^.])\.(?:\s|$)", text, maxsplit=1)[0].rstrip(".")


def clause(text: str) -> str:
    """The first sentence as a part of another one: begun small, unless it begins with code or an abbreviation."""
    said = first_sentence(text)
    return said[:1].lower() + said[1:] if said[1:2].islower() or said[1:2] == " " else said


def one_line(text: str) -> str:
    """A docstring as Markdown on one line: code in single backticks, names instead of references."""
    return _CODE.sub(r"`\1`", _ROLE.sub(r"`\1`", " ".join(text.split())))


@cache
def _of_module(name: str) -> Mapping[str, dict[str, str]]:
    """Class at the top level of a module → its documented fields; nothing for a module without a source, such as a built-in one."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (KeyError, OSError, TypeError, SyntaxError):
        return {}
    return {node.name: _fields(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for one, after in zip(node.body, node.body[1:], strict=False):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            name = one.target.id
        elif isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            name = one.targets[0].id
        else:
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            found[name] = one_line(after.value.value)
    return found
