"""A trial notices that the ground has gone from under its environment."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave import processes
from closeshave.deployment import Network
from closeshave.trial.overseeing import gone
from tests.faults import toys


@pytest.fixture
def toy(tmp_path):
    """A few small processes in two regions."""
    with toys.running(tmp_path) as deployment:
        yield deployment


def end(deployment, parts):
    """Kill these processes, whoever started them."""
    victims = [identity for part in parts for identity in processes.family(Path(deployment.root), part)]
    processes.send(victims, signal.SIGKILL)
    assert processes.gone(victims, 5) == []


def test_while_anything_runs_it_is_for_the_judges(toy):
    """The worst of faults leaves something: the edges, say."""
    end(toy, toy.processes[1:])
    assert gone(toy) == ""


def test_when_everything_has_ended_the_trial_stops(toy):
    """Whatever was measured then would be no fault of the platform."""
    end(toy, toy.processes)
    assert gone(toy) == "every part of the environment has ended, and no fault ended them"


def test_in_containers_the_likely_cause_is_named(toy):
    """An engine that is restarted takes all of its containers along."""
    end(toy, toy.processes)
    network = Network("x-front", "front", None, "10.213.0.0/26")
    assert gone(replace(toy, networks=(network,))).endswith("; has the container engine been stopped or restarted?")


def test_of_a_platform_elsewhere_nothing_runs_here(toy):
    """It has no processes, and is asked in other ways."""
    assert gone(replace(toy, processes=())) == ""
