"""``closeshave readiness``, from run directories to files and an exit code: verdicts are made again, and what does not count is named."""

import json
import shutil
from functools import partial
from pathlib import Path

import jsonschema
import pytest

from closeshave import __version__
from closeshave.files.yamlfile import InvalidFile
from closeshave.readiness import asking, gathering
from closeshave.reference.schemas import schemas
from tests import stored
from tests.comparison.stored_runs import CONDITIONS
from tests.readiness.ledgers import NOW

RECORDED = Path(__file__).parents[1] / "recorded"
ON_THE_DAY = "2026-11-30T00:00:00+00:00"
"""After the recorded runs."""
NEXT_DAY = "2027-01-16"
"""After the runs of :mod:`tests.stored`."""


@pytest.fixture
def ready(command, tmp_path):
    """The command in a directory of its own: its JSON, where it ends with the expected code."""

    return partial(asked, command, tmp_path)


def asked(command, place, *arguments, code=3):
    """Its JSON, in this directory."""
    done = command("readiness", "--json", "--out", place / "out", *arguments, cwd=place)
    assert done.code == code, done.said.decode()
    return json.loads(done.stdout)


def made(place, status="pass", version=__version__, **manifest):
    """A run that kept its promises, or did not; recorded by this version."""
    stored.made(place, status)
    return edited(place, version=version, **manifest)


def edited(place, **manifest):
    """Its manifest with other facts."""
    told = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    (place / "manifest.json").write_text(json.dumps(told | manifest), encoding="utf-8")
    return place


def outcomes(found):
    """Promise → outcome."""
    return {row["id"]: row["outcome"] for row in found["rows"]}


def whys(found):
    """The name of each run → why it does not count, or what must be known."""
    return {Path(one["run"]).name: "; ".join(one["why"]) for one in found["runs"]}


def test_a_recorded_run_gives_a_ledger(ready, tmp_path):
    """All files, which agree; the promises that the run tested in part are inconclusive."""
    run = tmp_path / "reports" / "runs" / "failover"
    shutil.copytree(RECORDED / "failover-pass", run)
    (run / "environment.json").write_text(json.dumps(CONDITIONS), encoding="utf-8")
    (run / "report.html").write_text("a page", encoding="utf-8")
    found = ready("--target", run / "target.yaml", "--until", ON_THE_DAY)
    jsonschema.validate(found, schemas()["readiness"])
    assert outcomes(found) == {"X01": "rehearsed", "X02": "rehearsed", "X03": "inconclusive", "X04": "rehearsed", "X05": "rehearsed"}
    rows = {row["id"]: row for row in found["rows"]}
    assert rows["X03"]["why"] == "kept as far as it was tested; not tested: recovery of region.*, recovery of service.*"
    assert rows["X04"]["measured"].startswith("Data loss window, primary-killed: 0 s (0 s to 175 ms)")
    assert "at 133 requests/s on 4 regions and 4 shards, 38 processes, with 1 fault" in rows["X01"]["scale"]
    assert rows["X01"]["build"] == "stand-in of Closeshave 0.1.0, patroni 4.1.5, postgres 18.5"
    assert rows["X01"]["evidence"][0]["anchor"] == "verdict-availability-all"
    out = tmp_path / "out"
    assert json.loads((out / "readiness.json").read_text(encoding="utf-8")) == found
    assert 'href="../reports/runs/failover/report.html#verdict-availability-all"' in (out / "readiness.html").read_text(encoding="utf-8")
    assert "X03" in (out / "readiness.md").read_text(encoding="utf-8")
    assert (out / "readiness.csv").read_text(encoding="utf-8").count("\n") == 6


@pytest.mark.parametrize(("status", "outcome", "code"), [("pass", "verified", 0), ("fail", "refuted", 1)])
def test_a_run_is_judged_again(status, outcome, code, ready, tmp_path):
    """Its exit code says what the ledger does."""
    run = made(tmp_path / "runs" / "a", status, evidence="verified")
    found = ready("--target", run / "target.yaml", "--runs", tmp_path / "runs", "--until", NEXT_DAY, code=code)
    assert outcomes(found) == {"C1": outcome}, found["rows"]


