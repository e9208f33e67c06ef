"""A trial notices that its whole environment has ended."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.control import processes
from closeshave.deployment import Network
from closeshave.trial.liveness import GOING_S_MAX, Liveness
from tests.faults import toys


@pytest.fixture
def toy(tmp_path):
    """A few small processes in two regions."""
    with toys.running(tmp_path) as deployment:
        yield deployment


def end(deployment, parts):
    """Kill these processes."""
    victims = [identity for part in parts for identity in processes.family(Path(deployment.root), part)]
    processes.send(victims, signal.SIGKILL)
    assert processes.gone(victims, 5) == []


def test_while_any_part_runs_the_trial_goes_on(toy):
    """Even the worst fault leaves some parts running, for example the edges."""
    end(toy, toy.processes[1:])
    assert Liveness(toy, 0).gone(1) == ""


def test_when_everything_has_ended_the_trial_stops(toy):
    """What would be measured then is no failure of the platform."""
    end(toy, toy.processes)
    assert Liveness(toy, 0).gone(1) == "every part of the environment has ended, and no fault caused that"


def test_in_containers_the_likely_cause_is_named(toy):
    """An engine that restarts ends all of its containers."""
    end(toy, toy.processes)
    network = Network("x-front", "front", None, "10.213.0.0/26")
    assert Liveness(replace(toy, networks=(network,)), 0).gone(1).endswith("; has the container engine been stopped or restarted?")


def test_a_remote_platform_runs_no_process_here(toy):
    """It has no processes on this machine, and is checked in other ways."""
    liveness = Liveness(replace(toy, processes=()), 0)
    assert liveness.gone(1) == ""
    assert not liveness.going(1)


def test_evidence_ends_when_all_parts_ran_for_the_last_time(toy):
    """Not when the last part ended: an engine takes seconds to stop."""
    liveness = Liveness(toy, 0)
    assert (liveness.gone(10), liveness.whole_ns) == ("", 10)
    end(toy, toy.processes[:1])
    assert (liveness.gone(20), liveness.whole_ns) == ("", 10)
    end(toy, toy.processes)
    assert liveness.gone(30)
    assert liveness.whole_ns == 10


@pytest.mark.parametrize(("ended", "going"), [(0, False), (2, False), (3, True)])
def test_nothing_is_concluded_while_nearly_all_parts_are_ending(toy, ended, going):
    """Less than a quarter is left, which no fault causes; for as long as an engine gives its containers to end."""
    liveness = Liveness(toy, 0)
    liveness.gone(0)
    end(toy, toy.processes[:ended])
    liveness.gone(1)
    assert liveness.going(1) == going
    assert not liveness.going(round(GOING_S_MAX * 1e9))
