"""Changes over many nights: a new level of at least five nights is one, a spike is none."""

import json
import re

import numpy as np
import pytest

from closeshave import quantiles
from closeshave.comparison import nights, stored, trending
from closeshave.comparison.fingerprint import RunFingerprint
from closeshave.comparison.nights import Night
from closeshave.comparison.trend import LOOKED_AT, change_points, trend
from closeshave.files.jsonfile import Damaged
from closeshave.files.shipped import locate
from tests.comparison.stored_runs import change, kept, summary
from tests.tiers import thorough

ONCE_IN_A_MILLION = 1e-6


def series(values, figure="recovery/shard-primary-killed", versions=()):
    """A night for each value, with the version of PostgreSQL of that night."""
    return [
        Night(
            run=f"run-{at:03}",
            at=f"2026-{1 + at // 28:02}-{1 + at % 28:02}T02:00:00+00:00",
            plan="nightly",
            environment="embedded",
            target="t",
            status="pass",
            figures={figure: float(value)},
            fingerprint=RunFingerprint(parts={"PostgreSQL": versions[at]} if versions else {}),
        )
        for at, value in enumerate(values)
    ]


def noisy(random, number, level=3.4, spread=0.15):
    """Nights of one level."""
    return level + random.normal(0, spread, number)


def test_a_slower_recovery_is_found_within_a_night_and_a_spike_is_not(tmp_path):
    """3 s more from the 13th of 24 nights on, and one spike of 9 s before: in 98 of 100 series, and never at the spike."""
    exact = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        values = noisy(random, 24)
        values[12:] += 3.0
        values[5] += 9.0
        found = trend(series(values)).shifts
        places = [int(each.first_after.removeprefix("run-")) for each in found]
        exact += len(places) == 1 and abs(places[0] - 12) <= 1
        assert not set(places) & {4, 5, 6}
    assert exact >= 98


@pytest.mark.parametrize("n", [20, *thorough(60)])
def test_nights_that_do_not_differ_have_no_change(n):
    """Normal noise, and noise with far outliers: in a year of nights, at most one series in twenty warns; by chance once in a million seeds more."""
    for drawn in (lambda random: random.normal(10, 1, 60), lambda random: 10 + 0.3 * random.standard_cauchy(60)):
        warned = sum(bool(trend(series(drawn(np.random.default_rng(seed)))).shifts) for seed in range(n))
        assert warned <= quantiles.binomial(1 - ONCE_IN_A_MILLION, n, 0.05)


@pytest.mark.parametrize("spike", [1.5, 5, 100, 1e6])
@pytest.mark.parametrize("at", [0, 7, 18, 19])
def test_one_spike_is_never_a_change(spike, at):
    """However high, and wherever: also on the newest night."""
    values = noisy(np.random.default_rng(at), 20)
    values[at] *= spike
    assert trend(series(values)).shifts == ()


def test_a_change_needs_five_nights():
    """Four nights of the new level are not enough; the fifth one is."""
    old, new = list(noisy(np.random.default_rng(3), 15)), list(noisy(np.random.default_rng(4), 5, level=8.0))
    assert trend(series(old + new[:4])).shifts == ()
    (found,) = trend(series(old + new)).shifts
    assert (found.last_before, found.first_after, found.nights_after) == ("run-014", "run-015", 5)


def test_a_change_names_the_two_runs_and_what_differs_between_them():
    """Whoever is called at night must not search for it."""
    random = np.random.default_rng(1)
    values = [*noisy(random, 12), *noisy(random, 12, level=6.4)]
    (found,) = trend(series(values, versions=["18.5"] * 12 + ["18.6"] * 12)).shifts
    assert (found.last_before, found.first_after) == ("run-011", "run-012")
    assert "between run-011 and run-012 (PostgreSQL 18.5 → 18.6)" in found.sentence
    assert "rose from 3.5 s to 6.4 s" in found.sentence
    assert found.worse
    assert found.current


def test_more_availability_is_better():
    """And a lower one is worse."""
    random = np.random.default_rng(1)
    values = [*(0.999 + random.normal(0, 1e-5, 10)), *(0.99 + random.normal(0, 1e-5, 10))]
    (down,) = trend(series(values, "availability")).shifts
    (up,) = trend(series(values[::-1], "availability")).shifts
    assert (down.worse, up.worse) == (True, False)
    assert trend(series(values[::-1], "availability")).worse == ()


def test_a_change_that_was_undone_is_no_longer_current():
    """It is told, and gates nothing."""
    random = np.random.default_rng(2)
    values = [*noisy(random, 10), *noisy(random, 10, level=6.0), *noisy(random, 10)]
    found = trend(series(values))
    assert [(each.worse, each.current) for each in found.shifts] == [(True, False), (False, True)]
    assert found.worse == ()