def summary_says(run, status):
    """The summary that the run's own judges wrote, with another status of every verdict."""
    from closeshave import conclusion  # noqa: PLC0415

    told = conclusion.summary(conclusion.conclude(run))
    told["status"] = status
    for one in told["verdicts"]:
        one["status"] = status
    (run / "summary.json").write_text(json.dumps(told), encoding="utf-8")


def test_a_summary_edited_by_hand_counts_for_nothing(ready, tmp_path):
    """The history counts, and the ledger says that they differ."""
    run = made(tmp_path / "runs" / "a", "fail", evidence="verified")
    summary_says(run, "pass")
    found = ready("--target", run / "target.yaml", "--runs", run, "--until", NEXT_DAY, code=1)
    assert outcomes(found) == {"C1": "refuted"}
    assert "its summary.json says pass of recovery/kill and its history fail" in whys(found)["a"]
    assert "the summary.json counts for nothing" in whys(found)["a"]


def no_operations(run):
    """Take its history away, and leave a summary."""
    summary_says(run, "pass")
    (run / "operations.parquet").unlink()


def no_manifest(run):
    """Leave the summary alone."""
    summary_says(run, "pass")
    (run / "manifest.json").unlink()


SAD = {
    "without a history": (no_operations, "it has no history (operations.parquet is missing)"),
    "a summary alone": (no_manifest, "it has no history (manifest.json is missing); a summary.json alone proves nothing"),
    "damaged": (lambda run: (run / "manifest.json").write_text("{", encoding="utf-8"), "its manifest.json is damaged"),
    "without a plan": (lambda run: (run / "plan.yaml").unlink(), "plan.yaml"),
    "a plan that is none": (lambda run: (run / "plan.yaml").write_text("[", encoding="utf-8"), "plan.yaml"),
    "interrupted": (lambda run: (run / "ending").write_text("interrupted", encoding="utf-8"), "it did not run to its end: its operator"),
    "broken off": (lambda run: (run / "ending").write_text("environment", encoding="utf-8"), "it did not run to its end: the environment"),
    "an ending that is none": (lambda run: (run / "ending").write_text("well", encoding="utf-8"), "so it is unknown how the run ended"),
    "noted as interrupted": (lambda run: edited(run, interrupted="by hand"), "it did not run to its end: by hand"),
    "without an end": (lambda run: edited(run, ended_at=None), "when it ended is not recorded"),
    "without a start": (lambda run: edited(run, started_at="then"), "when it started is not recorded"),
    "another target": (lambda run: edited(run, target="other"), "it is a run of the target other"),
    "a grade that is none": (lambda run: edited(run, evidence="certain"), "what it can show is not known: its evidence is 'certain'"),
    "of the future": (lambda run: edited(run, started_at="2031-01-01T00:00:00+00:00"), "it started after the instant of this ledger"),
}


@pytest.fixture(scope="module")
def spoilt(command, tmp_path_factory):
    """What is said of all of them at once, without a run beside them that counts, and with one."""
    place = tmp_path_factory.mktemp("spoilt")
    target = made(place / "kept").joinpath("target.yaml")
    for case, (spoil, _) in SAD.items():
        spoil(made(place / "runs" / case, "fail", evidence="verified"))
    alone = asked(command, place, "--target", target, "--runs", place / "runs", "--until", NEXT_DAY)
    made(place / "runs" / "good", evidence="verified")
    return alone, asked(command, place, "--target", target, "--runs", place / "runs", "--until", NEXT_DAY, code=0)


@pytest.mark.parametrize("case", SAD)
def test_what_counts_for_nothing_says_why(case, spoilt):
    """It is named."""
    assert SAD[case][1] in whys(spoilt[0])[case]


