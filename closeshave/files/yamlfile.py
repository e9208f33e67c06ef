"""YAML files into frozen dataclasses, and errors that name the file, the line, the key and what would be right."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from closeshave.files import keys
from closeshave.files.closest import meant
from closeshave.files.described import meaning_at
from closeshave.files.yamlquick import DEEPEST, Keys, Values
from closeshave.files.yamltext import NotYaml, all_parsed, parsed

T = TypeVar("T")

LARGEST_BYTES = 1 << 20
"""Limit of a file that a person writes, in bytes."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""Pattern of a name in a file, which may be a part of a verdict's ID or of a directory's name."""

DAY = r"^\d{4}-\d{2}-\d{2}$"
STRICT = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False)
"""The ``__pydantic_config__`` of every dataclass that is read from YAML: an unknown key is an error, and so is the number ``.nan`` or ``.inf``."""


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
    """A user's file is wrong; nothing was started. Holds every problem that was found, not only the first."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def read(path: Path, type_: type[T]) -> T:
    """Read ``path`` as one value of ``type_``. Raises :class:`InvalidFile`, also when the file is missing or not YAML."""
    raw = document(path)
    try:
        value: T = _adapter(type_).validate_python(raw)  # type: ignore[arg-type]  # a class can be hashed, which its stub does not say
    except ValidationError as error:
        raise InvalidFile(*_merged(_problem(path, raw, item, type_) for item in error.errors())) from None
    return value


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    """Built only once for each type, because building takes longer than reading a file."""
    return TypeAdapter(type_)


@cache
def _schema(type_: Any) -> Mapping[str, Any]:
    """Of a file that is wrong in several places each is explained from the same schema."""
    return _adapter(type_).json_schema()


def document(path: Path) -> Any:
    """The YAML document of ``path`` with its line numbers. Raises :class:`InvalidFile`.

    Every caller that reads the same text gets the same objects, so nobody may change them.
    """
    (loaded,) = _loaded(path, parsed)
    return loaded


def documents(path: Path) -> tuple[Any, ...]:
    """All YAML documents of ``path``, each a mapping with its line numbers; empty ones are left out. Raises :class:`InvalidFile`, also for none."""
    return _loaded(path, all_parsed)


def _loaded(path: Path, parse: Callable[[str], tuple[Any, ...]]) -> tuple[Any, ...]:
    """What ``parse`` finds in a file. Raises :class:`InvalidFile`."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        # With or without the mark that some editors put at the beginning.
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise InvalidFile(Problem(str(path), 0, "", "no such file")) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(Problem(str(path), 0, "", f"cannot be read: {error}")) from None
    if len(data) > LARGEST_BYTES or _brackets(text) > DEEPEST:
        # The reader's time grows with the square of either.
        too = "large" if len(data) > LARGEST_BYTES else "deeply nested"
        raise InvalidFile(Problem(str(path), 0, "", f"too {too} to be a file of this kind"))
    try:
        found = parse(text)
    except NotYaml as error:
        raise InvalidFile(Problem(str(path), error.line, "", str(error))) from None
    if not found or not all(isinstance(each, dict) for each in found):
        raise InvalidFile(Problem(str(path), 1, "", "expected a mapping of keys to values"))
    return found


def _brackets(text: str) -> int:
    """The most brackets that are open at the same place, also counting brackets in quotes."""
    most = depth = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth += 1 if bracket in "[{" else -1
        most = max(most, depth)
    return most


def line_of(raw: Any, location: tuple[str | int, ...]) -> int:
    """The line (from 1) of the deepest part of ``location`` that exists in the document."""
    line = 1
    for part in location:
        if not isinstance(raw, Keys | Values) or part not in raw.lines:
            break
        line, raw = raw.lines[part], raw[part]  # type: ignore[index]  # what has a line is there, so it is the index of a list
    return line


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_S = 3660 * 86400.0
"""Ten years, the longest duration of a plan or a promise; this also refuses a number with four hundred digits."""
MOST = 1e6
"""The largest rate or factor that a file may state: ten times the rate of the largest platform in the targets."""


