"""What a key means is read from the docstring below it: by schemas, pages and errors alike."""

from dataclasses import dataclass
from enum import StrEnum

import pytest

from closeshave.environments.stack import Containers
from closeshave.faults.page import MEANINGS
from closeshave.files.described import about, clause, first_sentence, meaning_at, meanings
from closeshave.files.yamlfile import InvalidFile
from closeshave.plan import Plan, read_plan
from closeshave.target import Target


class Colour(StrEnum):
    """What it looks like."""

    RED = "red"
    """As :class:`blood`, or ``#f00``."""
    BLUE = "blue"


@dataclass(frozen=True)
class Base:
    """The base."""

    one: int
    """Of the
    base."""
    two: int = 0


@dataclass(frozen=True)
class Derived(Base):
    """First line.

    Second paragraph.
    """

    two: int = 1
    """Of the derived one. More."""


def test_a_field_means_what_stands_below_it():
    """On one line; of base classes too; without a docstring it is absent."""
    assert meanings(Base) == {"one": "Of the base."}
    assert meanings(Derived) == {"one": "Of the base.", "two": "Of the derived one. More."}


def test_a_member_of_an_enumeration_as_well():
    """With code and names as Markdown has them."""
    assert meanings(Colour) == {"RED": "As `blood`, or `#f00`."}


def test_a_class_is_about_its_docstring():
    """Paragraphs stay apart."""
    assert about(Derived) == "First line.\n\nSecond paragraph."


def test_a_class_without_a_source_means_nothing():
    """Such as a built-in one: no error."""
    assert meanings(int) == {}


@pytest.mark.parametrize(
    ("text", "first", "within"),
    [
        ("A share of 99.9%. More.", "A share of 99.9%", "a share of 99.9%"),
        ("Only this.", "Only this", "only this"),
        ("IDs of claims.", "IDs of claims", "IDs of claims"),
        ("`a.b` is code. And more", "`a.b` is code", "`a.b` is code"),
        ("", "", ""),
    ],
)
def test_the_first_sentence(text, first, within):
    """As a sentence, and as a part of one."""
    assert first_sentence(text) == first
    assert clause(text) == within


@pytest.mark.parametrize(
    ("type_", "location", "said"),
    [
        (Plan, ("seed",), "the same seed gives"),
        (Plan, ("phases", 0, "sessions_per_s"), "arrivals of customers"),
        (Plan, ("phases", 1, "shape", "half_life"), "how long until half"),
        (Plan, ("nemesis", "every"), "mean time from one injection to the next"),
        (Target, ("objectives", 3, "percentile"), "for latency"),
        (Containers, ("images", "valkey"), "valkey and its sentinels"),
        (Containers, ("regions",), "in failover order"),
        (Plan, ("nothing",), ""),
        (Plan, (), ""),
    ],
)
def test_the_meaning_of_a_key_is_found_by_its_place(type_, location, said):
    """As an error names it: lists by their index, unions by whichever member has the key."""
    assert meaning_at(type_, location).lower().startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: p\n", "plan.yaml: seed: is missing; it means: the same seed gives the same arrivals"),
        ("traffic: {processes: 300}\n", "traffic.processes: 300 is too much: it is at most 256 (processes that share the customers' load"),
    ],
)
def test_an_error_says_what_the_key_means(tmp_path, text, said):
    """Taken from the same place as the reference."""
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(InvalidFile) as caught:
        read_plan(path)
    assert said in str(caught.value).replace("plan.yaml:1:", "plan.yaml:")


def test_expectations_are_explained_where_they_are_defined():
    """The page of faults has no words of its own for them."""
    assert {str(each): meaning for each, meaning in MEANINGS.items()}["restored"].startswith("an operator restores the platform")