def test_what_counts_for_nothing_is_not_fatal(spoilt):
    """Another run beside it counts."""
    alone, beside = spoilt
    assert outcomes(alone) == {"C1": "not run"}
    assert outcomes(beside) == {"C1": "verified"}
    assert {Path(one["run"]).name: one["counts"] for one in beside["runs"]} == {**dict.fromkeys(SAD, False), "good": True}


EXPIRED = {
    "old": ({}, "2027-02-15", "it is 30 days old"),
    "another judge": ({"version": "0.0.1"}, NEXT_DAY, "it was recorded for the judge of Closeshave 0.0.1"),
}


@pytest.mark.parametrize("case", EXPIRED)
def test_evidence_expires(case, ready, tmp_path):
    """A refutation does, too."""
    changed, until, why = EXPIRED[case]
    run = made(tmp_path / "runs" / "a", "fail", evidence="verified", **changed)
    found = ready("--target", run / "target.yaml", "--runs", run, "--until", until)
    assert outcomes(found) == {"C1": "expired"}
    assert why in found["rows"][0]["why"]


def test_a_promise_whose_text_changed_has_expired(ready, tmp_path):
    """A waiver that was added to the target is no other text."""
    run = made(tmp_path / "runs" / "a", "fail", evidence="verified")
    text = (run / "target.yaml").read_text(encoding="utf-8")
    changed, waived = tmp_path / "changed.yaml", tmp_path / "waived.yaml"
    changed.write_text(text.replace("at_most: 1s", "at_most: 20s"), encoding="utf-8")
    waived.write_text(f"{text}waive: [{{verdict: recovery/kill, owner: Mara, reason: known, until: 2027-02-01}}]\n", encoding="utf-8")
    assert outcomes(ready("--target", changed, "--runs", run, "--until", NEXT_DAY)) == {"C1": "expired"}
    found = ready("--target", waived, "--runs", run, "--until", NEXT_DAY)
    assert (outcomes(found), found["rows"][0]["until"], found["rows"][0]["owner"]) == ({"C1": "waived until"}, "2027-02-01", "Mara")
    assert outcomes(ready("--target", waived, "--runs", run, "--until", "2027-02-02", code=1)) == {"C1": "refuted"}


def test_a_run_of_another_build_has_expired(ready, tmp_path):
    """When a newer run on the same environment recorded another one."""
    for name, started, release in (("old", "2027-01-15T07:00:00+00:00", "7"), ("new", "2027-01-15T08:00:00+00:00", "8")):
        run = made(tmp_path / "runs" / name, "fail" if name == "old" else "pass", evidence="verified", started_at=started)
        (run / "environment.json").write_text(json.dumps({"environment": {"release": release, "versions": {}}}), encoding="utf-8")
    target = tmp_path / "runs" / "old" / "target.yaml"
    found = ready("--target", target, "--runs", tmp_path / "runs", "--until", NEXT_DAY)
    assert outcomes(found) == {"C1": "expired"}
    assert whys(found)["old"] == "it tested another build of the platform than the newest run on e: release 7"


