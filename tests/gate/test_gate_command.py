"""The command's words: what is refused before anything starts, each with one sentence and the right exit code."""

import json
import platform

import pytest

from closeshave import __version__
from closeshave.comparison.fingerprint import RunFingerprint
from closeshave.environments.fingerprint import machine as machine_here
from closeshave.files import digest
from closeshave.files.shipped import locate
from closeshave.gate import asking, baseline
from closeshave.gate.baseline import Baseline, BaselineJob
from closeshave.gate.decision import LegFigure
from closeshave.plan import read_plan
from closeshave.trial import named_files
from closeshave.trial.preparation import prepare

PLAN = locate("scenarios", "gate")
FILES = named_files.digests([prepare("gate")])


def saved(tmp_path, jobs=6, plan="gate", **machine):
    """A baseline of this machine, unless told otherwise."""
    here = machine_here()
    conditions = RunFingerprint(
        machine={**here, **machine},
        parts={"PostgreSQL": "18.6"},
        plan=baseline.with_files({"plan": "gate", "plan file": digest(PLAN), "seed": read_plan(PLAN).seed}, FILES),
        harness={"Closeshave": __version__},
    )
    several = tuple(BaselineJob(f"2026-11-{at + 1:02}T02:00:00+00:00", (f"r{at}",), {"p95/book": LegFigure(0.01, 9)}) for at in range(jobs))
    baseline.save(tmp_path / "main.json", Baseline("main", plan, conditions, several))
    return tmp_path / "main.json"


def said(command, tmp_path, *arguments):
    """The exit code and the one sentence of the command; nothing was made."""
    done = command("gate", *arguments, cwd=tmp_path)
    assert not (tmp_path / "reports").exists()
    assert b"Traceback" not in done.said
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) == 1, lines
    return done.code, lines[0]


def test_a_missing_baseline_is_unknown(tmp_path, command):
    """Never success."""
    code, sentence = said(command, tmp_path, "gate", "--baseline", "reports/baselines/main.json")
    assert code == 3
    assert sentence == "unknown: there is no baseline reports/baselines/main.json; 'closeshave gate PLAN --save main' makes one"


def replaced(old, new):
    """The file with another text in place of one."""

    def change(path):
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-20]), "damaged or cut off", id="truncated"),
        pytest.param(replaced("baseline/1", "baseline/9"), "this version of Closeshave reads closeshave.baseline/1", id="another schema"),
        pytest.param(replaced('"plan": "gate",\n "schema"', '"plan": "nightly",\n "schema"'), "is of the plan nightly", id="another plan"),
        pytest.param(replaced(platform.release(), "5.10.0"), "kernel 5.10.0 → ", id="another kernel"),
        pytest.param(replaced(digest(PLAN), "0" * 64), "plan file 000000000000 → ", id="a changed plan"),
        pytest.param(replaced(FILES["scenarios/gate.py"], "0" * 64), "file scenarios/gate.py 000000000000 → ", id="other journeys"),
        pytest.param(replaced('"file scenarios/gate.py"', '"file old.py"'), "file old.py ", id="other names"),
    ],
)
def test_a_baseline_that_cannot_be_compared_with_is_unknown_at_once(tmp_path, command, change, sentence):
    """Before ten minutes of legs."""
    path = saved(tmp_path)
    change(path)
    code, told = said(command, tmp_path, "gate", "--baseline", path)
    assert code == 3
    assert sentence in told


def test_a_job_that_could_not_be_saved_is_refused_at_once(tmp_path, command):
    """Under other conditions, or into a file that is cut off: rather than after ten minutes of legs."""
    place = tmp_path / "reports" / "baselines"
    place.mkdir(parents=True)
    path = saved(tmp_path, jobs=1, kernel="5.10.0").rename(place / "main.json")
    for sentence in ("the conditions are not those of the baseline main: kernel 5.10.0 → ", "is damaged or cut off"):
        done = command("gate", "gate", "--save", "main", cwd=tmp_path)
        assert (done.code, sentence in done.stderr.decode()) == (3, True), done.stderr
        path.write_bytes(path.read_bytes()[:-20])
    assert not (tmp_path / "reports" / "gates").exists()


def test_too_few_jobs_are_unknown_at_once(tmp_path, command):
    """With the number that is needed."""
    code, told = said(command, tmp_path, "gate", "--baseline", saved(tmp_path, jobs=4))
    assert (code, "has 4 jobs; at least 5 are needed" in told) == (3, True)


