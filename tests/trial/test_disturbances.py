"""A running trial is not stopped because of what other programs did to its machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from closeshave.environments.evidence.resources import SPOOL
from closeshave.traffic.live import Tally
from closeshave.trial.disturbances import WAIT_S, Disturbances, InstantCounts
from tests.judge.histories import ns
from tests.judge.machines import QUIET, interval

BUSY = {"others": 1.4, "own": 0.55, "delay": 1.9}
BAD = Tally("customers", "east", 1, 10, 9)


def write(run: Path, second: int, change: Mapping[str, float]) -> None:
    """The sampler's line for one second."""
    rows = interval(second, {**QUIET, **change})
    usage = [{name: value for name, value in row.items() if name not in {"at_ns", "interval_s"}} for row in rows]
    (run / "spool").mkdir(exist_ok=True)
    with (run / SPOOL).open("a") as file:
        file.write(json.dumps({"at_ns": rows[0]["at_ns"], "interval_s": 1.0, "usage": usage}) + "\n")


def looks(run: Path, busy: range, *, ignores_disturbed: bool = True, seconds: int = 30) -> list[InstantCounts]:
    """One reading per second, each with nine bad requests of ten; the sampler's line comes a second late."""
    disturbances, found = Disturbances(run, ignores_disturbed), list[InstantCounts]()
    for second in range(seconds):
        if second:
            write(run, second - 1, BUSY if second - 1 in busy else {})
        found += disturbances.due(InstantCounts(ns(second + 0.5) / 1e9, [BAD], [], []))
    return found


def bad(found: list[InstantCounts]) -> list[int]:
    """The seconds of which bad requests count."""
    zero = ns(0) / 1e9
    return [int(one.at_s - zero) for one in found if sum(tally.bad for tally in one.tallies)]


def test_failures_while_a_neighbour_runs_do_not_count(tmp_path: Path) -> None:
    """From its first second on, although it was known only later; they count again when the longest election would be over."""
    assert bad(looks(tmp_path, range(5, 8))) == [0, 1, 2, 3, 4, *range(18, 27)]


def test_without_a_neighbour_everything_counts_a_moment_later(tmp_path: Path) -> None:
    """Nothing is lost, and nothing is delayed for longer than it takes to know."""
    found = looks(tmp_path, range(0))
    assert bad(found) == list(range(30 - round(WAIT_S)))


def test_without_a_record_everything_counts(tmp_path: Path) -> None:
    """A sampler that has ended must not prevent a trial from stopping."""
    disturbances = Disturbances(tmp_path, ignores_disturbed=True)
    found = [one for second in range(10) for one in disturbances.due(InstantCounts(float(second), [BAD], [], []))]
    assert len(bad(found)) == 7


def test_on_a_platform_that_others_use_everything_counts(tmp_path: Path) -> None:
    """There the trial stops, whatever the cause."""
    assert bad(looks(tmp_path, range(5, 8), ignores_disturbed=False)) == list(range(27))


def test_a_canary_that_could_not_be_sent_is_not_blind(tmp_path: Path) -> None:
    """It counts as seen while other programs took the machine."""
    found = looks(tmp_path, range(5, 8))
    seen = [int(one.at_s - ns(0) / 1e9) for one in found if any(tally.source == "canary" for tally in one.tallies)]
    assert seen == list(range(5, 18))


@pytest.mark.parametrize(("second", "told"), [(3, False), (6, True)])
def test_a_stop_says_that_other_programs_may_be_the_cause(tmp_path: Path, second: int, told: bool) -> None:
    """The reason of a stop carries it."""
    disturbances = Disturbances(tmp_path, ignores_disturbed=False)
    for each in range(9):
        write(tmp_path, each, BUSY if 5 <= each < 8 else {})
    disturbances.due(InstantCounts(ns(9) / 1e9, [], [], []))
    assert bool(disturbances.cause(ns(second) / 1e9)) == told
