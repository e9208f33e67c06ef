"""``validate`` and ``run`` refuse the same plans for the same reasons, remote platforms included; no request is sent and nothing is started for it."""

from pathlib import Path
from typing import Any

import pytest

from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.trial.preparation import prepare
from tests.command import Command
from tests.remote.definitions import document, write
from tests.yamls import loaded

CAPS = {"requests_per_s": 50, "requests": 200_000, "duration": "10m", "regions_at_once": 1, "shards_at_once": 1}
CALL = {"command": ["true"]}
HOOK = {"kind": "shard.primary-killed", "scope": {"shard": 1}, "inject": CALL, "observe": CALL, "undo": CALL, "heal_check": CALL}
PLAIN = {"franchises": False, "keyed_bookings": False, "forwarded_for": True}


def small(directory: Path, **changes: Any) -> Path:
    """A remote platform that allows 50 requests a second, and can be broken."""
    return write(directory / "small.yaml", document(caps=CAPS, hooks=[HOOK], capabilities=PLAIN) | changes)


def smoke(directory: Path, **changes: Any) -> Path:
    """The smoke plan, changed."""
    whole = loaded(locate("scenarios", "smoke")) | changes
    return write(directory / "plan.yaml", whole)


SLOW = {"phases": [{"name": "calm", "role": "calm", "duration": "30s", "sessions_per_s": 1}], "faults": []}
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, "can send"),
    (SLOW | {"traffic": {"contests_per_s": 300}}, {}, "300 contests/s"),
    (SLOW | {"traffic": {"profile": "campaign"}}, {}, "can send"),
    (SLOW | {"canaries": {"home_per_s": 60}}, {}, "92/s from canaries"),
    (SLOW | {"limits": {"duration": "2m", "requests": 300_000}}, {}, "limits.requests is 300,000"),
    (SLOW, {"capabilities": PLAIN | {"forwarded_for": False, "limits": {"slots": "1 per 1h"}}}, "would come from one address"),
    ({}, {"hooks": [HOOK | {"inject": {"command": ["no-such-program"]}}]}, "needs the program 'no-such-program'"),
    (
        {},
        {"hooks": [HOOK | {"undo": {"http": "http://127.0.0.1:1/", "headers_from": {"Authorization": "NO_SUCH_VARIABLE"}}}]},
        "NO_SUCH_VARIABLE",
    ),
    (SLOW | {"tests": ["recovery"]}, {}, "this plan cannot judge recovery: its objective needs a fault of shard.*"),
    (SLOW | {"tests": ["avialability"]}, {}, "did you mean availability?"),
]


@pytest.mark.parametrize(("plan", "environment", "reason"), REFUSED, ids=[reason for *_, reason in REFUSED])
def test_what_run_refuses_validate_refuses(
    tmp_path: Path, command: Command, plan: dict[str, Any], environment: dict[str, Any], reason: str
) -> None:
    """With the same message, and code 2."""
    path, elsewhere = smoke(tmp_path, **plan), small(tmp_path, **environment)
    home = {"HOME": str(tmp_path)}
    said = [command(word, path, "--environment", elsewhere, cwd=tmp_path, environ=home) for word in ("validate", "run")]
    assert [done.code for done in said] == [2, 2]
    assert said[0].stderr == said[1].stderr
    assert reason in said[0].stderr.decode().replace("\n", " ")
    assert not Path(tmp_path, "reports").exists()


@pytest.mark.parametrize(
    "environment", [{}, {"capabilities": PLAIN | {"forwarded_for": False, "limits": {"slots": "900 per 1m", "book": "900 per 1h"}}}]
)
def test_the_scale_that_is_proposed_fits_and_a_tenth_more_does_not(tmp_path: Path, environment: dict[str, Any]) -> None:
    """For caps and for limits per address."""
    path, elsewhere = smoke(tmp_path), small(tmp_path, **environment)
    with pytest.raises(InvalidFile) as refused:
        prepare(str(path), environment=str(elsewhere))
    proposed = next(problem.message for problem in refused.value.problems if "--rate-scale" in problem.message)
    factor = float(proposed.split()[-1])
    assert proposed == f"it fits with --rate-scale {factor:g}"
    prepared = prepare(str(path), environment=str(elsewhere), rate_scale=factor)
    assert prepared.plan.phases[1].sessions_per_s == pytest.approx(15 * factor)
    with pytest.raises(InvalidFile):
        prepare(str(path), environment=str(elsewhere), rate_scale=1.1 * factor)