def test_a_figure_that_is_mostly_zero_changes_when_it_no_longer_is():
    """A loss window of zero has no noise; equal nights are no change."""
    assert trend(series([0.0] * 20)).shifts == ()
    assert change_points([0.0] * 20) == ()
    (found,) = trend(series([0.0] * 10 + [0.4, 0.5, 0.3, 0.6, 0.4, 0.5], "loss-window/kill")).shifts
    assert found.first_after == "run-010"


def test_only_the_newest_nights_are_looked_at():
    """The search takes time with the square of their number."""
    found = trend(series(noisy(np.random.default_rng(1), LOOKED_AT + 50)))
    assert len(found.nights) == LOOKED_AT
    assert found.nights[-1].run == f"run-{LOOKED_AT + 49:03}"


def test_too_few_nights_say_so():
    """Silence would look like no change."""
    assert trend(series([1, 2, 3])).sentence == "3 nights stored; a change can be seen after 10."


def stored_nights(place, number, slower_from):
    """Run directories, one a night; from a night on every recovery takes 3 s longer."""
    random = np.random.default_rng(9)
    for at in range(number):
        run = kept(
            place,
            f"202611{at + 1:02}-020000-nightly",
            started_at=f"2026-11-{at + 1:02}T02:00:00+00:00",
            versions={"postgres": "18.5" if at < slower_from else "18.6"},
        )
        told = summary(run)
        for fault in told["faults"]:
            fault["recovery_s"] = 3.4 + float(random.normal(0, 0.1)) + (3.0 if at >= slower_from else 0.0)
        told["exit_code"] = 0
        change(run, told)
    return place


def test_the_command_reads_a_directory_of_runs(tmp_path, command):
    """A broken run and a directory that is none are left out; it warns with code 0."""
    runs = stored_nights(tmp_path / "runs", 14, 7)
    (runs / "broken").mkdir()
    (runs / "broken/summary.json").write_text("{", encoding="utf-8")
    (runs / "other").mkdir()
    done = command("trend", runs, "--html", tmp_path / "trend.html")
    assert done.code == 0, done.stderr
    assert b"PostgreSQL 18.5 \xe2\x86\x92 18.6" in done.stdout
    told = json.loads(command("trend", runs, "--json").stdout)
    assert told["schema"] == trending.SCHEMA
    assert len(told["nights"]) == 14
    assert {each["figure"].partition("/")[0] for each in told["changes"]} == {"recovery"}
    assert "data:image/svg+xml" in (tmp_path / "trend.html").read_text(encoding="utf-8")


def test_the_command_gates_only_where_the_plan_says_so(tmp_path, command):
    """By its key gate.trend."""
    runs = stored_nights(tmp_path / "runs", 14, 7)
    plan = "name: NAME\nenvironment: embedded\ntarget: t\nseed: 1\nlimits: {duration: 1m, requests: 100}\n"
    plan += "phases: [{name: c, role: calm, duration: 9s, sessions_per_s: 1}]\n"
    name = summary(next(runs.iterdir()))["run"]["plan"]
    (tmp_path / "warns.yaml").write_text(plan.replace("NAME", name), encoding="utf-8")
    (tmp_path / "gates.yaml").write_text(plan.replace("NAME", name) + "gate: {trend: gates}\n", encoding="utf-8")
    assert command("trend", runs, "--plan", tmp_path / "warns.yaml").code == 0
    assert command("trend", runs, "--plan", tmp_path / "gates.yaml").code == 1
    (tmp_path / "others.yaml").write_text(plan.replace("NAME", "other") + "gate: {trend: gates}\n", encoding="utf-8")
    done = command("trend", runs, "--plan", tmp_path / "others.yaml", "--quiet")
    assert (done.code, done.stdout) == (3, b"0 nights stored; a change can be seen after 10.\n"), "unknown is never success"


def test_a_figure_that_is_no_longer_measured_is_said():
    """As the recovery of a platform that does not recover any more: there is no change in what is not there, and the last one is not the newest."""
    before, after = series([3.0, 3.1] * 6), series([0.1] * 17, "p95")[12:]
    found = trend([*before, *after])
    assert found.unmeasured == ("recovery/shard-primary-killed",)
    assert found.sentence.endswith("Not measured in the newest 5 nights: recovery, shard-primary-killed.")
    assert trending.told(found)["unmeasured"] == ["recovery/shard-primary-killed"]
    assert [row[2] for row in trending.rows(found)] == ["100 ms", "unknown"]
    assert trend([*before, *after[:4]]).unmeasured == ()
    assert found.unknown == "Not measured in the newest 5 nights: recovery, shard-primary-killed."
    assert trend(before).unknown == ""


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_a_figure_that_is_no_number_is_damage(tmp_path, value):
    """It would hide every change of the figure."""
    path = tmp_path / "nights.jsonl"
    nights.append(path, series([1.0])[0])
    path.write_text(path.read_text().replace(":1.0", f":{value}"))
    with pytest.raises(Damaged, match=r"nights.jsonl:1 is no night: figures.recovery/shard-primary-killed: it is not a finite number"):
        nights.read(path)


