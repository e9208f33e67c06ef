"""What is measured of legs and warm-ups while they are carried out: which time counts, and how long they last."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from closeshave.gate import asking, legs
from closeshave.gate.design import Side, draw
from closeshave.gate.legs import GateSide
from closeshave.gate.pace import LegTimes
from closeshave.gate.rules import rules
from closeshave.plan import Gate
from closeshave.trial.preparation import prepare
from closeshave.trial.state import CALIBRATING, LOGGING_IN
from tests.gate.stages import leg as made_up

RULES = rules(Gate())


class Clock:
    """Time that passes only when somebody lets it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        """As :func:`time.monotonic`."""
        return self.now_s


class Staged:
    """A series whose trials take 2 s until they log in, 60 s or 1 s for that, 20 s to calibrate, 4 s to start, 21 s of load and 3 s afterwards."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.steps: tuple[tuple[str, float], ...] = ()
        self.inside: list[str] = []
        self.logins: Any = SimpleNamespace(of=lambda _: self.inside)
        self.deployed = SimpleNamespace(id="here")
        self.keeps = True

    def trial(self, _prepared: object) -> Any:
        """One of them."""
        begun = []
        for name, took_s in (("preparing", 2), (LOGGING_IN, 1 if self.inside else 60), (CALIBRATING, 20), ("starting the load", 4)):
            begun.append((name, self.clock.now_s))
            self.clock.now_s += took_s
        if self.keeps:
            self.inside = ["somebody"]
        first_s = self.clock.now_s
        self.clock.now_s += 21
        phase = SimpleNamespace(started_ns=int(first_s * 1e9), ended_ns=int(self.clock.now_s * 1e9))
        self.steps = (*begun, ("ending the load", self.clock.now_s))
        self.clock.now_s += 3
        manifest = SimpleNamespace(phases=(phase,), rate=None, rate_scale=0.6, interrupted=None)
        return SimpleNamespace(exit_code=0, recorded=SimpleNamespace(manifest=manifest), plan=None, target=None)


@pytest.fixture
def side(monkeypatch: pytest.MonkeyPatch) -> GateSide:
    """One whose release is rolled out in 5 s."""
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)

    def serve(*_: object) -> None:
        clock.now_s += 5

    monkeypatch.setattr(legs, "_serve", serve)
    monkeypatch.setattr(legs, "_keep", lambda _said: None)
    monkeypatch.setattr(legs, "Evidence", lambda *_: None)
    monkeypatch.setattr(legs, "rates_per_s", lambda *_: {"book": 30.0})
    return GateSide("next", prepare("gate"), Staged(clock), "next")  # type: ignore[arg-type] # of a test


def staged(side: GateSide) -> Staged:
    """Its series."""
    found: Any = side.series
    assert isinstance(found, Staged)
    return found


def test_a_warm_up_says_what_a_leg_takes(side: GateSide) -> None:
    """Without its calibration, and without the log-in, of which a leg has only the renewal; the second one's was a renewal already."""
    first = legs.warm_up(side, None, RULES, print)
    assert first.times == LegTimes(5, 2 + 4 + legs.RENEWAL_S, 21, 3)
    assert (first.scale, first.per_s) == (0.6, {"book": 30.0})
    assert legs.warm_up(side, None, RULES, print).times == LegTimes(5, 2 + 4 + 1, 21, 3)


def test_where_customers_do_not_stay_logged_in_each_leg_has_the_log_in(side: GateSide) -> None:
    """As they will before every leg."""
    staged(side).keeps = False
    assert legs.warm_up(side, None, RULES, print).times == LegTimes(5, 2 + 60 + 4, 21, 3)


def test_each_leg_of_a_block_says_what_it_took(side: GateSide, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the result of the gate."""
    (block,) = draw(1, 1, 1)
    monkeypatch.setattr(legs, "judged", lambda leg, *_: made_up(block, block.legs.index(leg)))
    staged(side).inside = ["somebody"]
    done = legs.carry_out(block, dict.fromkeys(Side, side), RULES, 0.6, print)
    assert [each.times for each in done.legs] == [LegTimes(5, 2 + 1 + 20 + 4, 21, 3)] * 4


@pytest.mark.parametrize(("rate_scale", "scale", "load_s"), [(None, None, 19.5), (0.6, None, 19.5), (None, 0.6, 19.5), (None, 1.0, 19.5)])
def test_a_warm_up_is_not_lengthened(rate_scale: float | None, scale: float | None, load_s: float) -> None:
    """Nothing of it is counted. A leg at 60 % of the rate has 27 s of calm instead of 16.5 s."""
    prepared = prepare("gate", rate_scale=rate_scale)
    assert prepared.calibrated(0.6).plan.duration_s == 30
    found = legs._as_long_as_planned(prepared, scale)
    assert found.plan.duration_s == load_s
    assert found.plan.peak_per_s == pytest.approx(prepared.written.peak_per_s * (scale or rate_scale or 1.0))


def test_both_sides_of_a_gate_know_the_same_customers(tmp_path: Any) -> None:
    """What one of them refuses counts for both; and nothing is started that only faults need."""
    other = tmp_path / "other.yaml"
    other.write_text(prepare("gate").inputs.environment.read_text(encoding="utf-8"), encoding="utf-8")
    made = asking.prepared(asking.GateWords("gate", "embedded", str(other)), Console(quiet=True), tmp_path / "gates")
    base, candidate = (made.sides[side].series for side in Side)
    assert base is not candidate
    assert base.logins is candidate.logins is not None
    assert base.unbroken
    assert candidate.unbroken
