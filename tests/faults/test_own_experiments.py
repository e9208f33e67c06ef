"""Faults that a user's own Chaos Toolkit experiment injects: method, rollbacks and steady state, with the lifecycle of all faults."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from closeshave.clock import now_ns
from closeshave.deployment import Call, Deployment, ExperimentPart, Hook
from closeshave.faults import catalogue, child, hook, lifecycle, ownexperiment
from closeshave.faults.calls import carry_out
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.files.yamlfile import InvalidFile
from closeshave.plan import Expected, Fault
from closeshave.trial.preparation import prepare
from tests.faults import toys
from tests.faults.timelines import WHOLE_LIFE, edges, events, marks
from tests.remote.definitions import document, write
from tests.yamls import loaded, written

FAULT = Fault("broken", "shard.primary-killed", "storm", 0, 0.5, Expected.RECOVERS, {"shard": 1})
SECRET = "planted-5513"
BESIDE = """
import pathlib
def touch(name):
    print("planted-5513")
    pathlib.Path(name).touch()
    return "planted-5513"
"""
"""A module that lies beside the experiment, as one of an installed package would be found."""


def process(name: str, *argv: str) -> dict[str, Any]:
    """The provider of an activity that runs a program."""
    return {"name": name, "provider": {"type": "process", "path": argv[0], "arguments": list(argv[1:]), "timeout": 5}}


def experiment(place: Path, **changes: Any) -> Path:
    """Breaks by making a file beside itself (in a Python function), heals by removing it; ``...`` leaves a key out."""
    place.mkdir(exist_ok=True)
    (place / "operators.py").write_text(BESIDE)
    healthy = {"type": "probe", "tolerance": 0, **process("no file", "test", "!", "-e", "broken")}
    whole = {
        "title": "A file",
        "description": "It is made and removed.",
        "steady-state-hypothesis": {"title": "There is no file", "probes": [healthy]},
        "method": [
            {
                "type": "action",
                "name": "make it",
                "provider": {"type": "python", "module": "operators", "func": "touch", "arguments": {"name": "broken"}},
            },
            {"type": "probe", "ref": "no file"},
        ],
        "rollbacks": [{"type": "action", **process("remove it", "rm", "-f", "broken")}],
        # Only the harness decides when each part is run.
        "runtime": {"rollbacks": {"strategy": "never"}, "hypothesis": {"strategy": "skip"}},
    } | changes
    return written(place / "file.yaml", {key: value for key, value in whole.items() if value is not ...})


def hooked(root: Path, path: Path, **changes: Any) -> Deployment:
    """A platform whose only hook is the experiment."""
    own = Hook("shard.primary-killed", {"shard": 1}, Call(experiment=str(path)), observed_within=20.0, healed_within=20.0)
    platform = replace(toys.deployment(root), kind="remote", hooks=(replace(own, **changes),))
    platform.save()
    return platform


def never() -> bool:
    """Never requests a stop."""
    return False


def quiet(_line: str) -> None:
    """Nobody listens."""


def break_it(platform: Deployment, run: Path) -> None:
    """Inject and observe, as the experiment of the kind does."""
    kind = catalogue.of(FAULT.kind, FAULT.scope, platform)
    aim = kind.aim_of(platform, FAULT)
    try:
        lifecycle.inject(Ledger(run), "broken", kind, aim, None, 1, never)
    finally:
        lifecycle.observe(Ledger(run), "broken", kind, aim, never)


@pytest.mark.thorough
def test_its_method_injects_its_rollbacks_undo_and_its_steady_state_proves(tmp_path: Path, run: Path) -> None:
    """In the process of any fault; what the experiment's functions print or return is in no file of the run."""
    path = experiment(tmp_path / "my")
    started = child.start(hooked(tmp_path / "root", path), run, FAULT, now_ns() + 4_500_000_000)
    assert started.wait(60) == 0, (run / "logs" / "fault-broken.log").read_text()
    assert edges(run) == WHOLE_LIFE
    assert not (tmp_path / "my" / "broken").exists()
    assert "steady state not met, probe no file" in str(events(run)["observed"]["evidence"])
    assert "steady state met" in str(events(run)["verified-healed"]["evidence"])
    assert not [each for each in run.rglob("*") if each.is_file() and SECRET.encode() in each.read_bytes()]