def test_nights_are_appended_to_a_file_that_keeps_the_newest(tmp_path):
    """A run that is appended twice is there once."""
    file, runs = tmp_path / "nights/nights.jsonl", sorted(stored_nights(tmp_path / "runs", 6, 9).iterdir())
    for run in (*runs, runs[-1]):
        one = nights.night(stored.load(run))
        assert one is not None
        nights.append(file, one, keep=4)
    assert [each.run for each in nights.read(file)] == [run.name for run in runs[-4:]]
    assert nights.read(file) == nights.read(tmp_path / "runs")[-4:]


def test_a_damaged_file_of_nights_is_named_with_its_line(tmp_path, command):
    """Nothing is appended to it, and nothing of it is lost."""
    file = tmp_path / "nights.jsonl"
    run = stored.load(kept(tmp_path, "run"))
    one = nights.night(run)
    assert one is not None
    nights.append(file, one)
    with file.open("a") as more:
        more.write('{"run": 7}\n')
    before = file.read_bytes()
    with pytest.raises(Damaged, match=r"nights.jsonl:2 is no night"):
        nights.append(file, one)
    assert file.read_bytes() == before
    done = command("trend", file)
    assert (done.code, done.stderr.count(b"\n"), b"nights.jsonl:2: is no night: run: " in done.stderr) == (2, 1, True), done.stderr


@pytest.mark.parametrize("told", [b'{"some": "thing"}\n', b"a,b\n1,2\n", b"\xff\xfe\x00\n", b"[1]\n", b"{}"])
def test_a_file_of_something_else_is_refused(tmp_path, command, told):
    """As a wrong argument, in a sentence: nothing of the harness failed."""
    file = tmp_path / "other.jsonl"
    file.write_bytes(told)
    for more in ((), ("--add", kept(tmp_path / "runs", "run"))):
        done = command("trend", file, *more)
        assert (done.code, done.stderr.count(b"\n")) == (2, 1), done.stderr
        assert b"name a directory of runs, or a file of nights that 'run --history' or 'trend --add' wrote" in done.stderr
        assert file.read_bytes() == told


def test_a_run_that_ended_early_is_no_night(tmp_path, command):
    """Its figures are those of a part of a night."""
    run = kept(tmp_path, "run")
    change(run, {**summary(run), "exit_code": 130})
    assert nights.night(stored.load(run)) is None
    done = command("trend", tmp_path / "nights.jsonl", "--add", run)
    assert (done.code, b"ended early" in done.stderr) == (2, True)
    assert command("trend", tmp_path / "nothing.jsonl").code == 2


def test_a_run_that_stopped_for_safety_is_a_result_of_its_plan_though_no_night(tmp_path, command):
    """A schedule that overlooked it would say that its plan passed at the last time."""
    (tmp_path / "scenarios").mkdir()
    for name, day, said in (("a", 1, {}), ("b", 2, {"status": "fail", "exit_code": 5})):
        run = kept(tmp_path / "runs", name, started_at=f"2026-11-{day:02}T02:00:00+00:00")
        change(run, {**summary(run), **said})
    assert [(each.run, each.status) for each in nights.read(tmp_path / "runs", early=True)] == [("a", "pass"), ("b", "fail")]
    assert [each.figures for each in nights.read(tmp_path / "runs", early=True)][1] == {}
    assert [each.run for each in nights.read(tmp_path / "runs")] == ["a"]
    plan = locate("scenarios", "dr-weekly")
    told = plan.read_text(encoding="utf-8")
    name = nights.read(tmp_path / "runs")[0].plan
    (tmp_path / "plan.yaml").write_text(re.sub(r"(?m)^name: .*$", f"name: {name}", told), encoding="utf-8")
    done = command("schedule", tmp_path / "plan.yaml", "--runs", tmp_path / "runs")
    assert (done.code, b"failed at the last time" in done.said) == (1, True), done.said


@pytest.mark.thorough
def test_the_report_of_tonight_has_a_line_about_the_nights(tmp_path, command):
    """From the file, which gets tonight's run."""
    run = kept(tmp_path, "run", whole=True)
    assert command("report", run, "--history", tmp_path / "nights.jsonl").code == 0
    assert len(nights.read(tmp_path / "nights.jsonl")) == 1
    assert "Trend: 1 night stored; a change can be seen after 10." in (run / "report.html").read_text(encoding="utf-8")
    assert "Trend: 1 night stored" in (run / "summary.md").read_text(encoding="utf-8")
