"""The example package of the docs, installed as its reader would install it, and tried: every group of entry points has its part in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closeshave.clients import ports
from closeshave.control import processes
from closeshave.deployment import Deployment, Process
from closeshave.faults import child
from closeshave.faults.waiting import after, until
from closeshave.history import Added
from closeshave.judge import assess
from closeshave.judge.verdict import Status
from closeshave.plan import Expected, Fault
from tests.extensions.made import package
from tests.faults import toys
from tests.faults.timelines import WHOLE_LIFE, edges
from tests.judge.histories import INTEGRITY, KILL, Run

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "extension"
INSIDE = """
import json, sys
from pathlib import Path
from closeshave import extensions
from closeshave.faults.catalogue import KINDS, OWN
from closeshave.judge.integrity.registry import INVARIANTS, UNKNOWN
from closeshave.report import added
from closeshave.traffic.known_profiles import read_profile
from closeshave.trial import probing
from closeshave.history import Mark
from closeshave.judge import assess
from closeshave.target import Measure, Objective
from tests.judge.histories import INTEGRITY, KILL, Run, ns
from tests.report import judged, test_ci_artefacts

def verdict(*saw):
    run = Run((INTEGRITY,), (KILL,))
    run.steady(100)
    run.marks += [Mark(ns(20 + at), "probed", f"example-processes: {each}") for at, each in enumerate(saw)]
    said = run.assess()
    asked = {one.id: one for one in said.verdicts}.get("integrity/never_all_down")
    return [asked.status, asked.reason] if asked else [one.why for one in said.not_asked if one.id == "never_all_down"]

