"""When a region gets more instances, and when fewer: promise B11 as a table, and what must hold whatever is measured."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.environments.scaling.decision import NOTHING, Remembered, decide
from closeshave.environments.scaling.rules import PROMISED, InstanceLimits, LoadSample, ScalingRules
from closeshave.files.shipped import locate
from closeshave.target import read_target
from tests.tiers import examples

RULES = ScalingRules(sample_s=60.0)
WIDE = InstanceLimits(1, 10)
QUIET = LoadSample(0.0, 2, cpu=0.1, memory=0.2, response_s=0.05, queue=0, asked_per_s=5.0)
LOADED = replace(QUIET, cpu=0.45, memory=0.5, response_s=0.2)
"""Neither too much nor too little."""


def fed(sample: LoadSample, minutes: int, limits: InstanceLimits = WIDE, known: Remembered = NOTHING) -> list[tuple[int, int, str]]:
    """Feed one sample a minute for so long: (minute, change, why) of each change; the number of instances stays, as if nothing were ever started."""
    found = []
    for minute in range(minutes + 1):
        known, decision = decide(known, replace(sample, at_s=sample.at_s + 60.0 * minute), RULES, limits)
        if decision.change:
            found.append((minute, decision.change, decision.why))
    return found


@pytest.mark.parametrize(
    ("changes", "minute", "change", "why"),
    [
        ({"cpu": 0.61}, 5, 1, "CPU 61%, above 60% for 300 s"),
        ({"memory": 0.71}, 5, 1, "memory 71%, above 70% for 300 s"),
        ({"response_s": 0.301}, 2, 1, "response 301 ms, above 300 ms in 3 samples"),
        ({"queue": 101}, 0, 1, "101 requests waiting or in work, above 100"),
        ({"cpu": 0.1, "memory": 0.2, "response_s": 0.05}, 15, -1, "CPU 10% below 30% and memory 20% below 40% for 600 s, response below 150 ms for 900 s"),
        ({"cpu": 0.1, "memory": 0.2, "response_s": None}, 15, -1, "CPU 10% below 30%"),
        ({"instances": 0}, 0, 1, "0 are fewer than the least, 1"),
        ({"instances": 11}, 0, -1, "11 are more than the most, 10"),
    ],
)  # fmt: skip
def test_the_first_change_comes_when_the_promise_says(changes: dict[str, float], minute: int, change: int, why: str) -> None:
    """Not a sample earlier, and not later."""
    found = fed(replace(LOADED, **changes), 20)  # type: ignore[arg-type] # fields of different types
    assert found[0][:2] == (minute, change)
    assert why in found[0][2]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cpu": 0.60},
        {"memory": 0.70},
        {"response_s": 0.300},
        {"queue": 100},
        {"cpu": 0.30, "memory": 0.2, "response_s": 0.05},
        {"cpu": 0.1, "memory": 0.40, "response_s": 0.05},
        {"cpu": 0.1, "memory": 0.2, "response_s": 0.150},
    ],
)
def test_a_threshold_itself_changes_nothing(changes: dict[str, float]) -> None:
    """Above and below, as the promise says."""
    assert fed(replace(LOADED, **changes), 40) == []  # type: ignore[arg-type] # fields of different types


def test_one_sample_that_breaks_a_condition_begins_its_time_anew() -> None:
    """Four minutes above, one below, four above: nothing."""
    known = NOTHING
    for minute in range(10):
        cpu = 0.5 if minute == 5 else 0.9
        known, decision = decide(known, replace(LOADED, cpu=cpu, at_s=60.0 * minute), RULES, WIDE)
        assert decision.change == 0
    assert decide(known, replace(LOADED, cpu=0.9, at_s=11 * 60.0), RULES, WIDE)[1].change == 1


def test_fewer_are_not_wanted_where_the_rest_would_have_too_much_at_once() -> None:
    """29 % on each of two is 58 % on one, and allowed; 29 % each of three that end two at once would be 87 %."""
    assert fed(replace(QUIET, cpu=0.29), 15) != []
    known = NOTHING
    for minute in range(30):
        known, decision = decide(known, replace(QUIET, cpu=0.29, instances=3, at_s=60.0 * minute), replace(RULES, by=2), WIDE)
        assert decision.change == 0


def test_from_zero_any_request_starts_one_and_none_keeps_it_so() -> None:
    """Nobody else can answer; and the last one is ended only when nobody asks."""
    none, at_most = replace(QUIET, instances=0, response_s=None, cpu=0.0, memory=0.0), InstanceLimits(0, 3)
    assert fed(replace(none, asked_per_s=0.0), 40, at_most) == []
    assert fed(none, 0, at_most) == [(0, 1, "customers send 5 requests/s, and no instance runs")]
    one = replace(QUIET, instances=1)
    assert fed(one, 40, at_most) == []
    assert fed(replace(one, asked_per_s=0.0), 15, at_most) == [(15, -1, "nobody asks")]


def test_times_are_scaled_and_thresholds_are_not() -> None:
    """With a fiftieth, five minutes are six seconds; 300 ms stay 300 ms."""
    small = ScalingRules().scaled(0.02)
    assert (small.out_cpu_s, small.in_load_s, small.in_response_for_s, small.cooldown_s) == (6.0, 12.0, 18.0, 1.2)
    assert (small.out_cpu, small.out_response_s, small.in_response_s, small.out_response_samples) == (0.6, 0.3, 0.15, 3)


@pytest.mark.parametrize(("least", "most"), [(-1, 2), (3, 2), (0, 0)])
def test_impossible_limits_are_refused(least: int, most: int) -> None:
    """The message says what would be right."""
    with pytest.raises(ValueError, match="the smaller number first"):
        InstanceLimits(least, most)


def test_the_promised_limits_are_those_of_the_targets() -> None:
    """E08 and T06, read from the target files."""
    told = {
        claim.id: claim.text
        for name in ("enterprise", "terraform")
        for claim in read_target(locate("environments/targets", f"bookedbarber-{name}")).claims
    }
    numbers = {name: [int(each.replace(",", "")) for each in re.findall(r"\d[\d,]*", told[name])] for name in ("E08", "T06")}
    assert numbers == {"E08": [50, 1000], "T06": [3, 50, 0, 100]}
    assert [(limits.least, limits.most) for limits in PROMISED.values()] == [(50, 1000), (3, 50), (0, 100)]


@dataclass
class Region:
    """A simulated region: work that is shared by its instances, of which each takes some samples to start."""

    count: int
    work: float
    """In processors."""
    memory: float = 0.2
    slow_below: int = 0
    """With fewer instances than this the responses are slow, whatever the CPU says."""
    known: Remembered = NOTHING
    changes: list[tuple[float, int]] = field(default_factory=list)

    def run(self, minutes: int, rules: ScalingRules, limits: InstanceLimits, begin_s: float = 0.0) -> None:
        """One sample a minute."""
        for minute in range(minutes):
            at_s = begin_s + 60.0 * minute
            cpu = min(1.0, self.work / self.count) if self.count else 0.0
            queue = max(0, round((self.work / self.count - 1) * 200)) if self.count else 0
            response_s = 0.5 if self.count < self.slow_below else 0.06
            asked_per_s = self.work * 100
            sample = LoadSample(at_s, self.count, cpu, self.memory, response_s if self.count and self.work else None, queue, asked_per_s)
            self.known, decision = decide(self.known, sample, rules, limits)
            if decision.change:
                self.count += decision.change
                self.changes.append((at_s, decision.change))
            assert limits.least <= self.count <= limits.most


@pytest.mark.parametrize(("name", "by"), [("E08", 50), ("T06 on AWS", 4), ("T06 on GCP", 4)])
def test_the_promised_limits_are_reached_and_kept(name: str, by: int) -> None:
    """From the least to the most and back, under a load that asks for more than the most, and then for nothing."""
    limits, rules = PROMISED[name], replace(RULES, by=by)
    region = Region(limits.least, work=limits.most * 2.0)
    region.run(600, rules, limits)
    assert region.count == limits.most
    region.work = 0.0
    region.run(1200, rules, limits, begin_s=600 * 60.0)
    assert region.count == limits.least


@given(
    samples=st.lists(
        st.builds(
            LoadSample,
            at_s=st.just(0.0),
            instances=st.integers(0, 12),
            cpu=st.floats(0, 4),
            memory=st.floats(0, 2),
            response_s=st.none() | st.floats(0, 20),
            queue=st.integers(0, 10_000),
            asked_per_s=st.floats(0, 1e6),
        ),
        max_size=60,
    ),
    gaps=st.lists(st.floats(0.1, 400), min_size=60, max_size=60),
    least=st.integers(0, 5),
    more=st.integers(0, 5),
    by=st.integers(1, 4),
    cooldown_s=st.floats(0, 1000),
)
@settings(max_examples=examples(200), deadline=None)
def test_limits_and_cooldowns_are_kept_whatever_is_measured(
    samples: list[LoadSample], gaps: list[float], least: int, more: int, by: int, cooldown_s: float
) -> None:
    """Instances may also die or appear by themselves: no change leads out of the limits, and none comes too soon, but for one that the limits ask for or a
    region without any instance."""
    limits, rules = InstanceLimits(least, max(1, least + more)), replace(RULES, by=by, cooldown_s=cooldown_s)
    known, now_s, changed_s = NOTHING, 0.0, None
    for sample, gap_s in zip(samples, gaps, strict=False):
        now_s += gap_s
        known, decision = decide(known, replace(sample, at_s=now_s), rules, limits)
        if not decision.change:
            assert decision.why == ""
            continue
        assert decision.why
        assert limits.least <= sample.instances + decision.change <= limits.most
        within = limits.least <= sample.instances <= limits.most and sample.instances > 0
        if within and changed_s is not None:
            assert now_s - changed_s >= rules.cooldown_s
        changed_s = now_s


@given(
    work=st.floats(0.05, 20),
    begin=st.integers(1, 10),
    least=st.integers(0, 3),
    memory=st.floats(0, 1),
    slow_below=st.integers(0, 8),
    by=st.integers(1, 3),
)
@settings(max_examples=examples(200), deadline=None)
def test_a_load_that_stays_the_same_does_not_make_it_flap(
    work: float, begin: int, least: int, memory: float, slow_below: int, by: int
) -> None:
    """More and then fewer, or fewer and then more, at most once: then it stays, for two days."""
    limits = InstanceLimits(least, 10)
    region = Region(max(begin, least), work, memory, slow_below)
    region.run(2880, replace(RULES, by=by), limits)
    directions = [change > 0 for _, change in region.changes]
    turns = sum(one != other for one, other in pairwise(directions))
    assert turns <= 1, region.changes
    last_s = region.changes[-1][0] if region.changes else 0.0
    assert last_s < 1440 * 60.0, "it settles"
