"""What must be carried out before a ledger can be complete: plans and rounds of probes without a run that counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.probes import record
from closeshave.readiness.due import AROUND_S, ENVIRONMENT_S, NEVER, DueWork, TargetWork, due, fitting, lasts_s, left_out, missing, told
from closeshave.readiness.evidence import RunEvidence
from closeshave.readiness.standing import builds, standing
from tests.readiness.ledgers import NOW, POLICY, run

NIGHTLY = TargetWork("nightly", "nightly", "production", "production.yaml", 300.0)
WEEKLY = TargetWork("plans/weekly.yaml", "weekly", "production", "production.yaml", 200.0)
ELSEWHERE = TargetWork("nightly", "nightly", "staging", "staging.yaml", 300.0)
ROUND = TargetWork(record.NAME, record.NAME, "production", "production.yaml", 100.0)


def known(*runs: RunEvidence) -> list[tuple[RunEvidence, object]]:
    """With whether each counts."""
    current = builds(runs, "shop", NOW)
    return [(one, standing(one, "shop", NOW, POLICY, current)) for one in runs]


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        pytest.param([], NEVER, id="never run"),
        pytest.param([run()], "", id="a run that counts"),
        pytest.param([run(plan="weekly")], NEVER, id="of another plan"),
        pytest.param([run(environment="staging")], NEVER, id="on another environment"),
        pytest.param([run(days=31)], "of r1: it is 31 days old; evidence is good for 30", id="too old"),
        pytest.param([run(target="other")], "of r1: it is a run of the target other", id="of another target"),
        pytest.param([run(stopped="by hand")], "of r1: it did not run to its end: by hand", id="interrupted"),
        pytest.param([run("old", build="release 6", days=2), run("new", days=1)], "", id="an old build, and the one that runs"),
        pytest.param(
            [run("old", days=2), run("new", plan="weekly", build="release 8")], "of old: it tested another build", id="a new build"
        ),
        pytest.param([run(version="0.0.9")], "of r1: it was recorded for the judge of Closeshave 0.0.9", id="another judge"),
        pytest.param([run(stopped="too many errors", for_safety=True)], "", id="stopped for safety: it would do so again"),
    ],
)
def test_a_plan_is_due_unless_a_run_of_it_counts(runs: list[RunEvidence], why: str) -> None:
    """What is due says why."""
    found = missing(NIGHTLY, known(*runs))  # type: ignore[arg-type]  # as the ledger makes them
    assert found.startswith(why) if why else found == ""


def test_everything_of_one_environment_comes_together_and_its_probes_last() -> None:
    """It is started once, and a round leaves accounts locked and limits used up."""
    found = due([ROUND, NIGHTLY, ELSEWHERE, WEEKLY], ())
    assert [one.work for one in found] == [NIGHTLY, WEEKLY, ROUND, ELSEWHERE]


def test_a_call_after_an_interruption_goes_on_with_the_rest() -> None:
    """The runs that ended count: nothing else remembers how far it was."""
    listed = [NIGHTLY, WEEKLY, ROUND]
    first = run("first")
    assert [one.work for one in due(listed, known(first))] == [WEEKLY, ROUND]  # type: ignore[arg-type]
    second = run("second", plan="weekly")
    assert [one.work for one in due(listed, known(first, second))] == [ROUND]  # type: ignore[arg-type]
    probed = run("probed", plan=record.NAME)
    assert due(listed, known(first, second, probed)) == ()  # type: ignore[arg-type]


def test_the_estimate_counts_each_environment_once() -> None:
    """It is said before anything starts."""
    found = due([NIGHTLY, WEEKLY, ELSEWHERE], ())
    assert lasts_s(found) == 300 + 200 + 300 + 2 * ENVIRONMENT_S
    assert list(told(found)) == [
        "missing or stale: 3 plans, about 14 min",
        f"  nightly on production, about 5 min: {NEVER}",
        f"  plans/weekly.yaml on production, about 3 min: {NEVER}",
        f"  nightly on staging, about 5 min: {NEVER}",
    ]
    assert list(told(())) == ["nothing is missing or stale: every plan of the target has a run that counts"]
    assert AROUND_S > 0


@pytest.mark.parametrize(
    ("within_s", "chosen"),
    [
        (10_000.0, [NIGHTLY, WEEKLY, ROUND, ELSEWHERE]),
        # Rounds first; then what is listed first, if it fits.
        (100.0 + ENVIRONMENT_S, [ROUND]),
        (430.0, [NIGHTLY, ROUND]),
        # The longer one does not fit, and a shorter one that comes later does.
        (320.0, [WEEKLY, ROUND]),
        (0.0, []),
    ],
)
def test_what_fits_into_a_time(within_s: float, chosen: list[TargetWork]) -> None:
    """By the estimates, each environment once; in the order in which it is carried out. The rest is named."""
    found = due([NIGHTLY, WEEKLY, ROUND, ELSEWHERE], ())
    fits = fitting(found, within_s)
    assert [one.work for one in fits] == chosen
    assert lasts_s(fits) <= within_s
    said = " ".join(left_out(found, fits, within_s))
    assert all((f"{one.work.called} on {one.work.environment}" in said) is (one not in fits) for one in found)


@given(
    st.lists(st.sampled_from([NIGHTLY, WEEKLY, ELSEWHERE, ROUND]), unique=True),
    st.sets(st.sampled_from(["nightly", "weekly", record.NAME])),
)
def test_exactly_what_has_no_run_is_due(listed: list[TargetWork], done: set[str]) -> None:
    """In any order, whatever was done before."""
    runs = [run(name, plan=name) for name in sorted(done)]
    found = due(listed, known(*runs))  # type: ignore[arg-type]
    assert {one.work for one in found} == {one for one in listed if one.plan not in done or one.environment == "staging"}
    assert all(isinstance(one, DueWork) and one.why for one in found)
