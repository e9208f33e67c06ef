"""The key ``inject`` of a plan: what is refused, with its line, and what a game day makes of it."""

from pathlib import Path

import pytest

from closeshave.environments.definition import read_definition
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.gameday.planned import blast_radius, cards, read_runbooks, rehearsed, unknown_regions
from closeshave.plan import Plan, read_plan
from closeshave.trial.holding import held
from closeshave.trial.preparation import prepare
from closeshave.vocabulary import PersonRole

PLAN = """name: x
environment: embedded
target: bookedbarber-smoke
seed: 1
limits: {duration: 2h, requests: 1000000}
phases:
  - {name: calm, role: calm, duration: 60s, sessions_per_s: 5}
  - {name: exercise, role: fault, duration: 30m, sessions_per_s: 5}
faults:
  - {id: dead, kind: shard.primary-killed, phase: exercise, at: 1m, hold: 60s, expected: recovers, scope: {shard: 1}}
  - {id: slow, kind: cache.slow, phase: exercise, at: 90s, hold: 60s, expected: degrades, scope: {tier: cache}}
  - {id: gone, kind: region.lost, phase: exercise, at: 10m, hold: 60s, expected: recovers, scope: {region: us-west-2}}
inject:
  - {id: hello, title: Hello, when: 10s, message: Look, told: [responder]}
  - {id: dies, title: A shard dies, when: 5m, fault: dead, hidden: true, runbook: books/shard.md}
  - {id: slows, title: The cache is slow, when: on my word, fault: slow}
  - {id: vanishes, title: A region is gone, when: 20m, fault: gone, go_if: [{figure: p95, at_most: 200ms, region: us-east-1}]}
"""


def written(place: Path, *changed: tuple[str, str]) -> Path:
    """The plan with these changes, and its runbook."""
    text = PLAN
    for before, after in changed:
        assert before in text
        text = text.replace(before, after)
    (place / "books").mkdir(exist_ok=True)
    (place / "books" / "shard.md").write_text("1. Look\n2. Tell\n")
    path = place / "x.yaml"
    path.write_text(text)
    return path


WRONG = [
    pytest.param(("when: 5m", "when: soon"), "15: inject.1.when: 'soon' is neither a duration, like 5m, nor 'on my word'", id="no instant"),
    pytest.param(("when: 5m", "when: 5s"), "15: inject.1.when: is before that of an inject above it", id="out of order"),
    pytest.param(("when: 20m", "when: 29m30s"), "17: inject.3.when: it would last until 1830 s, past the end", id="past the end"),
    pytest.param(
        ("fault: dead", "fault: daed"), "15: inject.1.fault: 'daed' is not a fault of this plan (did you mean dead?)", id="no such fault"
    ),
    pytest.param(("fault: slow", "drill: slow"), "16: inject.2.drill: 'slow' is not a drill of this plan", id="a fault as a drill"),
    pytest.param(("fault: slow", "fault: dead"), "16: inject.2: dead is begun by an inject above it", id="twice"),
    pytest.param(("{id: slows", "{id: dies"), "13: inject: IDs of injects must differ", id="the same ID"),
    pytest.param((", message: Look, told: [responder]", ""), "14: inject.0: give fault, drill or message", id="nothing happens"),
    pytest.param((", told: [responder]", ""), "14: inject.0: told must say who gets the message", id="told to nobody"),
    pytest.param(("told: [responder]", "told: [boss]"), "14: inject.0.told.0: 'boss' is unknown here", id="a role that there is not"),
    pytest.param(("at_most: 200ms", "at_most: 5%"), "17: inject.3.go_if.0.at_most: p95: '5%' is not a duration", id="a share of a time"),
    pytest.param(("figure: p95, at_most: 200ms", "figure: p95"), "17: inject.3.go_if.0: give at_most or at_least", id="no bound"),
    pytest.param(
        ("figure: p95, at_most: 200ms", "figure: offered, at_least: 1"), "17: inject.3.go_if.0: offered is known for all", id="no regions"
    ),
    pytest.param(("role: fault", "role: calm"), "13: inject: the last phase is the exercise", id="no exercise"),
    pytest.param(("id: hello", "id: Hello"), "14: inject.0: id 'Hello'", id="a capital letter"),
]