def seconds(text: object) -> float:
    """Seconds from ``"250ms"``, ``"90s"``, ``"1m30s"``, ``"24h"`` or ``0``. Raises :class:`ValueError` for anything else, negative ones too."""
    if text == 0 and not isinstance(text, bool):
        return 0.0
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", str(text))
    if not parts or "".join(number + unit for number, unit in parts) != str(text).replace(" ", ""):
        raise ValueError(f"{text!r} is not a duration; write it with its unit, like 250ms, 90s, 1m30s or 24h")
    total_s = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if total_s > LONGEST_S:
        raise ValueError(f"{_short(text)} is longer than ten years")
    return total_s


def lasting(duration_s: float) -> float:
    """The duration. Raises :class:`ValueError` for 0."""
    if duration_s <= 0:
        raise ValueError("must be longer than 0")
    return duration_s


def share(text: object) -> float:
    """``99.99%`` → 0.9999, a number from 0 to 1 as it is. Raises :class:`ValueError` saying how to write it."""
    if match := re.fullmatch(r"(\d{1,9}(?:\.\d{1,30})?) ?%", str(text)):
        # Scaled as text, because 99.99 / 100 is not 0.9999 in binary.
        value = float(f"{match[1]}e-2")
        if value > 1:
            raise ValueError(f"{text} is too much: a share is at most 100%")
        return value
    value = plain(text, "a share; write a percentage like 99.9%, or a number from 0 to 1")
    if not 0 <= value <= 1:
        raise ValueError(f"{text} is not between 0 and 1; write {text}%" if 1 < value <= 100 else f"{text} is not between 0 and 1")
    return value


def plain(text: object, wanted: str = "a plain number") -> float:
    """A finite number without a unit. Raises :class:`ValueError`: ``true`` is no number, nor is ``.nan`` or ``.inf``."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        # YAML accepts a whole number of four hundred digits; a float cannot hold it.
        value = float(text) if abs(text) < float("inf") and abs(text) < 10**300 else math.inf
        if math.isfinite(value):
            return value
        raise ValueError(f"{_short(text)} is not a finite number")
    if isinstance(text, str) and re.fullmatch(r"\d{1,30}(\.\d{1,30})?", text):
        return float(text)
    raise ValueError(f"{_short(text)} is not {wanted}")


def whole(text: object) -> int:
    """A whole number. Raises :class:`ValueError`."""
    value = plain(text, "a whole number")
    if value != int(value):
        raise ValueError(f"{text} is not a whole number")
    return int(text) if isinstance(text, int) else int(value)


def quantity(text: object) -> float:
    """``99.99%`` → 0.9999, a duration → seconds, a plain number as it is. Raises :class:`ValueError`.

    The reader of a key decides which of the three it accepts: see :func:`closeshave.target.read_target`.
    """
    if match := re.fullmatch(r"(\d{1,9}(?:\.\d{1,30})?) ?%", str(text)):
        return float(f"{match[1]}e-2")
    try:
        return plain(text)
    except ValueError as error:
        if "finite" in str(error):
            raise
    try:
        return seconds(text)
    except ValueError as error:
        if "ten years" in str(error):
            raise
        raise ValueError(f"{_short(text)} is not a quantity; write 99.99%, 100ms, 5m or a number") from None


def day(text: object) -> date:
    """A day, written as ``2026-12-24``. Raises :class:`ValueError`."""
    if isinstance(text, date) and not isinstance(text, datetime):
        return text
    if isinstance(text, str) and re.fullmatch(DAY, text):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(text)
    raise ValueError(f"{_short(text)} is not a day; write it like 2026-12-24")


def name(text: str) -> str:
    """A name in a file. Raises :class:`ValueError` for one that cannot be part of a verdict's ID or of a directory's name."""
    if not re.fullmatch(NAME, text):
        raise ValueError(
            f"{_short(text)}: use letters, digits, dots, dashes and underscores, at most 64, and begin with a letter or a digit"
        )
    return text


def _short(text: object) -> str:
    said = repr(text)
    return said if len(said) <= 60 else f"{said[:40]}… ({len(said)} characters)"


@dataclass(frozen=True, slots=True, eq=False)
class Stated:
    """Additional keywords in the JSON Schema of a type."""

    keywords: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Called by pydantic."""
        return {**handler(schema), **self.keywords}