def test_a_refused_gate_is_told_to_the_job_too(tmp_path, command):
    """An annotation and the summary, as of one that ran."""
    there = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    done = command("gate", "gate", "--baseline", "none.json", cwd=tmp_path, environ=there)
    assert done.code == 3
    assert b"::error file=gate,line=1,title=gate%3A unknown::there is no baseline none.json" in done.stderr
    assert (tmp_path / "summary").read_text(encoding="utf-8").startswith("## ? Unknown: there is no baseline none.json")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("gate",), "name what to compare with"),
        (("gate", "--baseline", "embedded"), "name what to compare embedded with"),
        (("gate", "--baseline", "embedded", "--candidate", "atlantis"), "no such file in environments/"),
        (("smoke", "--baseline", "embedded", "--candidate", "embedded"), "a plan with faults or drills is compared over nights"),
        (("gate", "--save", "../x"), "is no name of a baseline"),
        (
            ("gate", "--baseline", "embedded", "--candidate", "embedded", "--save", "main"),
            "a job that compares embedded with embedded is added to no baseline",
        ),
        (("gate", "--save", "."), "no dot first"),
        (("gate", "--baseline", "embedded", "--candidate", "bookedbarber-staging"), "cannot do with a remote one"),
        (("nothing", "--baseline", "embedded", "--candidate", "embedded"), "no such file in scenarios/"),
        (("gate", "--baseline", "current", "--candidate", "bda"), "has no release 'bda' (did you mean bad?); it has: current, next, bad"),
        (("gate", "--baseline", "curent", "--candidate", "bad"), "has no release 'curent' (did you mean current?)"),
        (
            ("gate", "--baseline", "curent", "--candidate", "x", "--environment", "embedded"),
            "has no release 'x'; it has: current, next, bad",
        ),
        (("gate", "--baseline", "current", "--environment", "embedded"), "name what to compare current with"),
        (("gate", "--baseline", "a", "--candidate", "b", "--environment", "bookedbarber-staging"), "cannot do with a remote one"),
        (("gate", "--baseline", "a", "--candidate", "b", "--environment", "atlantis"), "no such file in environments/"),
    ],
)
def test_wrong_words_end_with_code_2(tmp_path, command, arguments, sentence):
    """Before anything is started."""
    code, told = said(command, tmp_path, *arguments)
    assert (code, sentence in told) == (2, True), told


def test_a_directory_that_is_no_gate_is_not_resumed(tmp_path, command):
    """Nor one of a plan that changed since."""
    code, told = said(command, tmp_path, "--resume", tmp_path)
    assert (code, "has no rules.json" in told) == (2, True)
    (tmp_path / "rules.json").write_text("{", encoding="utf-8")
    code, told = said(command, tmp_path, "--resume", tmp_path)
    assert (code, "rules.json is damaged" in told) == (4, True)


def test_releases_need_a_version_that_instances_answer(tmp_path, command):
    """Otherwise nobody could see which of them runs."""
    text = locate("environments", "embedded").read_text(encoding="utf-8")
    text = text.replace("  version: {path: /health/ready, header: X-App-Version}\n", "")
    text = text.replace(", version: 1.0.1-bad}", "}").replace(", version: 1.0.1}", "}")
    (tmp_path / "mute.yaml").write_text(text, encoding="utf-8")
    code, told = said(command, tmp_path, "gate", "--baseline", "current", "--candidate", "bad", "--environment", tmp_path / "mute.yaml")
    assert (code, "a gate asks every instance which release it is" in told) == (2, True), told


@pytest.mark.parametrize("named", [None, "embedded"])
def test_two_releases_share_an_environment(tmp_path, named):
    """Each side knows its own; a gate that is continued finds the same."""
    from rich.console import Console  # noqa: PLC0415 - of this test alone

    words = asking.GateWords("gate", "current", "bad", environment=named)
    made = asking.prepared(words, Console(quiet=True), tmp_path / "gates")
    assert {side.value: (each.label, each.release) for side, each in made.sides.items()} == {
        "base": ("current", "current"),
        "candidate": ("bad", "bad"),
    }
    assert len({id(side.series) for side in made.sides.values()}) == 1
    again = asking.continued(made.directory, Console(quiet=True))
    assert again.order == made.order
    assert {side: each.release for side, each in again.sides.items()} == {side: each.release for side, each in made.sides.items()}


def test_a_candidate_alone_may_be_a_release(tmp_path):
    """Its job is saved, or compared with those of other days; without one it is what the environment starts with."""
    from rich.console import Console  # noqa: PLC0415 - of this test alone

    for candidate, release in (("bad", "bad"), (None, None)):
        words = asking.GateWords("gate", candidate=candidate, save="main", environment="embedded")
        made = asking.prepared(words, Console(quiet=True), tmp_path / "gates")
        assert [each.release for each in made.sides.values()] == [release]
        again = asking.continued(made.directory, Console(quiet=True))
        assert again.order == made.order
        assert [each.release for each in again.sides.values()] == [release]


def test_rules_are_written_before_the_first_leg(tmp_path, monkeypatch):
    """With seed and digests; a gate that is continued reads the same."""
    from rich.console import Console  # noqa: PLC0415 - of this test alone

    words = asking.GateWords("gate", "embedded", "embedded", seed=7)
    made = asking.prepared(words, Console(quiet=True), tmp_path / "gates")
    told = json.loads((made.directory / "rules.json").read_text(encoding="utf-8"))
    assert told["seed"] == 7
    assert told["plan_digest"] == digest(PLAN)
    assert [each["metric"] for each in told["rules"]["metrics"]] == list(read_plan(PLAN).gate.metrics)
    again = asking.continued(made.directory, Console(quiet=True))
    assert again.order == made.order
    # The same file: both sides share an environment, which is started once.
    assert len({id(side.series) for side in made.sides.values()}) == 1
