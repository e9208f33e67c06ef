"""Bad input gets an error that names file, line, key and what would be right."""

import copy
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.files.shipped import available
from closeshave.files.yamlfile import STRICT, InvalidFile, Seconds, document, read, seconds
from closeshave.trial.preparation import prepare


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class Inner:
    __pydantic_config__ = STRICT
    wait: Seconds


@dataclass(frozen=True, slots=True)
class Door:
    __pydantic_config__ = STRICT
    colour: Colour
    side: Literal["left", "right"] = "left"
    open: bool = False


@dataclass(frozen=True, slots=True)
class Outer:
    __pydantic_config__ = STRICT
    name: str
    parts: tuple[Inner, ...] = ()
    door: Door | None = None


def write(tmp_path, text):
    """A YAML file."""
    path = tmp_path / "some.yaml"
    path.write_text(text)
    return path


def test_a_valid_file_becomes_a_frozen_value(tmp_path):
    """Durations are read with their units into seconds."""
    path = write(tmp_path, "name: x\nparts:\n  - {wait: 1m30s}\n")
    assert read(path, Outer) == Outer("x", (Inner(90.0),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "name: x\nparts:\n  - {wait: 1m}\n  - {wait: 5}\n", ":4: parts.1.wait: 5 is not a duration", id="a number without unit"
        ),
        pytest.param("name: x\nnmae: y\n", ":2: nmae: unknown key", id="a misspelt key"),
        pytest.param("parts: []\n", ": name: is missing", id="a missing key"),
        pytest.param("name: x\ndoor: {}\n", ":2: door.colour: is missing; it is one of red, green", id="a missing word"),
        pytest.param(
            "name: x\ndoor: {colour: gren}\n",
            ":2: door.colour: 'gren' is unknown here (did you mean green?); available: red, green",
            id="a misspelt word",
        ),
        pytest.param(
            "name: x\ndoor: {colour: red, side: top}\n",
            ":2: door.side: 'top' is unknown here; available: left, right",
            id="a word that is none of two",
        ),
        pytest.param(
            "name: x\ndoor: red\n",
            ":2: door: 'red' is not a mapping of keys to values; its keys: colour, open, side",
            id="a word for a mapping",
        ),
        pytest.param("name: x\ndoor: {colour: red, open: perhaps}\n", ":2: door.open: 'perhaps' is not true or false", id="no truth"),
        pytest.param("name: x\nparts: none\n", ":2: parts: 'none' is not a list; write [none]", id="a word for a list"),
        pytest.param("name: [x]\n", ":1: name: ['x'] is not text", id="a list for a word"),
        pytest.param("name: x\n  parts: [\n", "not valid YAML", id="no YAML"),
        pytest.param("- name\n", "expected a mapping", id="a list"),
        pytest.param("name: x\nname: y\n", "not valid YAML", id="the same key twice"),
        pytest.param("name: !!python/object/apply:os.system ['true']\n", "some.yaml", id="a hostile tag"),
    ],
)
def test_errors_are_named(tmp_path, text, expected):
    """The message has the file's name, the line if there is one, the key and the reason."""
    with pytest.raises(InvalidFile) as caught:
        read(write(tmp_path, text), Outer)
    assert "some.yaml" in str(caught.value)
    assert expected in str(caught.value)


def test_every_problem_is_reported_not_only_the_first(tmp_path):
    """Two wrong lines give two problems, each with its own line."""
    with pytest.raises(InvalidFile) as caught:
        read(write(tmp_path, "name: x\nparts:\n  - {wait: 1y}\n  - {wiat: 1s}\n"), Outer)
    assert {3, 4} <= {problem.line for problem in caught.value.problems}


def test_a_missing_file_is_named(tmp_path):
    """No such file is a message, not a traceback."""
    with pytest.raises(InvalidFile, match=r"absent.yaml: no such file"):
        read(tmp_path / "absent.yaml", Outer)


def test_a_file_that_was_changed_is_read_again(tmp_path):
    """Only the same text is not parsed twice, whatever the file's name and times are."""
    path = write(tmp_path, "name: x\n")
    assert read(path, Outer).name == "x"
    assert read(write(tmp_path, "name: y\n"), Outer).name == "y"
    with pytest.raises(InvalidFile, match=r"some.yaml:1: nmae: unknown key"):
        read(write(tmp_path, "nmae: x\n"), Outer)


@pytest.mark.parametrize("plan", available("scenarios"))
def test_nobody_changes_what_was_read(plan):
    """A plan, its target and its environment are looked into many times, and each time the same objects are given."""
    prepared = prepare(plan)
    paths = (prepared.inputs.plan, prepared.inputs.target, prepared.inputs.environment)
    before = [copy.deepcopy(document(path)) for path in paths]
    prepare(plan)
    assert [document(path) for path in paths] == before


@pytest.mark.parametrize(("text", "value"), [("250ms", 0.25), ("90s", 90), ("1m30s", 90), ("24h", 86400), ("1.5h", 5400), (0, 0)])
def test_durations_carry_their_units(text, value):
    """A duration is a number with a unit, or several in a row; 0 needs none."""
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "5", 5, "-1s", "1 fortnight", "s", "1s!", None, True, False])
def test_an_invalid_duration_is_refused(text):
    """A bare number has no clear meaning, so it is refused."""
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_mixed_units_add_up(hours, minutes, secs):
    """Hours, minutes and seconds are summed."""
    assert seconds(f"{hours}h{minutes}m{secs}s") == hours * 3600 + minutes * 60 + secs
