"""The documents in a YAML text, each value with the line on which it begins.

Two readers. :mod:`.yamlquick` reads what nearly every file is made of, by libyaml; it declines whatever it is not sure about. Then ruamel.yaml reads the
text: it decides what is wrong with it, and in which words that is said. Both give the same values and lines.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any

from closeshave.files.yamlquick import MOST_VALUES, Keys, NotSure, Values, quick

PARSED_KEPT = 16
"""Number of parsed texts that are kept. A plan, its target and its environment are each read several times, for values and for line numbers."""


class NotYaml(ValueError):
    """A text is not YAML, or not YAML of a file that people write. ``line`` counts from 1; 0 when the trouble has no line."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@lru_cache(maxsize=PARSED_KEPT)
def parsed(text: str) -> tuple[Any]:
    """The one document in ``text``, which may be empty. Raises :class:`NotYaml`.

    Every caller that reads the same text gets the same objects, so nobody may change them.
    """
    try:
        (only,) = quick(text)
    except ValueError:  # it is not sure, or there is not exactly one document
        (only,) = _thoroughly(text, several=False)
    return (only,)


def all_parsed(text: str) -> tuple[Any, ...]:
    """Every document in ``text`` that is not empty. Raises :class:`NotYaml`."""
    try:
        return quick(text)
    except NotSure:
        return _thoroughly(text, several=True)


def _thoroughly(text: str, *, several: bool) -> tuple[Any, ...]:
    """The documents by ruamel.yaml: those that are not empty or, if not ``several``, the only one. Raises :class:`NotYaml`."""
    # Few files need it, and its import takes as long as reading ten of them.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError  # noqa: PLC0415

    reader = YAML(typ="rt")
    try:
        with warnings.catch_warnings():
            # This warning would be printed with text of the file, which may control the terminal. Reusing a name is no mistake in YAML.
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            found = tuple(each for each in reader.load_all(text) if each is not None) if several else (reader.load(text),)
        _written_out(found, {})
        return tuple(_with_lines(each, {}) for each in found)
    except MarkedYAMLError as error:
        raise NotYaml(f"not valid YAML: {error.problem}", error.problem_mark.line + 1 if error.problem_mark else 0) from None
    except RecursionError:
        raise NotYaml("nested too deeply to be a file of this kind") from None
    except (YAMLError, ValueError) as error:
        raise NotYaml(f"not valid YAML: {error}") from None
    except Exception as error:  # noqa: BLE001 -- the YAML library raises whatever it stumbles over: TypeError for a mapping as a key
        raise NotYaml(f"not YAML of this kind: {type(error).__name__}: {error}") from None


def _written_out(node: Any, sizes: dict[int, int]) -> int:
    """How many values there are after aliases are expanded. Raises :class:`ValueError` for more than the limit."""
    if not isinstance(node, Mapping | list | tuple | AbstractSet):
        return 1
    if id(node) in sizes:
        return sizes[id(node)]
    held = [*node, *node.values()] if isinstance(node, Mapping) else [*node]
    size = 1 + sum(_written_out(each, sizes) for each in held)
    if size > MOST_VALUES:
        raise ValueError("its aliases expand to too many values")
    sizes[id(node)] = size
    return size


def _with_lines(node: Any, made: dict[int, Any]) -> Any:
    """The mappings and lists of ruamel.yaml as ours. What several aliases mean stays one object."""
    if not isinstance(node, dict | list):
        return node
    if id(node) not in made:
        marks = getattr(getattr(node, "lc", None), "data", None) or {}
        lines = {part: place[0] + 1 for part, place in marks.items()}
        if isinstance(node, dict):
            made[id(node)] = Keys({key: _with_lines(value, made) for key, value in node.items()}, lines)
        else:
            made[id(node)] = Values([_with_lines(value, made) for value in node], lines)
    return made[id(node)]