place = Path(sys.argv[1])
added.write(place, test_ci_artefacts.VARIANTS["fail"])
print(json.dumps({
    "extensions": [[each.group, each.name, each.package, each.version] for each in extensions.loaded()],
    "failures": [each.why for each in extensions.failures()],
    "kinds": sorted(set(KINDS) - set(OWN)),
    "invariants": "never_all_down" in INVARIANTS, "summarised": "never_all_down" in UNKNOWN.breaches,
    "probes": sorted(probing.PROBES),
    "profile": read_profile("example-lunch").factor("us-east-1", 0.0),
    "report": (place / "verdicts.csv").read_text(),
    "verdicts": {"pass": verdict("3 of 3 run", "2 of 3 run"), "fail": verdict("3 of 3 run", "0 of 3 run"),
                 "untold": verdict("3 of 3 run", "could not be asked: OSError: x"), "unasked": verdict()},
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory into which the example was installed."""
    target = tmp_path_factory.mktemp("installed")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*pip, "--target", str(target), str(EXAMPLE)], check=True)
    return target


@pytest.fixture(scope="module")
def inside(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process sees that has the example."""
    place = tmp_path_factory.mktemp("written")
    done = subprocess.run(
        [sys.executable, "-c", INSIDE, str(place)], capture_output=True, text=True, check=False, cwd=ROOT, env=with_path(installed)
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def with_path(installed: Path) -> dict[str, str]:
    """Variables of a process that has what was installed there."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT)])}


@contextmanager
def serving(root: Path) -> Iterator[Deployment]:
    """A deployment of one process that answers HTTP."""
    port = toys.free_port()
    argv = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    toy = toys.deployment(root, Process(name="near-0", role="payments", region=toys.NEAR, argv=argv, ports=(port,)))
    try:
        processes.start(root, toy.id, toy.processes[0])
        assert processes.poll_until(lambda: ports.status(ports.url(port)) == 200, 20)
        yield toy
    finally:
        assert processes.sweep(toy.id) == []


def closeshave(installed: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command, in an environment that has what was installed there."""
    command = [sys.executable, "-m", "closeshave", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=with_path(installed) | {"COLUMNS": "400"})


@pytest.mark.thorough
def test_everything_that_the_example_adds_is_there(inside: dict[str, Any]) -> None:
    """Kind, probe, check, profile and report, each by its entry point's name."""
    assert inside["failures"] == []
    assert {tuple(each[2:]) for each in inside["extensions"]} == {("closeshave-example", "1.0")}
    assert [tuple(each[:2]) for each in inside["extensions"]] == [
        ("closeshave.faults", "example.process-paused"),
        ("closeshave.probes", "example-processes"),
        ("closeshave.checks", "never_all_down"),
        ("closeshave.profiles", "example-lunch"),
        ("closeshave.reports", "example-table"),
    ]
    assert inside["kinds"] == ["example.process-paused"]
    assert inside["profile"] == 2.0


@pytest.mark.thorough
def test_a_check_is_asked_of_every_run(inside: dict[str, Any]) -> None:
    """It passes, fails, and is inconclusive where the probe could not be asked; where no probe was asked, it is listed with the reason."""
    assert inside["invariants"]
    assert not inside["summarised"], "the summary's counts are those of its published schema"
    assert inside["verdicts"]["pass"] == ["pass", ""]
    assert inside["verdicts"]["fail"] == ["fail", "1 time all processes were down"]
    assert inside["verdicts"]["untold"] == ["inconclusive", "the probe example-processes could not be asked 1 time"]
    assert inside["verdicts"]["unasked"] == ["the plan does not ask the probe example-processes"]


@pytest.mark.thorough
def test_a_report_is_a_file_of_the_run(inside: dict[str, Any]) -> None:
    """With a row for each verdict."""
    assert inside["report"].startswith("verdict,status,measured,bound,unit,reason\n")
    assert "\nintegrity/double_booked,fail," in inside["report"]


@pytest.mark.thorough
def test_the_plan_of_the_example_is_valid_where_it_is_installed(installed: Path, tmp_path: Path) -> None:
    """And refused with the names of what is missing where it is not."""
    assert closeshave(installed, "validate", EXAMPLE / "plan.yaml").returncode == 0
    missing = closeshave(tmp_path, "validate", EXAMPLE / "plan.yaml")
    assert missing.returncode == 2
    said = missing.stdout + missing.stderr
    assert "there is no kind of fault example.process-paused" in said
    assert "no installed package has a probe 'example-processes'" in said
    assert "example-lunch" in said


@pytest.mark.thorough
def test_its_fault_takes_effect_is_seen_and_is_undone(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Chaos Toolkit in a process of its own, as in a trial; the experiment is made from the kind."""
    monkeypatch.setenv("PYTHONPATH", with_path(installed)["PYTHONPATH"])
    run = tmp_path / "run"
    run.mkdir()
    with serving(tmp_path / "root") as toy:
        fault = Fault("paused", "example.process-paused", "storm", 0, 600, Expected.RECOVERS, {"process": "near-0"})
        experiment = child.start(toy, run, fault, after(4))
        log = run / "logs" / "fault-paused.log"
        try:
            assert until(lambda: "observed" in edges(run) or experiment.poll() is not None, after(60)), log.read_text()
            assert "observed" in edges(run), log.read_text()
        finally:
            code = child.stop(experiment)
        assert code == 0, log.read_text()
        assert edges(run) == WHOLE_LIFE
        assert toys.alive(toy) == {"near-0": True}


@pytest.mark.thorough
def test_a_package_that_cannot_be_loaded_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """With its name and the reason, exit code 2; and what cleans up works all the same."""
    points = "[closeshave.faults]\nqueue.stalled = shop_broken:KIND\n[closeshave.checks]\nstalled = shop_broken:CHECK\n"
    package(tmp_path, "broken", points, "0.3", shop_broken="import no_such_package\n")
    judged = ("judge", ROOT / "tests" / "recorded" / "calm-pass")
    for command, point in ((("validate", "smoke"), "faults: queue.stalled"), (judged, "checks: stalled")):
        done = closeshave(tmp_path, *command)
        assert done.returncode == 2, done.stderr
        assert f"package broken 0.3: closeshave.{point}: cannot be loaded: ModuleNotFoundError" in done.stderr
        assert "Traceback" not in done.stderr
    assert closeshave(tmp_path, "env", "down", "embedded", "--root", tmp_path / "absent").returncode == 0


def test_a_check_that_is_missing_when_a_run_is_judged_again_does_not_vanish() -> None:
    """The verdict is inconclusive, and names the package."""
    run = Run((INTEGRITY,), (KILL,))
    run.steady(100)
    made = run.history
    added = (Added("closeshave.checks", "shop_check", "shop-checks", "2.5"), Added("closeshave.reports", "table", "shop-checks", "2.5"))
    with_check = replace(made, manifest=replace(made.manifest, added=added))
    found = [verdict for verdict in assess(with_check, run.plan, run.target).verdicts if verdict.measure == "judge"]
    assert [(one.id, one.status) for one in found] == [("judge/shop_check", Status.INCONCLUSIVE)]
    assert "shop-checks 2.5, which is not installed here" in found[0].reason
