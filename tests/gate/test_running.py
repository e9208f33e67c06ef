"""The course of a gate: stages, repetitions, continuing; with legs that are made up."""

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import gate_resampling
from closeshave.comparison import stored
from closeshave.comparison.fingerprint import RunFingerprint
from closeshave.environments.rollout.instances import VersionNotSeen
from closeshave.files import jsonfile
from closeshave.files.rundir import NotARun
from closeshave.files.yamlfile import InvalidFile
from closeshave.gate import baseline, directory, legs, running
from closeshave.gate.baseline import Baseline, BaselineJob
from closeshave.gate.design import Side
from closeshave.gate.directory import GateOrder
from closeshave.gate.legs import WarmedUp
from closeshave.gate.pace import LegTimes
from closeshave.gate.resampling import resample
from closeshave.gate.result import parsed
from closeshave.gate.rules import rules
from closeshave.gate.running import GateTask
from closeshave.history import Rate
from closeshave.plan import Gate, Waiver
from closeshave.trial.preparation import prepare
from closeshave.trial.series import SeriesStopped
from tests.gate.stages import block, leg

ORDER = GateOrder(
    "gate.yaml", "current", "next", 1, "2026-11-29T20:00:00+00:00", rules(Gate()), "p", ("a", "b"), "t", machine={"kernel": "6.1"}
)