def test_without_runs_nothing_is_verified(ready, tmp_path):
    """Of a shipped target: not run, or attested."""
    found = ready("--target", "bookedbarber-enterprise")
    assert set(outcomes(found).values()) == {"not run", "attested"}
    assert found["runs"] == []
    assert len(found["rows"]) == 33


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--target", "bookedbarber-smok"], "(did you mean bookedbarber-smoke?)"),
        (["--target", "bookedbarber-smoke", "--environment", "embeded"], "(did you mean embedded?)"),
        (["--target", "bookedbarber-smoke", "--until", "tomorrow"], "--until: 'tomorrow' is no instant in ISO 8601"),
        (["--target", "bookedbarber-smoke", "--runs", "nowhere"], "nowhere"),
        (["--target", "bookedbarber-smoke", "--within", "10m"], "--within"),
        (["--target", "bookedbarber-smoke", "--run", "--within", "ten minutes"], "'ten minutes' is not a duration"),
        ([], "--target"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments, told, command, tmp_path):
    """With code 2, in one sentence; nothing is written."""
    done = command("readiness", *arguments, cwd=tmp_path)
    assert done.code == 2
    assert told in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_words_of_a_person_and_of_quiet(command, tmp_path):
    """The answer last; with --quiet a line a promise and the path of the page, and nothing on standard error."""
    run = made(tmp_path / "reports" / "runs" / "a", "fail", evidence="verified")
    arguments = ["readiness", "--target", run / "target.yaml", "--until", NEXT_DAY]
    done = command(*arguments, cwd=tmp_path)
    assert done.code == 1
    assert "✘ No-go: 0 of 1 must-have verified, 1 refuted (C1)." in done.stdout.decode()
    assert "ledger: reports/readiness/t/readiness.html" in done.stdout.decode()
    assert b"judging " in done.stderr
    done = command(*arguments, "--quiet", cwd=tmp_path)
    lines = done.stdout.decode().splitlines()
    assert lines == ["C1 refuted", "No-go: 0 of 1 must-have verified, 1 refuted (C1).", "reports/readiness/t/readiness.html"]
    assert done.stderr == b""


def test_only_runs_of_the_environment_count(ready, tmp_path):
    """By the name in its file, as runs know it."""
    run = made(tmp_path / "runs" / "a", "fail", evidence="verified")
    found = ready("--target", run / "target.yaml", "--runs", run, "--until", NEXT_DAY, "--environment", "embedded")
    assert outcomes(found) == {"C1": "not run"}
    assert whys(found)["a"] == "it ran on the environment e"


def test_a_run_that_was_given_twice_counts_once(tmp_path):
    """By itself, and in its directory; what is no run is passed over."""
    run = made(tmp_path / "runs" / "a")
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "runs" / "file").write_text("", encoding="utf-8")
    assert gathering.directories([run, tmp_path / "runs", tmp_path / "runs" / ".." / "runs" / "a"]) == (run.resolve(),)


def test_an_instant_without_an_offset_is_utc():
    """As everywhere in the harness."""
    words = ("bookedbarber-smoke", None)
    with pytest.raises(InvalidFile, match="after the year 9999, by UTC"):
        asking.question(*words, "9999-12-31T23:59:59-12:00", NOW)
    one, other = (asking.question(*words, text, NOW) for text in ("2026-12-24T09:00:00", "2026-12-24T10:00:00+01:00"))
    assert one.until == other.until


def refused(command, place, *arguments):
    """What is said where the command is refused."""
    done = command("readiness", *arguments, cwd=place)
    assert done.code == 2, done.said.decode()
    return done.said.decode()


def test_what_would_be_carried_out_is_said_and_nothing_is_started(command, tmp_path):
    """With an estimate, for a target that names its plans; a ledger is not run by the way."""
    done = command("readiness", "--target", "bookedbarber-single-region", cwd=tmp_path)
    assert done.code == 3
    assert "--run would carry out what is missing or stale, about" in done.said.decode()
    assert ": single-region, probes" in done.said.decode()
    assert not (tmp_path / "reports" / "runs").exists()


def test_a_run_that_could_not_count_is_refused_before_it_starts(command, tmp_path):
    """At an instant that is past, on a platform that asks for permission, and where a run would be written into a run."""
    named = ("--target", "bookedbarber-single-region", "--run")
    assert "what --run carries out now would not count" in refused(command, tmp_path, *named, "--until", "2026-01-01")
    assert "starts environments itself" in refused(command, tmp_path, *named, "--environment", "bookedbarber-staging")
    run = made(tmp_path / "runs" / "a")
    assert "is a run; with --run the first one is the directory" in refused(command, tmp_path, *named, "--runs", run)
