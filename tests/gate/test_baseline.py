"""Baselines of earlier jobs: what makes one unusable, and what its spread allows to be said."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from closeshave import quantiles
from closeshave.comparison.fingerprint import RunFingerprint
from closeshave.gate import baseline
from closeshave.gate.baseline import Baseline, BaselineJob, BaselineUnusable, decide_against, over_legs
from closeshave.gate.decision import GateAnswer, LegFigure
from closeshave.gate.rules import rules
from closeshave.plan import Gate
from tests.tiers import thorough

CONDITIONS = RunFingerprint(
    machine={"kernel": "6.18.44", "processor": "AMD EPYC", "cores": 2.0, "memory (GiB)": 23.5},
    parts={"PostgreSQL": "18.5"},
    plan={"plan": "gate", "plan file": "a" * 64, "seed": 7, "sessions per second": 20.0},
    harness={"Closeshave": "0.1.0"},
)
ONE = rules(Gate(metrics=("p95/book",)))
SHARE = rules(Gate(metrics=("not-good",)))


def job(number, value=0.010, n=20_000, metric="p95/book"):
    """One job of a metric."""
    return BaselineJob(f"2026-11-{number + 1:02}T02:00:00+00:00", (f"run-{number}",), {metric: LegFigure(value, n)})


def made(*values, metric="p95/book"):
    """A baseline with a job for each value."""
    return Baseline("main", "gate", CONDITIONS, tuple(job(at, value, metric=metric) for at, value in enumerate(values)))


def test_a_baseline_is_read_as_it_was_saved(tmp_path):
    """And the file ends with a line end, as a committed one should."""
    found = made(0.010, 0.011)
    baseline.save(tmp_path / "baselines/main.json", found)
    assert baseline.read(tmp_path / "baselines/main.json") == found
    assert (tmp_path / "baselines/main.json").read_bytes().endswith(b"}\n")


def broken(tmp_path, change):
    """The sentence about a file whose content was changed."""
    path = tmp_path / "main.json"
    baseline.save(path, made(0.010, 0.011))
    change(path)
    with pytest.raises(BaselineUnusable) as caught:
        baseline.read(path)
    return str(caught.value)


def rewritten(**keys):
    """The file with other values of these keys."""

    def change(path):
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **keys}), encoding="utf-8")

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda path: path.unlink(), "there is no baseline", id="missing"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-40]), "damaged or cut off", id="truncated"),
        pytest.param(lambda path: path.write_bytes(b""), "damaged or cut off", id="empty"),
        pytest.param(lambda path: path.write_bytes(b"\xff\xfe\x00"), "damaged or cut off", id="not text"),
        pytest.param(lambda path: path.write_bytes(b"[" * 100_000), "damaged or cut off", id="nested"),
        pytest.param(lambda path: path.write_bytes(b"[]"), "names no schema", id="a list"),
        pytest.param(
            rewritten(schema="closeshave.baseline/2"), "has the schema 'closeshave.baseline/2'; this version", id="another schema"
        ),
        pytest.param(rewritten(jobs=[{"at": 7}]), "is damaged: jobs.0", id="a job that is none"),
        pytest.param(
            rewritten(jobs=[{"at": "x", "runs": [], "figures": {"p95/book": {"value": -1, "n": 5}}}]),
            "not a finite number",
            id="a negative figure",
        ),
        pytest.param(
            rewritten(jobs=[{"at": "x", "runs": [], "figures": {"not-good": {"value": 0, "n": 0}}}]),
            "of no request",
            id="a figure of no request",
        ),
        pytest.param(
            lambda path: rewritten(jobs=json.loads(path.read_text(encoding="utf-8"))["jobs"] * 3)(path),
            "it has the run run-0 twice",
            id="a job three times, as a merge may leave it",
        ),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), "cannot be read", id="a directory"),
    ],
)
def test_an_unusable_file_is_one_sentence(tmp_path, change, said):
    """That names the file and the reason."""
    sentence = broken(tmp_path, change)
    assert said in sentence
    assert "main.json" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(CONDITIONS, parts={"PostgreSQL": "18.6"}), "PostgreSQL 18.5 → 18.6"),
        (replace(CONDITIONS, machine={**CONDITIONS.machine, "kernel": "6.19"}), "kernel 6.18.44 → 6.19"),
        (replace(CONDITIONS, machine={**CONDITIONS.machine, "memory (GiB)": 11.7}), "memory (GiB) 23.5 → 11.7"),
        (replace(CONDITIONS, plan={**CONDITIONS.plan, "plan file": "b" * 64}), "plan file aaaaaaaaaaaa → bbbbbbbbbbbb"),
        (replace(CONDITIONS, plan={**CONDITIONS.plan, "sessions per second": 15.0}), "sessions per second 20 → 15"),
        (replace(CONDITIONS, machine={}), "it was not recorded: kernel, processor, cores"),
    ],
)
def test_other_conditions_are_named(other, said):
    """What can move figures makes the comparison unknown."""
    with pytest.raises(BaselineUnusable, match=said.replace("(", r"\(").replace(")", r"\)")):
        baseline.refuse_unlike(made(0.01), "gate", other)


def test_conditions_that_change_no_figure_are_returned():
    """A rate that the calibration found within 5 % is the same; another commit of the same version is shown."""
    near = replace(CONDITIONS, plan={**CONDITIONS.plan, "sessions per second": 20.8}, harness={"Closeshave": "0.1.0", "commit": "c"})
    assert [each.what for each in baseline.refuse_unlike(made(0.01), "gate", near)] == ["commit"]


def test_another_plan_is_refused():
    """By its name, before anything else."""
    with pytest.raises(BaselineUnusable, match="is of the plan gate, not of nightly"):
        baseline.refuse_unlike(made(0.01), "nightly", CONDITIONS)


def test_fewer_than_five_jobs_say_nothing():
    """Their spread is unknown."""
    with pytest.raises(BaselineUnusable, match="has 4 jobs; at least 5"):
        decide_against(ONE, made(*[0.01] * 4), {"p95/book": LegFigure(0.02, 9)})


def test_only_what_is_beyond_the_spread_of_the_jobs_is_claimed():
    """With a spread of 26 % a candidate that is 20 % slower is unknown, and one that takes ten times as long is worse."""
    values = [0.010 * math.exp(each) for each in (-0.3, 0.2, -0.1, 0.35, -0.2, 0.05)]
    slow = decide_against(ONE, made(*values), {"p95/book": LegFigure(0.012, 9)})
    assert slow.answer is GateAnswer.UNKNOWN
    assert "because the jobs differ so much among themselves" in slow.metrics[0].reason
    assert decide_against(ONE, made(*values), {"p95/book": LegFigure(0.1, 9)}).answer is GateAnswer.WORSE


def test_jobs_that_agree_allow_same():
    """With what would have been noticed."""
    values = [0.010 * math.exp(each) for each in (-0.003, 0.002, -0.001, 0.0035, -0.002, 0.0005, 0.001, -0.0015)]
    found = decide_against(ONE, made(*values), {"p95/book": LegFigure(0.010, 9)})
    assert found.answer is GateAnswer.SAME
    assert "would have been noticed" in found.metrics[0].reason


@pytest.mark.parametrize("n", [700, *thorough(2000)])
def test_equal_jobs_raise_at_most_one_false_alarm_in_a_hundred(n):
    """The limit is exceeded by chance once in a million seeds."""
    random = np.random.default_rng(5)
    alarms = 0
    for _ in range(n):
        values = 0.01 * np.exp(random.normal(0, 0.1, 7))
        alarms += (
            decide_against(ONE, made(*map(float, values[:6])), {"p95/book": LegFigure(float(values[6]), 9)}).answer is GateAnswer.WORSE
        )
    assert alarms <= quantiles.binomial(1 - 1e-6, n, ONE.false_alarm)


def test_failures_where_no_job_had_any_are_judged_exactly():
    """Two in 20,000 are within what is tolerated; 1 % is not, and none says what would have been noticed."""
    before = made(*[0.0] * 5, metric="not-good")
    few, many, none = (decide_against(SHARE, before, {"not-good": LegFigure(share, 20_000)}) for share in (1e-4, 0.01, 0.0))
    assert [each.answer for each in (few, many, none)] == [GateAnswer.SAME, GateAnswer.WORSE, GateAnswer.SAME]
    assert none.metrics[0].noticeable == SHARE.metrics[0].tolerated


@pytest.mark.parametrize("share", [0.003, 0.01])
def test_jobs_that_differ_by_rounding_alone_have_no_spread(share):
    """The mean of six times 0.003 is not exactly 0.003; such a spread would make every change unlikely, and every *same* sure."""
    before = made(*[0.003] * 6, metric="not-good")
    found = decide_against(SHARE, before, {"not-good": LegFigure(share, 1000)})
    assert found.answer is GateAnswer.UNKNOWN
    assert "the jobs have no spread" in found.metrics[0].reason


def test_a_job_is_added_once_and_the_newest_are_kept():
    """A gate that is continued saves the same job again."""
    found = None
    for number in (*range(baseline.JOBS_KEPT), baseline.JOBS_KEPT - 1):
        found = baseline.added(found, "main", "gate", CONDITIONS, replace(job(number), at=f"2026-11-01T00:{number:02}:00+00:00"))
    assert found is not None
    assert len(found.jobs) == baseline.JOBS_KEPT
    more = baseline.added(found, "main", "gate", CONDITIONS, replace(job(99), at="2026-12-01T00:00:00+00:00"))
    assert len(more.jobs) == baseline.JOBS_KEPT
    assert more.jobs[-1].runs == ("run-99",)


def test_a_job_under_other_conditions_is_not_mixed_in():
    """Whoever wants a new baseline removes the file."""
    with pytest.raises(BaselineUnusable, match=r"PostgreSQL 18.5 → 18.6"):
        baseline.added(made(0.01), "main", "gate", replace(CONDITIONS, parts={"PostgreSQL": "18.6"}), job(9))


def test_the_figures_of_a_job_are_those_of_all_its_legs():
    """Geometric means of times, pooled shares; a leg without a figure leaves it to the others."""
    both = rules(Gate(metrics=("p95/book", "not-good")))
    legs = [
        {"p95/book": LegFigure(0.01, 100), "not-good": LegFigure(0.0, 1000)},
        {"p95/book": LegFigure(0.04, 100), "not-good": LegFigure(0.5, 10)},
        {"not-good": LegFigure(0.0, 990)},
    ]
    found = over_legs(legs, both)
    assert found["p95/book"].value == pytest.approx(0.02)
    assert found["not-good"].value == pytest.approx(5 / 2000)
    assert found["not-good"].n == 2000