def stated(**keywords: Any) -> Stated:
    """Adds keywords to the JSON Schema of a field, for a rule that is checked elsewhere: in ``__post_init__`` or when a file is read."""
    return Stated(keywords)


def percentage_not(*patterns: str) -> dict[str, Any]:
    """For a JSON Schema: percentages that a key does not accept, by patterns of the number before the sign."""
    return {"not": {"type": "string", "pattern": f"^({'|'.join(patterns)}) ?%$"}}


def duration_text(value: float) -> str:
    """``30s``, ``0.25s``: a duration in seconds as :func:`seconds` reads it."""
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"


_DURATION = r" *(\d+(\.\d+)?(ms|s|m|h|d) *)+"
_PERCENTAGE, _PLAIN = r"\d{1,9}(\.\d{1,30})? ?%", r"\d{1,30}(\.\d{1,30})?"
DURATION_SCHEMA: dict[str, Any] = {"type": ["string", "number"], "pattern": f"^{_DURATION}$", "minimum": 0, "maximum": 0}
"""JSON Schema of what :func:`seconds` reads: text with a unit, or the number 0. A pattern is for texts only, a minimum for numbers only."""
LASTING_SCHEMA: dict[str, Any] = {"type": "string", "pattern": f"^(?=.*[1-9]){_DURATION}$"}
SHARE_SCHEMA: dict[str, Any] = {
    "type": ["string", "number"],
    "pattern": r"^(0*(100(\.0+)?|\d{1,2}(\.\d{1,30})?) ?%|0*(1(\.0+)?|0(\.\d{1,30})?))$",
    "minimum": 0,
    "maximum": 1,
}
QUANTITY_SCHEMA: dict[str, Any] = {"type": ["string", "number"], "pattern": f"^({_PERCENTAGE}|{_PLAIN}|{_DURATION})$"}

Seconds = Annotated[float, BeforeValidator(seconds), PlainSerializer(duration_text, when_used="json"), WithJsonSchema(DURATION_SCHEMA)]
"""A duration: with its unit in files, in seconds in Python."""
Lasting = Annotated[
    float,
    BeforeValidator(seconds),
    AfterValidator(lasting),
    PlainSerializer(duration_text, when_used="json"),
    WithJsonSchema(LASTING_SCHEMA),
]
"""A duration that is longer than 0."""
Quantity = Annotated[float, BeforeValidator(quantity), WithJsonSchema(QUANTITY_SCHEMA)]
"""A share, a duration or a plain number, as :func:`quantity` reads it."""
Share = Annotated[float, BeforeValidator(share), WithJsonSchema(SHARE_SCHEMA)]
"""A percentage, or a number from 0 to 1."""
Day = Annotated[date, BeforeValidator(day), WithJsonSchema({"type": "string", "pattern": DAY})]
"""A day, as :func:`day` reads it."""
Positive = Annotated[float, BeforeValidator(plain), Field(gt=0, le=MOST)]
"""A rate or a factor above 0."""
NotNegative = Annotated[float, BeforeValidator(plain), Field(ge=0, le=MOST)]
"""A rate or a factor that may be 0."""
Fraction = Annotated[float, BeforeValidator(plain), Field(ge=0, le=1)]
"""A number from 0 to 1."""
Count = Annotated[int, BeforeValidator(whole), Field(ge=1, le=10**9)]
"""A whole number, at least 1."""
WholeNumber = Annotated[int, BeforeValidator(whole), Field(ge=0, le=2**62)]
"""A whole number from 0 on."""
Flag = Annotated[bool, Strict()]
"""``true`` or ``false``: a number or a word in its place may be the value of another key."""
Name = Annotated[str, AfterValidator(name), WithJsonSchema({"type": "string", "pattern": NAME})]
"""A name that :func:`name` accepts."""


def place(value: object) -> object:
    """A shard's number or a name. Raises :class:`ValueError`, also for ``true``, which would be shard 1."""
    if isinstance(value, bool) or (isinstance(value, int) and not 0 <= value <= 10**9) or not isinstance(value, int | str) or value == "":
        raise ValueError(f"{_short(value)} is neither a shard's number nor a name")
    return value


Place = Annotated[
    str | int, BeforeValidator(place), WithJsonSchema({"type": ["string", "integer"], "minLength": 1, "minimum": 0, "maximum": 10**9})
]
"""A shard's number, or the name of a region or a tier."""


