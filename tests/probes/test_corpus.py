"""The corpus of hostile input: large enough, no case twice, and none that does harm where it is carried out."""

from __future__ import annotations

import re

import pytest

from closeshave.probes.corpus import HERE, cases
from closeshave.probes.deciding import settled
from closeshave.probes.families.hostile import HEADER

CHANGING = re.compile(
    r"\b(drop|delete|update|truncate|insert|alter|create|grant|shutdown|rm|mkfs|dd|kill|reboot|curl|wget)\b", re.IGNORECASE
)


def test_there_are_at_least_two_hundred_cases() -> None:
    """Of several kinds, each with a text of its own."""
    assert len(cases()) >= 200
    assert len({one.whole for one in cases()}) == len(cases())
    kinds = {one.id.partition("-")[0] for one in cases()}
    assert kinds == {"sql", "script", "command", "odd"}
    assert len(list(HERE.glob("*.yaml"))) == len(kinds)


def test_what_shows_that_a_case_was_carried_out_is_no_part_of_it() -> None:
    """Else an answer that repeats the text would look as if it had been."""
    assert [one.id for one in cases() if one.shows and one.shows in one.whole] == []
    assert sum(bool(one.shows) for one in cases()) >= 40
    assert sum(bool(one.sleeps) for one in cases()) >= 15


@pytest.mark.parametrize("case", [one for one in cases() if CHANGING.search(one.text)], ids=lambda one: one.id)
def test_no_case_changes_anything_where_it_is_carried_out(case) -> None:
    """It may name a table that there is not."""
    assert "closeshave_no_such_table" in case.text


def test_many_cases_fit_into_a_header() -> None:
    """Most of them: the others hold what no header can."""
    assert sum(HEADER.fullmatch(one.whole) is not None for one in cases()) >= 250


def test_settled_needs_subjects() -> None:
    """Without anything to ask about nothing holds."""
    assert settled((), (), lambda _one: "", "").outcome == "unknown"
