"""A schedule: which plan is due, by the results of its runs alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.comparison.due import DueState, Scheduled, exit_code, rows, sentence
from closeshave.comparison.nights import Night
from closeshave.comparison.scheduling import lasts, remark, told

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WEEKLY = Scheduled("dr-weekly", 7 * 86_400.0)


def run(days_ago: float, status: str = "pass", plan: str = "dr-weekly", at: str = "") -> Night:
    """A run so many days ago."""
    began = at or (NOW - timedelta(days=days_ago)).isoformat()
    return Night(f"run-{days_ago}", began, plan, "embedded", "bookedbarber-enterprise", status, {})


@pytest.mark.parametrize(
    ("runs", "state", "overdue_days", "code"),
    [
        ([], DueState.NEVER, 0, 3),
        ([run(1)], DueState.KEPT, 0, 0),
        ([run(7)], DueState.KEPT, 0, 0),
        ([run(8)], DueState.OVERDUE, 1, 3),
        ([run(1, "fail")], DueState.FAILED, 0, 1),
        ([run(8, "fail")], DueState.OVERDUE, 1, 1),
        ([run(3, "fail"), run(1)], DueState.KEPT, 0, 0),
        ([run(1), run(3, "fail")], DueState.KEPT, 0, 0),
        ([run(1, "inconclusive")], DueState.NEVER, 0, 3),
        ([run(9), run(1, "inconclusive")], DueState.OVERDUE, 2, 3),
        ([run(1, plan="dr-monthly")], DueState.NEVER, 0, 3),
        ([run(-1)], DueState.NEVER, 0, 3),
        ([run(0, at="yesterday")], DueState.NEVER, 0, 3),
        ([run(0, at="2026-11-29T12:00:00")], DueState.KEPT, 0, 0),
    ],
)
def test_a_plan_is_due_by_its_last_result(runs: list[Night], state: DueState, overdue_days: float, code: int) -> None:
    """An inconclusive run, one of another plan, one of the future and one without a time do not count."""
    [found] = rows([WEEKLY], runs, NOW)
    assert found.state is state
    assert found.overdue_s == overdue_days * 86_400
    assert exit_code([found]) == code


def test_a_newer_run_without_a_result_is_shown() -> None:
    """Somebody tried; it does not count."""
    [found] = rows([WEEKLY], [run(9), run(1, "inconclusive")], NOW)
    assert remark(found) == "overdue by 2 days; inconclusive on 2026-11-29, which does not count"
    [found] = rows([WEEKLY], [run(2, "inconclusive"), run(1)], NOW)
    assert remark(found) == "kept"


def test_the_answer_names_what_is_late_and_what_failed() -> None:
    """In one sentence."""
    plans = [WEEKLY, Scheduled("dr-monthly", 30 * 86_400.0)]
    assert sentence(rows(plans, [run(1), run(1, plan="dr-monthly")], NOW)) == "Every plan was carried out in time and passed."
    assert sentence(rows(plans, [run(1, "fail")], NOW)) == "Overdue: dr-monthly; failed at the last time: dr-weekly."
    assert sentence([]) == "No plan says how often it is to be carried out (key every)."


def test_other_programs_get_plain_values() -> None:
    """Times in ISO 8601, durations in seconds."""
    found = told(rows([WEEKLY], [run(8, "fail")], NOW))
    assert found["plans"] == [
        {
            "plan": "dr-weekly",
            "every_s": 604_800.0,
            "state": "overdue",
            "last": {"run": "run-8", "at": "2026-11-22T12:00:00+00:00", "status": "fail", "environment": "embedded"},
            "tried": None,
            "due": "2026-11-29T12:00:00+00:00",
            "overdue_s": 86_400.0,
        }
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "under a minute"), (59, "under a minute"), (60, "1 minute"), (7_199, "1 hour"), (86_400, "1 day"), (1_209_600, "14 days")],
)
def test_a_duration_is_told_in_its_largest_unit(seconds: float, said: str) -> None:
    """Rounded down: what is not over is not overdue."""
    assert lasts(seconds) == said


@given(st.lists(st.tuples(st.floats(-5, 60), st.sampled_from(["pass", "fail", "inconclusive"])), max_size=6))
def test_removing_a_run_never_makes_a_late_plan_kept(history: list[tuple[float, str]]) -> None:
    """Less evidence is never better, unless what is removed is a fail."""
    runs = [run(*each) for each in history]
    [whole] = rows([WEEKLY], runs, NOW)
    for index, each in enumerate(runs):
        if each.status != "fail":
            [less] = rows([WEEKLY], [*runs[:index], *runs[index + 1 :]], NOW)
            assert less.overdue_s >= whole.overdue_s or less.last is None
            assert not (whole.late and not less.late)