_BOUNDS = {
    "greater_than": "too little: it must be above",
    "greater_than_equal": "too little: it is at least",
    "less_than": "too much: it must be below",
    "less_than_equal": "too much: it is at most",
}
_ONE_OF = frozenset({"enum", "literal_error"})
_MAPPINGS = frozenset({"dataclass_type", "dict_type", "mapping_type"})
_FORMS = {
    **dict.fromkeys(_MAPPINGS, "a mapping of keys to values"),
    **dict.fromkeys(("tuple_type", "list_type", "frozen_set_type"), "a list"),
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
"""Kind of pydantic's errors → what the file should have instead, in the words of the reference."""


def _merged(problems: Iterable[Problem]) -> Iterator[Problem]:
    """At most one problem for each key: if several types were allowed, pydantic reports one problem for each of them."""
    found: dict[tuple[int, str], Problem] = {}
    for problem in problems:
        known = found.get((problem.line, problem.key))
        said = problem.message if known is None else f"{known.message}; or: {problem.message}"
        found[problem.line, problem.key] = Problem(problem.file, problem.line, problem.key, said)
    yield from found.values()


_MISSING = frozenset({"missing", "missing_argument"})
"""pydantic's kinds of problem of a key that is not in the file."""


def _written(raw: Any, location: tuple[str | int, ...], *, missing: bool) -> Iterator[str | int]:
    """The location in the file: without the names of the types that pydantic tried for a value. ``missing``: the last part is not in the file."""
    for index, part in enumerate(location):
        there = (isinstance(raw, dict) and part in raw) or (isinstance(raw, list) and isinstance(part, int) and part < len(raw))
        if there:
            raw = raw[part]
        if there or (missing and index == len(location) - 1):
            yield part


def _as_list(word: Any) -> str:
    """How a word that stands where a list belongs is written; empty for anything else."""
    return f"; write [{word}]" if isinstance(word, str) and re.fullmatch(r"[\w.*-]{1,60}", word) else ""


def _problem(path: Path, raw: Any, item: Any, type_: Any) -> Problem:
    kind = item["type"]
    location = tuple(_written(raw, tuple(item["loc"]), missing=kind in _MISSING))
    line = line_of(raw, location)
    key = ".".join(str(part) for part in location)
    if kind in {"unexpected_keyword_argument", "extra_forbidden"}:
        there = keys.at(_schema(type_), location[:-1])
        near = meant(str(location[-1]), there) if location else ""
        message = f"unknown key{near}" if near or not there else f"unknown key; known: {', '.join(sorted(there))}"
    elif kind in _MISSING:
        message = "is missing"
        if meaning := meaning_at(type_, location):
            message += f"; it means: {meaning}"
        if words := keys.words(_schema(type_), location):
            message += f"; it is one of {', '.join(words)}"
    elif kind in _BOUNDS:
        ((_, bound),) = item["ctx"].items()
        meaning = meaning_at(type_, location)
        message = f"{_short(item['input'])} is {_BOUNDS[kind]} {bound:,g}{f' ({meaning})' if meaning else ''}"
    elif kind in _ONE_OF:
        there = frozenset(known := re.findall(r"'([^']*)'", item["ctx"]["expected"]))
        message = f"{_short(item['input'])} is unknown here{meant(str(item['input']), there)}; available: {', '.join(known)}"
    elif kind == "union_tag_invalid":
        # The key that says of which kind a mapping is.
        tag, known = item["ctx"]["tag"], re.findall(r"'([^']*)'", item["ctx"]["expected_tags"])
        named = (*location, item["ctx"]["discriminator"].strip("'"))
        line, key = line_of(raw, named), ".".join(map(str, named))
        message = f"{_short(tag)} is unknown here{meant(tag, known)}; available: {', '.join(known)}"
    elif kind in _FORMS:
        message = f"{_short(item['input'])} is not {_FORMS[kind]}{_as_list(item['input']) if _FORMS[kind] == 'a list' else ''}"
        if kind in _MAPPINGS and (there := keys.at(_schema(type_), location)):
            message += f"; its keys: {', '.join(sorted(there))}"
    else:
        message = item["msg"].removeprefix("Value error, ")
    return Problem(str(path), line, key, message)
