"""YAML files into frozen dataclasses, and errors that name the file, the line, the key and what would be right."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ConfigDict, PlainSerializer, TypeAdapter, ValidationError, WithJsonSchema
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

T = TypeVar("T")

STRICT = ConfigDict(extra="forbid", strict=False)
"""For ``__pydantic_config__`` of every dataclass read from YAML: an unknown key is an error, never ignored."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file. ``line`` counts from 1; 0 when the problem has no line."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class InvalidFile(ValueError):
    """A file that a user wrote is wrong; nothing was started. Carries every problem found, not only the first."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def read(path: Path, type_: type[T]) -> T:
    """Read ``path`` as one value of ``type_``. Raises :class:`InvalidFile` (also when the file is missing or no YAML)."""
    raw = document(path)
    try:
        return TypeAdapter(type_).validate_python(raw)
    except ValidationError as error:
        raise InvalidFile(*(_problem(path, raw, item) for item in error.errors())) from None


def document(path: Path) -> Any:
    """The YAML document of ``path`` with its line numbers kept. Raises :class:`InvalidFile`."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise InvalidFile(Problem(str(path), 0, "", "no such file")) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(Problem(str(path), 0, "", f"cannot be read: {error}")) from None
    try:
        loaded = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise InvalidFile(Problem(str(path), line, "", f"not valid YAML: {error.problem}")) from None
    except RecursionError:
        raise InvalidFile(Problem(str(path), 0, "", "nested too deeply to be a file of this kind")) from None
    except (YAMLError, ValueError) as error:
        raise InvalidFile(Problem(str(path), 0, "", f"not valid YAML: {error}")) from None
    if not isinstance(loaded, dict):
        raise InvalidFile(Problem(str(path), 1, "", "expected a mapping of keys to values"))
    return loaded


def line_of(raw: Any, location: tuple[str | int, ...]) -> int:
    """The line (from 1) of the deepest part of ``location`` that the document has."""
    line = 1
    for part in location:
        marks = getattr(raw, "lc", None)
        if marks is None or marks.data is None:
            break
        mark = marks.data.get(part)
        if mark is None:
            break
        line = mark[0] + 1
        raw = raw[part]
    return line


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: object) -> float:
    """Seconds from ``"250ms"``, ``"90s"``, ``"1m30s"``, ``"24h"`` or ``0``. Raises :class:`ValueError` for anything else, negative ones too."""
    if text == 0 and not isinstance(text, bool):
        return 0.0
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", str(text))
    if not parts or "".join(number + unit for number, unit in parts) != str(text).replace(" ", ""):
        raise ValueError(f"{text!r} is not a duration; write it with its unit, like 250ms, 90s, 1m30s or 24h")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def quantity(text: object) -> float:
    """``99.99%`` → 0.9999, a duration → seconds, a plain number as it is. Raises :class:`ValueError`."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    if match := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", str(text)):
        # Scaled as text, because 99.99 / 100 is not 0.9999 in binary.
        return float(f"{match[1]}e-2")
    if re.fullmatch(r"\d+(\.\d+)?", str(text)):
        return float(str(text))
    try:
        return seconds(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a quantity; write 99.99%, 100ms, 5m or a number") from None


def duration_text(value: float) -> str:
    """``30s``, ``0.25s``: a duration in seconds as :func:`seconds` reads it."""
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"


Seconds = Annotated[
    float,
    BeforeValidator(seconds),
    PlainSerializer(duration_text, when_used="json"),
    WithJsonSchema({"type": ["string", "number"], "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"}),
]
"""A duration as people write it, in seconds once read; written as people write it, too."""
Quantity = Annotated[float, BeforeValidator(quantity), WithJsonSchema({"type": ["string", "number"]})]
"""A share, a duration or a plain number, as :func:`quantity` reads it."""


def _problem(path: Path, raw: Any, item: Any) -> Problem:
    location = tuple(item["loc"])
    line = line_of(raw, location)
    key = ".".join(str(part) for part in location)
    kind = item["type"]
    if kind in {"unexpected_keyword_argument", "extra_forbidden"}:
        message = "unknown key"
    elif kind in {"missing", "missing_argument"}:
        message = "is missing"
    else:
        message = item["msg"].removeprefix("Value error, ")
    return Problem(str(path), line, key, message)