@pytest.mark.thorough
def test_another_process_heals_it_with_the_ledger_alone(tmp_path: Path, run: Path) -> None:
    """As the janitor does, or closeshave heal: the rollbacks are run from the file that the deployment names."""
    platform = hooked(tmp_path / "root", experiment(tmp_path / "my"))
    break_it(platform, run)
    assert (tmp_path / "my" / "broken").exists()
    assert edges(run) == ["planned", "injected", "observed"]
    assert marks(run) == []
    assert heal_open(run, platform, quiet) == []
    assert not (tmp_path / "my" / "broken").exists()


@pytest.mark.thorough
def test_an_action_that_fails_is_no_injection(tmp_path: Path, run: Path) -> None:
    """It is named; the rollbacks are run in any case."""
    actions = [
        {"type": "action", **process("half", "touch", "broken")},
        {"type": "action", **process("missing", "touch", "/no/such/place")},
    ]
    actions[1]["provider"] |= {"type": "python", "module": "operators", "func": "touch", "arguments": {"name": "/no/such/place"}}
    platform = hooked(tmp_path / "root", experiment(tmp_path / "my", method=actions))
    with pytest.raises(
        hook.HookFailed, match=r"inject of the hook for shard\.primary-killed on shard 1 \(method of file\.yaml\) missing failed"
    ):
        break_it(platform, run)
    assert heal_open(run, platform, quiet) == []
    assert not (tmp_path / "my" / "broken").exists()


def test_a_rollback_that_fails_leaves_the_fault_open(tmp_path: Path, run: Path) -> None:
    """So that no new trial starts on the platform."""
    wrong = [
        {
            "type": "action",
            "name": "mend",
            "provider": {"type": "python", "module": "operators", "func": "touch", "arguments": {"name": "/no/x"}},
        }
    ]
    platform = hooked(tmp_path / "root", experiment(tmp_path / "my", rollbacks=wrong))
    break_it(platform, run)
    assert "(rollbacks of file.yaml) mend failed" in heal_open(run, platform, quiet)[0]
    assert [each.fault for each in Ledger(run).open()] == ["broken"]


def test_a_tolerance_that_does_not_fit_its_probe_is_told(tmp_path: Path) -> None:
    """It is neither met nor a deviation; what the probe returned is not told."""
    probe = {"type": "probe", "tolerance": {"type": "regex", "pattern": "x"}, **process("no text", "echo", SECRET)}
    path = experiment(tmp_path / "my", **{"steady-state-hypothesis": {"title": "t", "probes": [probe]}})
    for part in get_args(ExperimentPart)[2:]:
        done = carry_out(Call(experiment=str(path), part=part), 10, {})
        assert (done.well, done.saw) == (False, f"({part} of file.yaml) broke off with TypeError")


def test_an_experiment_that_hangs_is_ended(tmp_path: Path) -> None:
    """With all that it started, after the time of its call."""
    path = experiment(tmp_path / "my", method=[{"type": "action", **process("wait", "sleep", "3141")}])
    done = carry_out(Call(experiment=str(path), part="method"), 1.5, {})
    assert (done.well, done.saw) == (False, "had not ended after 1.5 s and was killed")