@pytest.mark.parametrize(("changed", "why"), WRONG)
def test_a_wrong_inject_is_refused_with_its_line(tmp_path: Path, changed: tuple[str, str], why: str) -> None:
    """And what would be right."""
    with pytest.raises(InvalidFile) as refused:
        read_plan(written(tmp_path, changed))
    assert f"x.yaml:{why}" in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        pytest.param(
            ("runbook: books/shard.md", "runbook: books/other.md"), "x.yaml:15: inject.1.runbook: books/other.md: cannot be read", id="none"
        ),
        pytest.param(
            ("runbook: books/shard.md", "runbook: ../shard.md"), "x.yaml:15: inject.1.runbook: '../shard.md' is not below", id="elsewhere"
        ),
        pytest.param(
            ("region: us-east-1}", "region: mars}"), "x.yaml:17: inject.3.go_if.0.region: 'mars' is not a region", id="no such region"
        ),
    ],
)
def test_what_lies_beside_the_plan_is_checked_too(tmp_path: Path, changed: tuple[str, str], why: str) -> None:
    """Before anything starts, by validate as by run."""
    with pytest.raises(InvalidFile) as refused:
        prepare(str(written(tmp_path, changed)))
    assert why in str(refused.value)


def test_a_fault_that_no_inject_begins_can_be_run_and_not_held(tmp_path: Path) -> None:
    """In a game day nothing begins without a person's plan for it."""
    prepared = prepare(str(written(tmp_path, ("when: 20m, fault: gone", "when: 20m, message: Gone, told: [scribe]"))))
    with pytest.raises(InvalidFile, match=r"x\.yaml:12: faults\.2\.id: no inject begins gone"):
        held(prepared, rehearse=False)


def test_an_ordinary_plan_is_no_game_day(tmp_path: Path) -> None:
    """It has no injects."""
    with pytest.raises(InvalidFile, match="a game day needs at least one inject"):
        held(prepare("smoke"), rehearse=False)


def plan(place: Path) -> Plan:
    """As it is read."""
    return read_plan(written(place))


def test_what_the_plan_lets_overlap_may_be_in_effect_together(tmp_path: Path) -> None:
    """By the faults' own instants, which have been checked against the caps; the lead is part of how long one lasts."""
    books = read_runbooks(plan(tmp_path), tmp_path / "x.yaml")
    made = {card.id: card for card in cards(plan(tmp_path), books, 4.0)}
    assert (made["dies"].together, made["slows"].together, made["vanishes"].together) == (
        frozenset({"slow"}),
        frozenset({"dead"}),
        frozenset(),
    )
    assert (made["dies"].steps, made["dies"].lasts_ns, made["hello"].lasts_ns) == (2, 64_000_000_000, 0)
    assert (made["slows"].when_ns, made["vanishes"].when_ns) == (None, 1_200_000_000_000)


def test_a_card_says_what_it_can_reach(tmp_path: Path) -> None:
    """The parts, and whose customers they are."""
    topology = read_definition(locate("environments", "embedded")).topology
    told = {each.id: blast_radius(each, plan(tmp_path), topology) for each in plan(tmp_path).inject}
    assert told["hello"] == "nothing: it is only a message"
    assert told["dies"] == "shard.primary-killed on shard 1; 25,000 of 100,000 franchises (25%)"
    assert "region us-west-2" in told["vanishes"]
    assert list(unknown_regions(plan(tmp_path), topology)) == []


def test_a_rehearsal_is_ten_times_as_fast(tmp_path: Path) -> None:
    """Every length and instant, and nothing else."""
    fast = rehearsed(plan(tmp_path))
    assert fast.duration_s == pytest.approx(186.0)
    assert [each.when for each in fast.inject] == [1.0, 30.0, None, 120.0]
    assert [(each.at, each.hold) for each in fast.faults] == [(6.0, 6.0), (9.0, 6.0), (60.0, 6.0)]
    assert fast.phases[0].sessions_per_s == 5


@pytest.mark.parametrize("name", ["gameday-shard", "gameday-region", "gameday-double-charge"])
def test_the_shipped_game_days_can_be_held_and_rehearsed(name: str) -> None:
    """Each has a hidden inject, a runbook with steps, notes for its facilitator, and nothing that begins without people."""
    prepared = prepare(name)
    for rehearse in (False, True):
        ready = held(prepared, rehearse=rehearse)
        assert ready.gameday is not None
        assert ready.gameday.runbooks
        assert ready.breaks is not rehearse
    assert any(each.hidden and each.runbook for each in prepared.plan.inject)
    assert all(each.expected for each in prepared.plan.inject)
    assert {each for inject in prepared.plan.inject for each in inject.told} <= set(PersonRole)
    assert (prepared.inputs.plan.parent / "gamedays" / f"{name.removeprefix('gameday-')}-notes.md").is_file()