class Machine:
    """Carries out legs that are made up, and counts."""

    def __init__(self, monkeypatch, tmp_path, **changes):
        self.starts = self.warmed = 0
        self.unseen = self.slow = ""
        self.times: LegTimes | None = None
        self.said: list[str] = []
        self.scales = []
        self.done, self.told, self.stop_at, self.spoil = [], changes, None, set()
        candidate: Any = SimpleNamespace(label="next", series="one environment", release="next")
        self.candidate = candidate
        self.task = GateTask(tmp_path, ORDER, {Side.CANDIDATE: candidate}, (), "gate")
        directory.write_rules(tmp_path, ORDER)
        monkeypatch.setattr(legs, "serving", self._serving)
        monkeypatch.setattr(legs, "warm_up", self._warm)
        monkeypatch.setattr(legs, "carry_out", self._carry_out)

    @contextmanager
    def _serving(self, *_):
        self.starts += 1
        yield

    def _warm(self, _side, scale, _rules, _say):
        if self.unseen:
            raise VersionNotSeen(self.unseen)
        if self.slow:
            raise legs.TooSlow(self.slow)
        self.warmed += 1
        self.scales.append(scale)
        return WarmedUp(scale or 0.7 + self.warmed / 100, self.times, {"book": 100.0})

    def _carry_out(self, planned, _sides, _rules, scale, _say):
        if len(self.done) == self.stop_at:
            raise SeriesStopped
        self.done.append((planned.stage, planned.number, scale))
        return block(planned, spoilt="the senders were late" if (planned.stage, planned.number) in self.spoil else "", **self.told)

    def run(self):
        """The gate, from where it stopped."""
        return running.run(self.task, self.said.append)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Makes one: ``slower`` says by what factor the candidate is slower."""
    return lambda **told: Machine(monkeypatch, tmp_path, **told)


def test_equal_releases_need_one_stage(machine):
    """Six blocks, and the result is in the directory."""
    made = machine()
    found = made.run()
    assert [each[:2] for each in made.done] == [(1, number) for number in range(1, 7)]
    assert found.exit_code == 0
    assert parsed(json.loads((made.task.directory / directory.RESULT).read_text(encoding="utf-8"))) == found


def test_a_suspicious_stage_is_followed_by_a_second_one(machine):
    """Of fresh blocks."""
    made = machine(slower=1.1)
    assert made.run().exit_code == 1
    assert [each[:2] for each in made.done] == [(stage, number) for stage in (1, 2) for number in range(1, 7)]


def test_a_spoilt_block_is_repeated_as_often_as_was_fixed(machine):
    """And no more often: then too few blocks are left, and the answer is unknown."""
    made = machine()
    made.spoil = {(1, 2), (1, 5)}
    found = made.run()
    assert len(made.done) == 8
    assert found.exit_code == 0
    assert [one.number for one in found.blocks if one.spoilt] == [2, 5]


def test_a_gate_without_a_sound_block_is_unknown(machine):
    """And says how many blocks there were."""
    made = machine()
    made.spoil = {(1, number) for number in range(1, 10)}
    found = made.run()
    assert found.exit_code == 3
    assert "0 blocks of a stage can be used" in found.sentence


def test_too_many_spoilt_blocks_are_unknown(machine):
    """Rather than a gate without end."""
    made = machine()
    made.spoil = {(1, number) for number in range(1, 6)}
    found = made.run()
    assert len(made.done) == 9
    assert found.exit_code == 3
    assert "4 blocks of a stage can be used" in found.sentence


@pytest.mark.parametrize("sound", [0, 1, 6])
def test_a_suspicion_that_no_second_stage_could_settle_is_unknown(machine, sound):
    """A candidate that is 3 % slower, of which a machine that others use lets no second stage be measured, is not the same."""
    made = machine(slower=1.03)
    made.spoil = {(2, number) for number in range(sound + 1, 10)}
    found = made.run()
    assert {each[0] for each in made.done} == {1, 2}
    assert found.exit_code == (1 if sound == 6 else 3)
    if sound < 6:
        assert f"{sound} block{'' if sound == 1 else 's'} of a stage can be used" in found.sentence


@pytest.mark.parametrize("side", list(Side))
def test_a_leg_of_the_candidate_without_a_percentile_is_not_left_out(machine, monkeypatch, side):
    """Its failures made it infinitely slow: the five other blocks alone would say that nothing changed."""
    made = machine()
    whole = legs.carry_out

    def carried_out(planned, *rest):
        found = whole(planned, *rest)
        if planned.number != 3:
            return found
        return replace(found, legs=tuple(leg(planned, at, noise=0.004, endless=one.side is side) for at, one in enumerate(found.legs)))

    monkeypatch.setattr(legs, "carry_out", carried_out)
    found = made.run()
    assert found.exit_code == (3 if side is Side.CANDIDATE else 0)
    if side is Side.CANDIDATE:
        assert "in 2 legs of the candidate so many requests were not answered well that there is no such percentile" in found.sentence


def test_a_job_without_a_usable_leg_is_not_saved(machine, tmp_path, monkeypatch):
    """It would count as one of the five jobs that a baseline needs, and push the oldest one out."""
    monkeypatch.chdir(tmp_path)
    made = machine()
    made.task = replace(made.task, order=replace(ORDER, kind="save", save="main"))
    made.spoil = {(1, number) for number in range(1, 10)}
    found = made.run()
    assert (found.exit_code, "nothing is added to the baseline" in found.sentence) == (3, True)
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(("spoilt", "code", "saved"), [(3, 0, 7), (4, 0, 7), (5, 3, 6), (8, 3, 6)])
def test_a_job_of_few_blocks_is_neither_compared_with_whole_ones_nor_saved(known, spoilt, code, saved):
    """Nine blocks may be tried. The figures of one block differ more by chance than those of six: it could be called worse, and would widen the spread."""
    made = known()
    made.spoil = {(1, number) for number in range(1, spoilt + 1)}
    found = made.run()
    assert (found.exit_code, len(_saved())) == (code, saved), found.sentence
    if code:
        assert f"{9 - spoilt} block{'' if spoilt == 8 else 's'} of this job can be used; at least 5 are needed" in found.sentence


def test_a_gate_that_was_stopped_goes_on(machine):
    """Finished blocks are kept, at the rate that was found first; nothing is done twice."""
    made = machine(slower=1.1)
    made.stop_at = 8
    with pytest.raises(SeriesStopped):
        made.run()
    assert len(list(directory.kept(made.task.directory))) == 8
    made.stop_at = None
    found = made.run()
    assert [each[:2] for each in made.done] == [(stage, number) for stage in (1, 2) for number in range(1, 7)]
    assert {each[2] for each in made.done} == {0.71}
    # The second warm-up calibrates nothing: its result could not be used.
    assert made.scales == [None, 0.71]
    assert (made.starts, found.exit_code) == (2, 1)


def test_a_line_that_was_cut_off_is_a_block_that_is_run_again(machine):
    """As ``kill -9`` or a full disk leaves it."""
    made = machine()
    made.run()
    file = made.task.directory / directory.BLOCKS
    file.write_bytes(file.read_bytes()[:-30])
    made.run()
    assert [each[:2] for each in made.done][6:] == [(1, 6)]
    assert [one.number for one in directory.kept(made.task.directory)] == [1, 2, 3, 4, 5, 6]


def test_a_gate_that_is_complete_starts_nothing(machine):
    """Its answer is made again."""
    made = machine()
    first = made.run()
    assert made.run() == first
    assert made.starts == 1


def test_against_a_baseline_only_the_candidate_is_loaded():
    """Two legs a block."""
    for one in running.planned(replace(ORDER, kind="baseline"), ORDER.rules, 1):
        assert [leg.side.value for leg in one.legs] == ["candidate", "candidate"]


def test_a_candidate_that_answers_another_version_is_unknown(machine):
    """Nothing of it was measured: never success. The result is written, and the environment is gone."""
    made = machine()
    made.unseen = "app-a-0 answers version 1, not 2; all instances run current again"
    found = made.run()
    assert found.exit_code == 3
    assert found.sentence == f"Unknown: {made.unseen}."
    assert parsed(json.loads((made.task.directory / directory.RESULT).read_text(encoding="utf-8"))) == found


def test_a_damaged_record_is_named(tmp_path):
    """Rather than measured again without a word."""
    (tmp_path / directory.BLOCKS).write_text('{"stage": 1}\n', encoding="utf-8")
    with pytest.raises(jsonfile.Damaged, match=r"blocks.jsonl is damaged"):
        list(directory.kept(tmp_path))


def test_a_gate_whose_plan_changed_cannot_be_continued(tmp_path):
    """It would compare legs of two plans."""
    changed = replace(ORDER, plan_digest="other", version="9")
    with pytest.raises(InvalidFile, match="cannot be continued: the plan and Closeshave changed since it began"):
        directory.refuse_changed(tmp_path, ORDER, changed)
    directory.refuse_changed(tmp_path, ORDER, ORDER)
    with pytest.raises(InvalidFile, match=r"cannot be continued: scenarios/gate\.py changed since it began"):
        directory.refuse_changed(
            tmp_path, replace(ORDER, files={"scenarios/gate.py": "a"}), replace(ORDER, files={"scenarios/gate.py": "b"})
        )


def test_a_directory_that_is_no_gate_is_refused(tmp_path):
    """With what is missing."""
    with pytest.raises(NotARun, match=r"has no rules.json"):
        directory.order_of(tmp_path)


def test_recorded_blocks_of_live_gates_are_resampled(machine):
    """The tool for the table of false alarms reads the directories of gates; thrown away blocks are left out."""
    made = machine(slower=1.1)
    made.spoil = {(1, 2)}
    made.run()
    rules_read, blocks = gate_resampling.recorded([made.task.directory])
    assert rules_read == ORDER.rules
    assert len(blocks) == 12
    told = gate_resampling.table(resample(rules_read, blocks, 20, 1))
    assert "20 gates of 12 recorded blocks; 20 needed their second stage." in told
    assert "* worse on p95/book: 20" in told


def test_every_release_is_warmed_up_once(machine):
    """The slower one decides the rate; a release against itself needs no second time."""
    made = machine()
    made.task.sides[Side.BASE] = SimpleNamespace(label="current", series="one environment", release="current")
    made.run()
    assert (made.warmed, {each[2] for each in made.done}) == (2, {0.71})
    again = machine()
    again.task.sides[Side.BASE] = again.candidate
    (again.task.directory / directory.BLOCKS).unlink()
    (again.task.directory / running.WARM_UP).unlink()
    again.run()
    assert again.warmed == 1


def test_what_a_stage_takes_is_told_before_its_first_leg_and_after_each_block(machine):
    """From what the warm-ups took: an even share of both sides, at the rate of the legs."""
    made = machine()
    made.times = LegTimes(rollout_s=5, before_s=4, load_s=21, after_s=6)
    made.task.sides[Side.CANDIDATE] = SimpleNamespace(label="next", series="one", release="next", prepared=prepare("gate"))
    made.task.sides[Side.BASE] = SimpleNamespace(label="current", series="one", release="current", prepared=prepare("gate"))
    made.run()
    warm = made.said.index("warming up current; this leg does not count")
    # At 71 % of the plan's rate the calm phase of 16.5 s becomes one of 23 s: 41 s a leg, 24 legs.
    assert made.said[warm + 1].startswith("6 blocks of 164 s: a stage takes 16.4 minutes on this machine")
    assert "each leg lasts 6 s longer (13.8 minutes)" in made.said[warm + 2]
    told = [line for line in made.said if line.startswith("stage 1, block 2 took ")]
    assert [line.endswith("about 0.0 minutes of this stage are left") for line in told] == [True]
    assert made.said[-1] == "stage 1, block 6 took 0 s; the stage is complete"


def test_a_machine_that_is_too_slow_ends_the_gate(machine):
    """Unknown, before any leg: at the planned rate it would measure its own queues. Later it goes on."""
    made = machine()
    made.slow = "this machine sustains 3.85 sessions/s"
    found = made.run()
    assert (found.exit_code, made.done) == (3, [])
    assert found.sentence == "Unknown: this machine sustains 3.85 sessions/s."
    made.slow = ""
    assert made.run().exit_code == 0


@pytest.mark.parametrize(("scale", "code"), [(0.19, 3), (0.2, 0)])
def test_a_warm_up_below_the_least_rate_is_too_slow(monkeypatch, scale, code):
    """What no trial would send, no leg does."""
    rate = Rate("calibration", scale, 50, 50 * scale, 18, 18, least_scale=0.2)
    manifest = SimpleNamespace(rate=rate, rate_scale=scale, interrupted=None, phases=())
    said = SimpleNamespace(exit_code=code, recorded=SimpleNamespace(manifest=manifest), plan=None, target=None)
    monkeypatch.setattr(legs, "_serve", lambda *_: None)
    monkeypatch.setattr(legs, "_keep", lambda *_: None)
    monkeypatch.setattr(legs, "_as_long_as_planned", lambda *_: None)
    monkeypatch.setattr(legs, "Evidence", lambda *_: None)
    monkeypatch.setattr(legs, "rates_per_s", lambda *_: {})
    side: Any = SimpleNamespace(label="next", prepared=None, logged_in=True, series=SimpleNamespace(trial=lambda _prepared: said))
    if code:
        with pytest.raises(legs.TooSlow, match=r"9\.5 sessions/s of the planned 50 sessions/s, less than the 20 %"):
            legs.warm_up(side, None, ORDER.rules, print)
    else:
        assert legs.warm_up(side, None, ORDER.rules, print).scale == 0.2


@pytest.mark.parametrize("slower", [1.0, 1.1])
def test_an_invariant_that_the_candidate_breaks_ends_the_gate(machine, slower):
    """With its block: one lost booking settles the exit code. Whoever continues it starts nothing."""
    made = machine(broken=Side.CANDIDATE, slower=slower)
    found = made.run()
    assert [each[:2] for each in made.done] == [(1, 1)]
    assert found.exit_code == 1
    assert found.sentence.startswith("The candidate breaks a promise: integrity/lost in 2 legs, first in run-1-1-")
    assert "the gate ended with the block in which the candidate broke an invariant; no metric was compared" in found.sentence
    assert made.run() == found
    assert made.starts == 1


def test_an_invariant_that_the_base_breaks_ends_nothing(machine):
    """It is shown."""
    made = machine(broken=Side.BASE)
    found = made.run()
    assert (len(made.done), found.exit_code) == (6, 0)
    assert "The base alone broke integrity/lost." in found.sentence


def test_an_invariant_that_is_waived_ends_nothing(machine):
    """Until its day."""
    made = machine(broken=Side.CANDIDATE)
    made.task = replace(made.task, waivers=(Waiver("integrity/*", "Mara", "known", date(2026, 12, 1)),))
    assert (made.run().exit_code, len(made.done)) == (0, 6)


def _jobs(figures, number=6):
    """A baseline of earlier jobs like this one."""
    return tuple(
        BaselineJob(
            f"2026-11-{at + 1:02}T02:00:00+00:00",
            (f"before-{at}",),
            {name: replace(one, value=one.value * (1 + at * 0.002)) for name, one in figures.items()},
        )
        for at in range(number)
    )


@pytest.fixture
def known(machine, tmp_path, monkeypatch):
    """Makes a machine whose jobs are compared with the baseline ``main`` and saved in it; the conditions of every run are the same."""
    monkeypatch.chdir(tmp_path)
    conditions = RunFingerprint(
        {"kernel": "6.1", "processor": "p", "cores": 2.0}, {}, {"plan file": "p", "seed": 1}, {"Closeshave": "0.1.0"}
    )
    monkeypatch.setattr(running, "_conditions", lambda *_: conditions)
    file = baseline.FOLDER / "main.json"

    def make(*, jobs=6, **told):
        usual = machine()
        usual.task = replace(usual.task, order=replace(ORDER, kind="save", save="main"))
        usual.run()
        (job,) = baseline.read(file).jobs
        baseline.save(file, Baseline("main", "gate", conditions, _jobs(job.figures, jobs)))
        (usual.task.directory / directory.BLOCKS).unlink()
        made = machine(**told)
        made.task = replace(made.task, order=replace(ORDER, kind="baseline", base=str(file), save="main"))
        return made

    return make


def _saved():
    return [one.runs[0] for one in baseline.read(baseline.FOLDER / "main.json").jobs]


def test_a_job_like_those_of_its_baseline_is_added_to_it(known):
    """And compared with the others alone when it is concluded once more."""
    made = known()
    found = made.run()
    assert (found.exit_code, len(_saved())) == (0, 7), found.sentence
    again = made.run()
    assert again == found
    assert len(_saved()) == 7


@pytest.mark.parametrize(
    ("told", "why"), [({"slower": 1.5}, "p95/book is worse than in "), ({"broken": Side.CANDIDATE}, "the candidate broke integrity/lost")]
)
def test_a_job_that_is_worse_does_not_become_what_later_ones_are_compared_with(known, told, why):
    """Else the next job is *same* as the fault, and the baseline drifts with every release that is a little slower."""
    made = known(**told)
    found = made.run()
    assert found.exit_code == 1
    assert f"{why}" in found.sentence
    assert "so this job is not added to the baseline main" in found.sentence
    assert len(_saved()) == 6


def test_a_waiver_accepts_a_release_and_not_its_level(known):
    """After its last day the metric would be compared with the level that was waived."""
    made = known(slower=1.5)
    made.task = replace(made.task, waivers=(Waiver("gate/p95/book", "Mara", "until the index is there", date(2026, 12, 1)),))
    found = made.run()
    assert (found.exit_code, "is not added to the baseline main" in found.sentence, len(_saved())) == (0, True, 6), found.sentence


def test_a_job_that_could_not_be_saved_says_so_beside_its_answer(known):
    """Its answer stands."""
    made = known()
    made.task = replace(made.task, order=replace(made.task.order, save="other"))
    (baseline.FOLDER / "other.json").write_text("{", encoding="utf-8")
    found = made.run()
    assert found.exit_code == 0
    assert "Not saved: the baseline reports/baselines/other.json is damaged or cut off" in found.sentence


def test_legs_under_conditions_that_changed_are_no_job(known, monkeypatch):
    """A gate that was continued after an update: the first leg alone was asked for its conditions."""
    made = known()
    versions = iter(["18.5"] * 4 + ["18.6"] * 100)

    def load(path):
        version = "18.5" if path.name.startswith(("run-1-1-", "run-1-2-")) else next(versions)
        return SimpleNamespace(fingerprint=RunFingerprint({"kernel": "6.1"}, {"PostgreSQL": version}))

    monkeypatch.setattr(stored, "load", load)
    for block_, number in ((block_, number) for block_ in range(1, 7) for number in range(4)):
        (made.task.directory / f"run-1-{block_}-{number}").mkdir()
    found = made.run()
    assert found.exit_code == 3
    assert "the conditions of this job changed between run-1-1-0 and run-1-" in found.sentence
    assert "PostgreSQL 18.5 → 18.6" in found.sentence
    assert len(_saved()) == 6


def test_a_percentile_that_did_not_exist_is_in_no_baseline(machine, tmp_path, monkeypatch):
    """The legs that had one would make the job look quicker than it was."""
    monkeypatch.chdir(tmp_path)
    made = machine()
    made.task = replace(made.task, order=replace(ORDER, kind="save", save="main"))
    whole = legs.carry_out

    def carried_out(planned, *rest):
        found = whole(planned, *rest)
        return found if planned.number != 3 else replace(found, legs=tuple(leg(planned, at, endless=True) for at in range(len(found.legs))))

    monkeypatch.setattr(legs, "carry_out", carried_out)
    made.run()
    (job,) = baseline.read(baseline.FOLDER / "main.json").jobs
    assert set(job.figures) == {"p95/slots", "not-good", "cpu-per-request", "cache-misses"}


def test_a_gate_is_not_continued_on_another_machine(tmp_path):
    """Its legs would be compared across two machines. Memory differs by some pages from start to start."""
    here: dict[str, str | float | None] = {
        "kernel": "6.1.0",
        "processor": "AMD EPYC",
        "cores": 2.0,
        "memory (GiB)": 7.8,
        "architecture": "x86_64",
    }
    began = replace(ORDER, machine=here)
    directory.refuse_changed(tmp_path, began, replace(ORDER, machine={**here, "memory (GiB)": 7.7}))
    with pytest.raises(
        InvalidFile, match=r"the machine's memory \(GiB\) and the machine's processor changed since it began; start a new gate"
    ):
        directory.refuse_changed(tmp_path, began, replace(ORDER, machine={**here, "memory (GiB)": 3.9, "processor": "Intel Xeon"}))
    with pytest.raises(InvalidFile, match=r"the machine \(on which one it began was not recorded\) changed"):
        directory.refuse_changed(tmp_path, replace(ORDER, machine={}), began)


@pytest.mark.parametrize("record", ["{}", '{"scale": "fast"}', '{"scale": null}', '{"scale": 0}', '{"scale": NaN}', "[1]", "{"])
def test_a_damaged_record_of_the_warm_up_is_named(machine, record):
    """Rather than an error without the file, or legs at no rate."""
    made = machine()
    (made.task.directory / running.WARM_UP).write_text(f"{record}\n", encoding="utf-8")
    with pytest.raises(jsonfile.Damaged, match=r"warm-up\.jsonl is damaged: "):
        made.run()