@pytest.mark.parametrize("scale", ["0", "-1", "10.1", "nan", "inf"])
def test_an_invalid_scale_is_refused(tmp_path: Path, command: Command, scale: str) -> None:
    """With code 2, before anything is read."""
    assert command("validate", "smoke", "--rate-scale", scale, cwd=tmp_path).code == 2


def test_what_no_scale_can_fix_gets_no_proposal(tmp_path: Path) -> None:
    """A cap on the length does not depend on rates."""
    elsewhere = small(tmp_path, caps=CAPS | {"duration": "30s", "requests_per_s": 1000})
    with pytest.raises(InvalidFile) as refused:
        prepare(str(smoke(tmp_path)), environment=str(elsewhere))
    assert "rate-scale" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "wrong", "reason"),
    [
        ("faults", "shrad.*", "(did you mean shard.*?)"),
        ("faults", "shard.primary-kiled", "(did you mean shard.primary-killed?)"),
        ("invariants", "double_boked", "(did you mean double_booked?)"),
        ("operations", "log_in", "is not an operation (did you mean login?)"),
        ("except_operations", "logn", "(did you mean login?)"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused_with_its_line(tmp_path: Path, key: str, wrong: str, reason: str) -> None:
    """One wrong letter once made a promise disappear."""
    rest = {
        "faults": "measure: recovery, at_most: 1s",
        "invariants": "measure: integrity",
        "operations": "measure: availability, at_least: 99%",
        "except_operations": "measure: availability, at_least: 99%",
    }[key]
    target = tmp_path / "target.yaml"
    target.write_text(f'name: t\ntitle: T\nclaims: []\nobjectives:\n  - {{id: a, claims: [], {rest}, {key}: ["{wrong}"]}}\n')
    with pytest.raises(InvalidFile) as refused:
        prepare(str(smoke(tmp_path, target="target.yaml")))
    assert [(problem.file, problem.line, problem.key) for problem in refused.value.problems] == [(str(target), 5, f"objectives.0.{key}")]
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("hold", "bounds", "told"),
    [
        ("14s", ["60s"], ["shard-primary-killed is healed after 14s, but recovery-0 allows 60s"]),
        ("60s", ["60s"], []),
        ("14s", ["60s", "14s"], []),
        (
            "14s",
            ["60s", "15s"],
            [
                "shard-primary-killed is healed after 14s, but recovery-0 allows 60s",
                "shard-primary-killed is healed after 14s, but recovery-1 allows 15s",
            ],
        ),
    ],
)
def test_a_fault_that_is_healed_too_early_is_reported(tmp_path: Path, hold: str, bounds: list[str], told: list[str]) -> None:
    """A fault that is held as long as one of the bounds allows is not: a platform that does not recover breaks that bound."""
    promised = [
        f"{{id: recovery-{at}, claims: [], measure: recovery, at_most: {bound}, faults: [shard.*]}}" for at, bound in enumerate(bounds)
    ]
    lines = "".join(f"  - {line}\n" for line in promised)
    Path(tmp_path, "target.yaml").write_text(f"name: t\ntitle: T\nclaims: []\nobjectives:\n{lines}")
    whole = loaded(locate("scenarios", "smoke"))
    faults = [whole["faults"][0] | {"hold": hold}]
    phases = [*whole["phases"][:2], whole["phases"][2] | {"duration": "80s"}]
    warnings = prepare(str(smoke(tmp_path, faults=faults, phases=phases, target="target.yaml"))).warnings
    assert [warning.partition(":")[0] for warning in warnings] == told


@pytest.mark.parametrize("name", ["smoke", "nightly", "two-regions", "partition", "nemesis"])
def test_every_fault_of_a_shipped_plan_is_held_for_a_recovery_bound(name: str) -> None:
    """A platform that does not recover by itself fails with each of them."""
    assert prepare(name).warnings == ()
