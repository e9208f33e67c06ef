"""A platform that shares no code with the stand-in: what is tested on it, when a witness is right, and when the whole result is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.environments.definition import read_definition
from closeshave.environments.remote.definition import Remote
from truth import plain_platform
from truth.command import Ended
from truth.plain import file
from truth.plain.defects import Defect
from truth.plain.running import Plain
from truth.plain_platform import CASES, NotDone
from truth.result import Result

CLEAN = Result("clean-utc-01", "clean", "smoke", True, "pass", "", "", "", "run", 1, None, 7)
GUILTY = replace(CLEAN, case="double-booking-utc", sort="defect", status="fail")
WITNESSES = {
    Defect.DOUBLE_BOOKING: {"booking": 7, "other": {"booking": 3}},
    Defect.LOST_BOOKING: {"id": 1, "effect": {"booking": 7}},
    Defect.DOUBLE_CHARGE: {"booking": 7, "capture": "ch_1"},
    Defect.REFUSED_THOUGH_FREE: {"id": 1, "effect": {"starts_at": 7}},
}


def test_every_defect_of_the_plain_platform_has_a_case() -> None:
    """Every defect is planted in both zones, with ten clean runs in each."""
    assert sorted(case.defect for case in CASES) == sorted(Defect)
    names = list(plain_platform.cases())
    assert len(names) == len(set(names)) == 2 * len(CASES) + 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.defect)
@pytest.mark.parametrize(
    ("struck", "witnesses", "right"),
    [([7, 9], 1, True), ([9], 1, False), ([], 1, False), ([7], 0, False), ([7], 2, True)],
)
def test_a_witness_is_right_when_the_platform_recorded_it(case, struck, witnesses, right) -> None:
    """No witness is no proof."""
    told = [WITNESSES[case.defect]] * witnesses
    assert plain_platform.proven(case, told, {defect.value: struck if defect is case.defect else [7] for defect in Defect}) is right


@pytest.mark.parametrize(
    ("code", "said", "option"),
    [
        (0, "valid", ()),
        (2, "too much: --rate-scale 0.35 would fit", ("--rate-scale", "0.35")),
        (2, "use --rate-scale=0.2.", ("--rate-scale", "0.2")),
    ],
)
def test_the_option_is_the_one_that_validate_names(code, said, option) -> None:
    """None if none is needed."""
    assert plain_platform.fitted(Ended(code, said, Path())) == option


def test_a_refusal_without_an_option_is_reported() -> None:
    """Nothing is invented."""
    with pytest.raises(NotDone, match="no hooks"):
        plain_platform.fitted(Ended(2, "no hooks", Path()))


@pytest.mark.parametrize(
    ("results", "enough"),
    [
        ([GUILTY, CLEAN], True),
        ([replace(GUILTY, right=False), CLEAN], False),
        ([CLEAN] * 9 + [replace(CLEAN, right=False, status="inconclusive")], True),
        ([CLEAN] * 8 + [replace(CLEAN, right=False, status="inconclusive")] * 2, False),
        ([CLEAN] * 99 + [replace(CLEAN, right=False, status="fail")], False),
    ],
)
def test_the_whole_is_right_when_no_clean_run_fails_and_nine_of_ten_pass(results, enough) -> None:
    """And if every defect is found."""
    assert plain_platform.enough({str(number): one for number, one in enumerate(results)}) is enough


def test_the_operators_file_states_only_limits_and_hooks(tmp_path) -> None:
    """The doctor must find everything else."""
    path = file.write(tmp_path / "stranger.yaml", Plain("http://127.0.0.1:1", "http://127.0.0.1:2"))
    definition = read_definition(path)
    assert isinstance(definition, Remote)
    assert definition.capabilities == type(definition.capabilities)(limits=definition.capabilities.limits)
    assert definition.read_back == type(definition.read_back)()
    assert [hook.kind for hook in definition.hooks] == ["shard.primary-killed"]


def test_the_page_says_what_was_missed_and_why() -> None:
    """A row for each case."""
    page = plain_platform.render({"a": replace(GUILTY, right=False, verdict="integrity/lost: pass"), "b": CLEAN})
    assert "detected with a right witness: **0 of 1**" in page
    assert "| double-booking-utc | **missed** | integrity/lost: pass |" in page
    assert "passed: **1 of 1**; failed: **0**" in page
