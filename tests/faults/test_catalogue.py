"""The catalogue of kinds, the check of plans against it, and its experiments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from chaoslib.experiment import ensure_experiment_is_valid  # type: ignore[import-untyped] # it ships no types
from chaoslib.loader import load_experiment  # type: ignore[import-untyped] # it ships no types

from closeshave.faults.catalogue import KINDS, check
from closeshave.faults.experiments import experiments
from closeshave.faults.kind import Kind
from closeshave.faults.toolkit import COMMON
from closeshave.files.shipped import locate
from closeshave.plan import Expected, Fault

EXPERIMENTS = Path(__file__).parents[2] / "chaos"


def fault(kind: str, scope: Mapping[str, str | int], parameters: Mapping[str, str | int | float | bool] | None = None) -> Fault:
    """A fault of a plan, of which only kind, scope and parameters matter here."""
    return Fault("f", kind, "phase", 0, 10, Expected.RECOVERS, scope, parameters or {})


@pytest.mark.parametrize(
    ("kind", "scope", "parameters"),
    [
        ("shard.primary-killed", {"shard": 1}, {}),
        ("shard.primary-killed", {"shard": 1}, {"node": True, "replication_held_back": 1}),
        ("cache.primary-killed", {"tier": "cache"}, {"switch_back": False}),
        ("cache.tier-lost", {"tier": "sessions"}, {}),
        ("region.lost", {"region": "us-west-2"}, {}),
    ],
)
def test_right_fault_has_no_problems(kind: str, scope: Mapping[str, str | int], parameters: Mapping[str, bool]) -> None:
    """The kinds of the catalogue are accepted, on the embedded environment too."""
    assert check(fault(kind, scope, parameters), environment="embedded") == []


@pytest.mark.parametrize(
    ("kind", "scope", "parameters", "says"),
    [
        (
            "shard.primary-kiled",
            {"shard": 1},
            {},
            "there is no kind of fault shard.primary-kiled (did you mean shard.primary-killed?); available: broker.",
        ),
        ("shard.primary-killed", {}, {}, "needs a scope with 'shard'"),
        ("shard.primary-killed", {"shard": "one"}, {}, "shard 'one' is not a number"),
        ("shard.primary-killed", {"shard": 1, "region": "x"}, {}, "takes no scope 'region'; it takes shard"),
        (
            "shard.primary-killed",
            {"shard": 1},
            {"nod": True},
            "no parameter 'nod' (did you mean node?); it has node, replication_held_back, switch_back",
        ),
        ("shard.primary-killed", {"shard": 1}, {"node": 2}, "node: 2 is neither true nor false"),
        ("shard.primary-killed", {"shard": 1}, {"replication_held_back": "long"}, "'long' is not a number"),
        ("shard.primary-killed", {"shard": 1}, {"replication_held_back": 60}, "60 is not between 0 and 4"),
        ("shard.primary-killed", {"shard": 1}, {"replication_held_back": -1}, "-1 is not between 0 and 4"),
    ],
)
def test_wrong_fault_is_refused(kind: str, scope: Mapping[str, str | int], parameters: Mapping[str, str | int | bool], says: str) -> None:
    """Every mistake is named, with what would be right."""
    (problem,) = check(fault(kind, scope, parameters))
    assert problem.startswith("fault f: ")
    assert says in problem


@pytest.mark.parametrize("kind", [replace(KINDS["region.lost"], undo=None), replace(KINDS["region.lost"], prove=None)])
def test_kind_without_undo_is_refused(kind: Kind) -> None:
    """A fault that cannot be healed, or not be proven healed, is never injected."""
    (problem,) = check(fault("region.lost", {"region": "us-west-2"}), kinds={"region.lost": kind})
    assert "no undo" in problem


def test_kind_is_refused_where_it_does_not_work() -> None:
    """An environment for which a kind was not made is named, never skipped without a message."""
    (problem,) = check(fault("region.lost", {"region": "us-west-2"}), environment="remote")
    assert "does not work on remote environments" in problem


@pytest.mark.parametrize("name", sorted(KINDS))
def test_kind_has_an_experiment_that_chaos_toolkit_accepts(name: str) -> None:
    """Every kind's experiment is valid for ``chaos validate`` and calls the toolkit with its own kind only."""
    experiment = load_experiment(str(locate("chaos", str(fault(name, {}).experiment))))
    ensure_experiment_is_valid(experiment)
    calls = [*experiment["method"], *experiment["rollbacks"]]
    assert [call["provider"]["func"] for call in calls] == ["inject", "observe", "hold", "heal"]
    assert {call["provider"]["arguments"]["kind"] for call in calls} == {name}
    assert experiment["runtime"]["rollbacks"]["strategy"] == "always"


@pytest.mark.parametrize("name", sorted(KINDS))
def test_experiment_takes_what_its_kind_takes(name: str) -> None:
    """An experiment's configuration is the common part, the kind's scope and its parameters with the same defaults."""
    kind = KINDS[name]
    configuration = load_experiment(str(locate("chaos", str(fault(name, {}).experiment))))["configuration"]
    assert set(configuration) == {*COMMON, *kind.scope, *(parameter.name for parameter in kind.parameters)}
    for parameter in kind.parameters:
        assert parameter.read(configuration[parameter.name]["default"]) == parameter.default
    assert kind.problems({key: configuration[key]["default"] for key in kind.scope}, {}) == []


def test_experiments_are_made_from_the_catalogue() -> None:
    """Generated again they are the same: ``python -m closeshave.faults.experiments chaos``."""
    assert {str(path.relative_to(EXPERIMENTS)): path.read_text() for path in EXPERIMENTS.glob("*/*.yaml")} == experiments()


def test_no_experiment_is_without_a_kind() -> None:
    """Every file under ``chaos/`` belongs to a kind."""
    found = {f"{path.parent.name}.{path.stem}" for path in EXPERIMENTS.glob("*/*.yaml")}
    assert found == set(KINDS)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_kind_describes_itself(name: str) -> None:
    """In sentences: what it does, how it is observed and how it is undone."""
    kind = KINDS[name]
    for sentence in (kind.does, kind.observed_by, kind.undone_by, *(parameter.about for parameter in kind.parameters)):
        assert sentence.endswith(".")
