"""Sessions that a drill cost: forgiven to integrity only if the plan says that it may cost some, and only those from before it was over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from closeshave.history import LOGGED_OUT, Effect, aged
from closeshave.judge.verdict import Exposure, Status, Verdict
from closeshave.plan import Drill, DrillBounds
from tests.judge.drilled import FAIL, INCONCLUSIVE, PASS, carried_out
from tests.judge.histories import INTEGRITY, Run

REBUILD = Drill("platform", "platform.rebuild", "break", 25, 30, expected=DrillBounds(lost_sessions=1.0))
"""It begins at 135, has ended at 140, and all is put back at 142."""
STRICT = replace(REBUILD, expected=DrillBounds())


def run(drill: Drill = REBUILD, **told: Any) -> Run:
    """Five customers read their profiles in calm, and three of them book after the drill."""
    made = Run((INTEGRITY,), drills=(drill,))
    for number in range(5):
        made.op(20 + number, kind="profile")
    for number in range(3):
        made.book(160 + number, 1000 + number, client=f"c{number}")
    return carried_out(made, **told)


def lost(made: Run, at: float, client: str, opened: float | None, **fields: Any) -> None:
    """A profile that is refused as not logged in; ``opened`` is the second in which the session was opened."""
    operation = made.bad(at, kind="profile", status=401, outcome="fail", **fields)
    age_s = None if opened is None else at - opened
    made.effects.append(Effect(operation.id, LOGGED_OUT, 1, operation.shard, session="s", client=client, read_values=aged(age_s)))


def again(made: Run, at: float, **fields: Any) -> None:
    """A log-in that follows."""
    made.op(at, 0.4, **{"kind": "login_again", **fields})


def of(made: Run, name: str) -> Verdict:
    """Its verdict."""
    return next(verdict for verdict in made.assess(breaches={"lost_sessions"}).verdicts if verdict.id == name)


def test_sessions_that_a_drill_may_cost_are_judged_with_it() -> None:
    """Two of three customers, one of them twice. Their log-ins are counted, with their rate; integrity is as if they had not been asked."""
    made = run()
    for at, client in ((143.0, "c0"), (143.2, "c1"), (143.4, "c1")):
        lost(made, at, client, 5)
    for at in (143.1, 143.5, 145.0):
        again(made, at)
    again(made, 146, kind="canary_login", source="canary")
    again(made, 20)
    made.bad(147, kind="login_again")
    integrity, drill = of(made, "integrity/lost_sessions"), of(made, "drill-lost-sessions/platform")
    assert integrity.status is PASS
    assert integrity.exposure is not None
    assert integrity.exposure.chances == 5 + 3
    assert (drill.status, drill.n) == (PASS, 3)
    assert drill.exposure == Exposure(3, "customers")
    assert drill.measured == pytest.approx(2 / 3)
    assert "2 of 3 customers were refused as not logged in; 5 log-ins followed, at most 2 in a second, 1 of them not good" in drill.reason
    (figures,) = made.assess(breaches={"lost_sessions"}).drills
    assert (figures.lost_sessions, figures.logins_again, figures.logins_again_per_s) == (2, 5, 2)


@pytest.mark.parametrize(("bound", "status"), [(0.0, FAIL), (0.6, FAIL), (0.7, PASS)])
def test_more_customers_than_the_bound_fail_the_drill(bound: float, status: Status) -> None:
    """With the first and the worst refusal."""
    made = run(replace(REBUILD, expected=DrillBounds(lost_sessions=bound)))
    lost(made, 143, "c0", 5)
    lost(made, 144, "c1", 5)
    drill = of(made, "drill-lost-sessions/platform")
    assert drill.status is status
    assert len(drill.witnesses) == (2 if status is FAIL else 0)
    assert of(made, "integrity/lost_sessions").status is PASS


def test_without_the_plans_word_a_lost_session_breaks_integrity() -> None:
    """Logged in again or not. The figures of the drill are shown all the same."""
    made = run(STRICT)
    lost(made, 143, "c0", 5)
    again(made, 143.1)
    verdict = of(made, "integrity/lost_sessions")
    assert (verdict.status, verdict.measured) == (FAIL, 1)
    assert not any(verdict.id.startswith("drill-lost-sessions") for verdict in made.assess(breaches={"lost_sessions"}).verdicts)
    (figures,) = made.assess(breaches={"lost_sessions"}).drills
    assert (figures.lost_sessions, figures.logins_again) == (1, 1)


@pytest.mark.parametrize(
    ("at", "opened"),
    [
        pytest.param(134.0, 5.0, id="before the drill began"),
        pytest.param(150.0, 142.5, id="opened after all was put back"),
        pytest.param(143.0, None, id="nobody knows how old it was"),
    ],
)
def test_a_session_that_the_drill_cannot_have_cost_breaks_integrity(at: float, opened: float | None) -> None:
    """Whatever the drill may cost."""
    made = run()
    lost(made, at, "c0", opened)
    assert (of(made, "integrity/lost_sessions").status, of(made, "drill-lost-sessions/platform").measured) == (FAIL, 0)


def test_a_session_from_during_the_drill_may_be_lost_by_it() -> None:
    """It was opened while the platform was being rebuilt."""
    made = run()
    lost(made, 143, "c0", 139)
    assert of(made, "integrity/lost_sessions").status is PASS


def test_a_drill_costs_only_sessions_in_its_scope() -> None:
    """A region is rebuilt; customers of the other one keep their sessions."""
    made = run(Drill("platform", "region.rebuild", "break", 25, 30, {"region": "east"}, expected=DrillBounds(lost_sessions=1.0)))
    lost(made, 143, "c0", 5, shard=1)
    assert of(made, "integrity/lost_sessions").status is PASS
    lost(made, 143, "c1", 5, shard=2, franchise=101)
    assert of(made, "integrity/lost_sessions").status is FAIL


def test_a_drill_of_which_nobody_knows_when_it_was_over_makes_a_loss_inconclusive() -> None:
    """Its process was killed: it may have cost the session."""
    made = run()
    lost(made, 143, "c0", 5)
    made.changes["drills"] = made.changes["drills"][:2]
    verdict = of(made, "integrity/lost_sessions")
    assert (verdict.status, "platform may cost sessions" in verdict.reason) == (INCONCLUSIVE, True)
    assert of(made, "drill-lost-sessions/platform").status is INCONCLUSIVE


def test_a_drill_after_which_nobody_came_says_nothing_of_sessions() -> None:
    """It cannot pass."""
    made = carried_out(Run((INTEGRITY,), drills=(REBUILD,)))
    made.op(20, kind="profile")
    assert of(made, "drill-lost-sessions/platform").status is INCONCLUSIVE


def test_a_drill_that_was_disturbed_may_have_cost_sessions() -> None:
    """Integrity forgives them; the share is not judged."""
    made = run(how="disturbed", why="no backup server runs")
    lost(made, 143, "c0", 5)
    assert of(made, "integrity/lost_sessions").status is PASS
    assert of(made, "drill-lost-sessions/platform").status is INCONCLUSIVE
