"""What a reader must see first."""

from dataclasses import replace

import pytest

from closeshave.judge.integrity.registry import BREACHES, INVARIANTS, TITLES
from closeshave.judge.verdict import Status
from closeshave.report import ranking
from tests.report import judged


def test_failures_come_first_and_breaches_of_integrity_before_them_all():
    """The order of the first screen."""
    shown = [row.verdict.id for row in ranking.rows(judged.failed().verdicts)]
    assert shown[:2] == ["integrity/double_booked", "response-p95/ap-southeast-1"]


def test_an_objective_with_many_scopes_takes_one_row_and_shows_its_narrowest():
    """Four regions must not push the other promises off the screen."""
    rows = {row.verdict.id: row.alike for row in ranking.rows(judged.passed().verdicts)}
    assert rows["response-p95/ap-southeast-1"] == 4
    assert sum(name.startswith("response-p95") for name in rows) == 1


def test_every_breach_of_integrity_has_its_own_row():
    """A lost booking and a doubled one are different damage."""
    broken = [replace(one, status=Status.FAIL, measured=1) for one in judged.verdicts() if one.measure in judged.BREACHES]
    assert len(ranking.rows(broken)) == len(broken)


def test_every_kind_of_breach_is_known_by_its_title():
    """What the judge looks for and the report does not know would be ranked as one promise among many."""
    doubts = {name for name, each in INVARIANTS.items() if each.doubt}
    assert set(TITLES) == BREACHES | doubts


def test_there_are_never_more_rows_than_fit():
    """Ten, whatever happened."""
    many = [replace(one, id=f"{number}/all", status=Status.FAIL) for number, one in enumerate(judged.verdicts())]
    assert len(ranking.rows(many)) == ranking.MOST_ROWS


def test_what_does_not_gate_stays_off_the_first_screen():
    """Figures that are shown only have their place below."""
    assert ranking.rows([replace(one, gates=False) for one in judged.verdicts()]) == []


@pytest.mark.parametrize(
    ("measure", "unit", "measured", "bound", "share"),
    [
        ("latency", "s", 0.08, 0.1, 0.8),
        ("availability", "ratio", 0.9995, 0.999, 0.5),
        ("throughput", "1/s", 250.0, 200.0, 0.8),
        ("lost", "count", 0, 0, None),
        ("availability", "ratio", 1.0, 1.0, None),
        ("latency", "s", None, 0.1, None),
    ],
)
def test_what_the_bound_allows_is_used_up_from_either_side(measure, unit, measured, bound, share):
    """The shortfall counts where more is better."""
    used = ranking.used(judged.verdict("x/all", measure, "all", measured, bound, unit))
    assert used == (pytest.approx(share) if share is not None else None)


def recoveries(*measured, bound, status=Status.PASS):
    """Of one objective, a fault each: f1, f2 and so on."""
    one = next(each for each in judged.verdicts() if each.measure == "latency")
    return [
        replace(one, id=f"recovery/f{number}", scope=f"fault:f{number}", measure="recovery", measured=value, bound=bound, status=status)
        for number, value in enumerate(measured, 1)
    ]


@pytest.mark.parametrize("bound", [None, 30.0])
@pytest.mark.parametrize(
    ("measured", "worst", "unknown"), [((10.2, 22.7), 22.7, 0), ((22.7, 10.2), 22.7, 0), ((10.2, None, 22.7), 22.7, 1)]
)
def test_the_worst_of_several_is_the_largest_and_those_without_a_figure_are_named(bound, measured, worst, unknown):
    """Also where nothing bounds it."""
    (row,) = ranking.rows(recoveries(*measured, bound=bound))
    assert (row.verdict.measured, row.alike, len(row.unknown)) == (worst, len(measured), unknown)
    assert all("f2" in place for place in row.unknown)
