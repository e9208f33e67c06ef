"""Drills of a plan: what is accepted, and what is refused before anything starts, with the line and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.files.yamlfile import InvalidFile
from closeshave.plan import DrillBounds, read_plan
from closeshave.trial.preparation import prepare

HEAD = """name: p
environment: {environment}
target: bookedbarber-enterprise
tests: [integrity]
seed: 1
limits: {{duration: 3m, requests: 10000}}
phases:
  - {{name: calm, role: calm, duration: 30s, sessions_per_s: 3}}
  - {{name: broken, role: fault, duration: 90s, sessions_per_s: 3}}
"""
RESTORE = "{id: a, kind: restore.point-in-time, phase: broken, at: 5s, limit: 30s, scope: {shard: 1}}"


def plan(tmp_path: Path, drills: str, environment: str = "embedded", more: str = "") -> Path:
    """A plan file with these drills."""
    path = tmp_path / "plan.yaml"
    path.write_text(f"{HEAD.format(environment=environment)}{more}drills:\n  - {drills}\n")
    return path


def test_a_drill_reads_into_a_frozen_value(tmp_path: Path) -> None:
    """Bounds are durations and shares as everywhere."""
    written = RESTORE.replace("scope", "expected: {duration: 2m, failed_requests: 0.1%, loss: 0s}, claims: [E27], scope")
    (drill,) = read_plan(plan(tmp_path, written)).drills
    assert drill.expected == DrillBounds(120.0, 0.001, 0.0)
    assert (drill.family, drill.hold, drill.claims) == ("restore", 30.0, ("E27",))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("phase: broken", "phase: calm", "'calm' is a calm phase; drills must be in fault phases"),
        ("phase: broken", "phase: borken", "'borken' is not a phase of this plan"),
        ("limit: 30s", "limit: 86s", "past the end of its phase"),
        ("limit: 30s", "limit: 0s", "limit"),
        ("kind: restore.point-in-time", "kind: restore", "write family.name, like database.switchover"),
        ("id: a", "id: A b", "small letters, digits and dashes"),
        ("scope", "hold: 3s, scope", "hold: unknown key"),
        ("scope", "expected: {durations: 3s}, scope", "unknown key (did you mean duration?)"),
        ("scope", "expected: {failed_requests: 120%}, scope", "failed_requests"),
        ("scope", "expected: {loss: -1s}, scope", "loss"),
    ],
)
def test_a_drill_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """The error says what would be right."""
    with pytest.raises(InvalidFile) as caught:
        read_plan(plan(tmp_path, RESTORE.replace(old, new)))
    assert expected in str(caught.value)
    assert "plan.yaml:1" in str(caught.value)


def test_ids_must_differ_among_drills_and_faults(tmp_path: Path) -> None:
    """They stand in one ledger."""
    fault = "faults:\n  - {id: a, kind: cache.flushed, phase: broken, at: 60s, hold: 5s, expected: tolerates, scope: {tier: cache}}\n"
    with pytest.raises(InvalidFile, match="'a' is the ID of a fault too"):
        read_plan(plan(tmp_path, RESTORE, more=fault))
    with pytest.raises(InvalidFile, match="drill IDs must differ"):
        read_plan(plan(tmp_path, f"{RESTORE}\n  - {RESTORE}"))


@pytest.mark.parametrize(
    ("old", "new", "environment", "expected"),
    [
        ("restore.point-in-time", "restore.point-in-tine", "embedded", "(did you mean restore.point-in-time?)"),
        ("restore.point-in-time", "shard.switchover", "embedded", "it is a kind of fault: list it under faults"),
        ("{shard: 1}", "{shard: 9}", "embedded", "9 is not a shard of this environment"),
        ("{shard: 1}", "{shrad: 1}", "embedded", "takes no scope 'shrad' (did you mean shard?)"),
        ("scope", "parameters: {back: 0}, scope", "embedded", "back: 0 is not between 1 and 3600"),
        ("scope", "parameters: {bakc: 3}, scope", "embedded", "has no parameter 'bakc' (did you mean back?)"),
        ("scope", "claims: [E72], scope", "embedded", "'E72' is not a promise of bookedbarber-enterprise"),
        ("scope", "scope", "containers", "does not work on containers environments; it works on: embedded"),
    ],
)
def test_validate_refuses_what_cannot_be_carried_out(tmp_path: Path, old: str, new: str, environment: str, expected: str) -> None:
    """A kind, scope or parameter that there is not; a promise that the target does not have; an environment that cannot do it."""
    with pytest.raises(InvalidFile) as caught:
        prepare(str(plan(tmp_path, RESTORE.replace(old, new), environment)))
    assert expected in str(caught.value)


def test_an_environment_without_backup_servers_is_refused(tmp_path: Path) -> None:
    """With the key that would be needed."""
    text = Path(__file__).parents[2].joinpath("environments/embedded.yaml").read_text()
    (tmp_path / "bare.yaml").write_text(text.replace(", backup: ap-southeast-1", ""))
    with pytest.raises(InvalidFile, match=r"restore.point-in-time needs a backup server of the shard \(shards: backup\)"):
        prepare(str(plan(tmp_path, RESTORE, "bare.yaml")))


SCALE = "{id: a, kind: scale.out-in, phase: broken, at: 5s, limit: 30s, scope: {region: us-east-1}}"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("{}", ""),
        ("{least: 0}", ""),
        ("{most: 3}", "from 1 to 3 instances: least must be below most, and each region has 2 (apps_per_region)"),
        ("{least: 2}", "from 2 to 2 instances"),
        ("{time_scale: 0}", "time_scale: 0 is not between 0.005 and 1"),
    ],
)
def test_a_region_is_scaled_only_as_far_as_it_has_instances(tmp_path: Path, parameters: str, expected: str) -> None:
    """Said before anything starts."""
    path = str(plan(tmp_path, SCALE.replace("scope", f"parameters: {parameters}, scope")))
    if not expected:
        assert prepare(path)
        return
    with pytest.raises(InvalidFile) as caught:
        prepare(path)
    assert expected in str(caught.value)


DEPLOY = "{id: a, kind: deploy.rolling, phase: broken, at: 5s, limit: 30s}"


def test_a_deploy_names_a_release_of_the_environment(tmp_path: Path) -> None:
    """Of those that its file has, its own one too; without others there is nothing to deploy."""
    assert prepare(str(plan(tmp_path, DEPLOY)))
    with pytest.raises(InvalidFile, match=r"has no release 'nxt' \(did you mean next\?\); it has: current, next, bad"):
        prepare(str(plan(tmp_path, DEPLOY.replace("limit", "parameters: {release: nxt}, limit"))))
    text = Path(__file__).parents[2].joinpath("environments/embedded.yaml").read_text()
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("releases:", "next:", "bad:")))
    (tmp_path / "bare.yaml").write_text(bare)
    with pytest.raises(InvalidFile, match=r"deploy.rolling needs another release of the application \(application.releases\)"):
        prepare(str(plan(tmp_path, DEPLOY, "bare.yaml")))


def test_only_a_deploy_that_watches_its_release_may_be_expected_to_stop_it(tmp_path: Path) -> None:
    """By the share that the release gets then."""
    watched = DEPLOY.replace("deploy.rolling", "deploy.canary").replace("limit", "expected: {stopped: 10%}, limit")
    assert prepare(str(plan(tmp_path, watched))).plan.drills[0].expected.stopped == 0.1
    with pytest.raises(InvalidFile, match=r"deploy.rolling never stops by itself.*; these do: deploy.blue-green, deploy.canary"):
        prepare(str(plan(tmp_path, watched.replace("deploy.canary", "deploy.rolling"))))


def test_a_backup_before_a_deploy_is_one_of_every_shard(tmp_path: Path) -> None:
    """So that each needs a backup server."""
    first = DEPLOY.replace("deploy.rolling", "deploy.backup-first")
    assert prepare(str(plan(tmp_path, first)))
    text = Path(__file__).parents[2].joinpath("environments/embedded.yaml").read_text()
    (tmp_path / "bare.yaml").write_text(text.replace(", backup: us-west-2", ""))
    with pytest.raises(InvalidFile, match=r"deploy.backup-first needs a backup server of the shard \(shards: backup\)"):
        prepare(str(plan(tmp_path, first, "bare.yaml")))


def test_a_deploy_overlaps_with_every_fault(tmp_path: Path) -> None:
    """It replaces every instance, on any shard."""
    fault = "faults:\n  - {id: b, kind: shard.replica-lost, phase: broken, at: 10s, hold: 5s, expected: tolerates, scope: {shard: 2}}\n"
    with pytest.raises(InvalidFile, match="b and a are in effect at the same time and both affect"):
        prepare(str(plan(tmp_path, DEPLOY, more=fault)))


def test_a_drill_and_a_fault_of_one_shard_must_not_overlap(tmp_path: Path) -> None:
    """Healing one would change what the other did; on another shard, or later, they may."""
    fault = "faults:\n  - {{id: b, kind: shard.replica-lost, phase: broken, at: {at}, hold: 5s, expected: tolerates, scope: {{shard: {shard}}}}}\n"
    with pytest.raises(InvalidFile, match="b and a are in effect at the same time and both affect shard 1"):
        prepare(str(plan(tmp_path, RESTORE, more=fault.format(at="10s", shard=1))))
    assert prepare(str(plan(tmp_path, RESTORE, more=fault.format(at="10s", shard=2))))
    assert prepare(str(plan(tmp_path, RESTORE, more=fault.format(at="60s", shard=1))))


def test_the_shipped_plans_are_valid() -> None:
    """And have every kind of drill."""
    from closeshave.drills.catalogue import KINDS  # noqa: PLC0415 - only here
    from proving.drills import PLANS  # noqa: PLC0415 - as above

    plans = [prepare(name).plan for name in PLANS]
    assert {drill.kind for plan in plans for drill in plan.drills} == set(KINDS)


def test_a_gate_takes_no_drills(command, tmp_path: Path) -> None:
    """It compares calm load."""
    done = command("gate", str(plan(tmp_path, RESTORE)), "--baseline", "embedded", "--candidate", "embedded")
    assert done.code == 2
    assert b"faults or drills" in done.said