def test_a_hook_may_take_single_parts_from_experiments(tmp_path: Path) -> None:
    """Any call may be a part of one, beside commands and requests."""
    path = str(experiment(tmp_path / "my"))
    own = Hook("x.y", {}, Call(command=("true",)), Call(experiment=path), Call(command=("true",)), Call(experiment=path, part="deviation"))
    assert (own.observe.part, own.heal_check.part) == ("deviation", "deviation")
    assert carry_out(own.observe, 10, {}).well is False
    (tmp_path / "my" / "broken").touch()
    assert carry_out(own.observe, 10, {}).well is True


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [
        ({"title": ...}, "", "experiment requires a title"),
        ({"method": ...}, "method", "has no actions"),
        ({"rollbacks": []}, "rollbacks", "is missing or empty: write the rollbacks, or give the hook an undo"),
        ({"steady-state-hypothesis": ...}, "steady-state-hypothesis.probes", "is missing or empty"),
        ({"rollbacks": [{"type": "action", "name": "x", "provider": {"type": "pythn"}}]}, "rollbacks.0", "unknown provider type 'pythn'"),
        (
            {
                "method": [
                    {"type": "action", "name": "x", "provider": {"type": "python", "module": "chaosk8s.pod.actions", "func": "delete"}}
                ]
            },
            "method.0",
            "could not find Python module 'chaosk8s.pod.actions' in activity 'x'",
        ),
        (
            {"method": [{"type": "action", "name": "x", "provider": {"type": "python", "module": "operators", "func": "torch"}}]},
            "method.0",
            "does not expose a function called 'torch'",
        ),
        ({"method": "delete everything"}, "method.0", ""),
        ({"configuration": {"token": {"type": "env", "key": "NO_SUCH_VARIABLE_5513"}}}, "", "NO_SUCH_VARIABLE_5513"),
    ],
)
def test_a_broken_experiment_is_refused_with_its_file_and_key(tmp_path: Path, changes: dict[str, Any], key: str, says: str) -> None:
    """By validate and run, before anything starts; the path counts from the environment file."""
    path = experiment(tmp_path / "my", **changes)
    found = refused(tmp_path, "my/file.yaml")
    assert {problem.file for problem in found} == {str(path)}
    assert found[0].key == key
    assert says in found[0].message
    assert found[0].line or not key


OLDER = """
steady-state-hypothesis: {probes: [{url:
    http://127.0.0.1/ready?for=5}]}
method: [x]
rollbacks: [x]
"""
"""YAML of today, which the reader of Chaos Toolkit does not take."""


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.yaml", None, "no such file"),
        ("bad.yaml", "title: [", "not valid YAML"),
        ("list.json", "[1]", "expected a mapping"),
        ("older.yaml", OLDER, "Failed parsing YAML experiment: while parsing a flow mapping"),
    ],
)
def test_a_file_that_is_no_experiment_is_refused(tmp_path: Path, name: str, content: str | None, says: str) -> None:
    """With its path."""
    if content is not None:
        (tmp_path / name).write_text(content)
    (problem,) = refused(tmp_path, name)
    assert problem.file == str(tmp_path / name)
    assert says in problem.message


def test_a_good_one_is_accepted_also_as_json(tmp_path: Path) -> None:
    """The run would keep a copy of it where its copy of the environment file names it."""
    path = experiment(tmp_path / "my")
    (tmp_path / "my" / "file.json").write_text(json.dumps(loaded(path)))
    prepared = prepare("smoke", environment=str(environment(tmp_path, "my/file.json")), rate_scale=0.1)
    assert prepared.inputs.beside == {"my/file.json": tmp_path / "my" / "file.json"}
    assert ownexperiment.problems(path, ("method", "rollbacks", "steady-state", "deviation")) == []


def environment(place: Path, name: str) -> Path:
    """A remote platform with one hook."""
    caps = {"requests_per_s": 500, "requests": 300_000, "duration": "10m", "regions_at_once": 1, "shards_at_once": 1}
    own = {"kind": "shard.primary-killed", "scope": {"shard": 1}, "inject": {"experiment": name}}
    return write(place / "environment.yaml", document(hooks=[own], caps=caps))


def refused(place: Path, name: str) -> tuple[Any, ...]:
    """The problems of a plan on such a platform."""
    with pytest.raises(InvalidFile) as error:
        prepare("smoke", environment=str(environment(place, name)), rate_scale=0.1)
    return error.value.problems
