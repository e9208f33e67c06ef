"""Probes are asked while the load runs; what they see is noted when it changes, and whatever they do disturbs nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment
from closeshave.trial.probe import PlatformProbe
from closeshave.trial.probing import LONGEST, probing
from tests.faults import toys

WITHIN_S = 20.0


@pytest.fixture
def toy(tmp_path: Path) -> Deployment:
    """An environment of which nothing runs."""
    return toys.deployment(tmp_path / "root")


def probe(ask: Callable[[], str]) -> PlatformProbe:
    """One that is asked as often as possible."""
    return PlatformProbe("?", lambda _deployment: ask(), 0.1)


def test_what_is_seen_is_noted_once_and_again_when_it_changes(toy: Deployment) -> None:
    """With the probe's name before it."""
    noted: list[str] = []
    answers = iter(["up", "up", "down", "up"])
    with probing(["p"], toy, noted.append, {"p": probe(lambda: next(answers, "up"))}):
        assert poll_until(lambda: len(noted) == 3, WITHIN_S)
    assert noted == ["p: up", "p: down", "p: up"]


def test_only_what_the_plan_names_is_asked(toy: Deployment) -> None:
    """An installed package loads nobody's platform by being there."""
    noted: list[str] = []
    with probing(["a"], toy, noted.append, {"a": probe(lambda: "1"), "b": probe(lambda: "2")}):
        assert poll_until(lambda: bool(noted), WITHIN_S)
    assert noted == ["a: 1"]


def test_a_probe_that_fails_is_noted_and_asked_again(toy: Deployment) -> None:
    """What it raises is what was seen."""
    noted: list[str] = []
    answers = iter([True, False])

    def ask() -> str:
        if next(answers, False):
            raise OSError("no\nroute")
        return "up"

    with probing(["p"], toy, noted.append, {"p": probe(ask)}):
        assert poll_until(lambda: len(noted) == 2, WITHIN_S)
    assert noted == ["p: could not be asked: OSError: no\nroute", "p: up"]


def test_a_probe_that_hangs_holds_nobody_up_and_is_not_noted_afterwards(toy: Deployment) -> None:
    """The load ends when it ends."""
    noted: list[str] = []
    asked, released = threading.Event(), threading.Event()

    def ask() -> str:
        asked.set()
        released.wait(WITHIN_S)
        return "late"

    with probing(["p"], toy, noted.append, {"p": probe(ask)}):
        assert asked.wait(WITHIN_S)
    assert not released.is_set()
    released.set()
    assert poll_until(lambda: not any(thread.name == "probe p" for thread in threading.enumerate()), WITHIN_S)
    assert noted == []


def test_what_is_seen_is_data(toy: Deployment) -> None:
    """Bounded, and without characters that a terminal would obey."""
    noted: list[str] = []
    with probing(["p"], toy, noted.append, {"p": probe(lambda: "\x1b[31m" + "x" * 9999)}):
        assert poll_until(lambda: bool(noted), WITHIN_S)
    assert "\x1b" not in noted[0]
    assert len(noted[0]) <= LONGEST + len("p: ")
