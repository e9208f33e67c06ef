"""What is known of a promise: a row for each, never blank, and nothing is verified by accident."""

from dataclasses import fields, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.files.shipped import available, locate
from closeshave.judge.verdict import Status
from closeshave.plan import Waiver
from closeshave.readiness import plans
from closeshave.readiness.deciding import days, ledger
from closeshave.readiness.evidence import PartVerdicts, drill_part, texts
from closeshave.readiness.standing import Policy
from closeshave.readiness.values import LedgerRow, PromiseOutcome
from closeshave.target import Claim, Measure, Objective, read_target
from tests.readiness.ledgers import (
    BAD,
    GOOD,
    LATENCY,
    NOW,
    POLICY,
    QUICK,
    RECOVERED,
    RECOVERY,
    TARGET,
    UNCLEAR,
    judged,
    promising,
    row,
    run,
    says,
    verdict,
)  # fmt: skip

SLOW = says(LATENCY, verdict(LATENCY, BAD, measured=0.4))
VAGUE = says(LATENCY, verdict(LATENCY, UNCLEAR, measured=None))
WAIVER = Waiver("latency/*", "Mara", "known", date(2026, 12, 24))

KNOWN = {
    "kept by the platform": ([run("a", QUICK)], "verified"),
    "kept by an own application": ([run("a", QUICK, grade="measured")], "measured in our environment"),
    "kept by the stand-in": ([run("a", QUICK, grade="rehearsed")], "rehearsed"),
    "kept by both: the stronger": ([run("a", QUICK, grade="rehearsed", environment="embedded"), run("b", QUICK)], "verified"),
    "broken": ([run("a", SLOW)], "refuted"),
    "broken by the stand-in": ([run("a", SLOW, grade="rehearsed")], "refuted"),
    "the worst conclusive one counts": ([run("a", QUICK), run("b", SLOW), run("c", QUICK)], "refuted"),
    "a newer run that cannot be judged, of another build": (
        [run("a", QUICK), run("b", days=0.5, build="release 8", trouble="it has no history (operations.parquet is missing)")],
        "expired",
    ),
    "a newer run that cannot be judged, and does not say of which build": (
        [run("a", QUICK), run("b", days=0.5, build=None, trouble="its run.json is damaged")],
        "verified",
    ),
    "undecided": ([run("a", VAGUE)], "inconclusive"),
    "undecided, and kept in another run": ([run("a", VAGUE), run("b", QUICK)], "verified"),
    "undecided in one part of the same run": ([run("a", says(LATENCY, verdict(LATENCY), verdict(LATENCY, UNCLEAR, "x")))], "inconclusive"),
    "undecided and broken in the same run": ([run("a", says(LATENCY, verdict(LATENCY, UNCLEAR), verdict(LATENCY, BAD, "x")))], "refuted"),
    "stopped for safety after it was broken": ([run("a", SLOW, stopped="it was stopped for safety", for_safety=True)], "refuted"),
    "stopped for safety": ([run("a", QUICK, stopped="it was stopped for safety", for_safety=True)], "not run"),
}


@pytest.mark.parametrize("case", KNOWN)
def test_the_outcome_of_a_promise(case):
    """By all results that count."""
    runs, expected = KNOWN[case]
    assert row("P1", *runs).outcome == expected


NOTHING: dict[str, tuple[dict[str, Any], str]] = {
    "another target": ({"target": "other"}, "it is a run of the target other"),
    "interrupted": ({"stopped": "its operator interrupted it"}, "it did not run to its end: its operator interrupted it"),
    "without an end": ({"ended": None}, "it did not run to its end: when it ended is not recorded"),
    "without a start": ({"started": None}, "when it started is not recorded"),
    "without a history": ({"trouble": "it has no history"}, "it has no history"),
    "of the future": ({"started": NOW + timedelta(hours=1)}, "it started after the instant of this ledger"),
    "still running then": (
        {"started": NOW - timedelta(hours=1), "ended": NOW + timedelta(hours=1)},
        "it had not ended at the instant of this ledger",
    ),
}


@pytest.mark.parametrize("status", [GOOD, BAD])
@pytest.mark.parametrize("case", NOTHING)
def test_what_counts_for_nothing_says_why(case, status):
    """Neither for a promise nor against it."""
    changed, why = NOTHING[case]
    made = run("a", says(LATENCY, verdict(LATENCY, status)), **changed)
    found = judged(made)
    assert found.rows[0].outcome == "not run"
    assert found.rows[0].why == f"no run that tests it counts: a: {why}"
    assert (found.runs[0].counts, found.runs[0].why) == (False, (why,))
    assert row("P1", made, run("b", QUICK)).outcome == "verified"


EXPIRED = {
    "too old": ([run("a", QUICK, days=31)], "it is 31 days old; evidence is good for 30"),
    "another build": ([run("a", QUICK), run("b", RECOVERED, days=0.5, build="release 8")], "another build of the platform"),
    "a build that is not told": (
        [run("a", QUICK, build=None), run("b", RECOVERED, days=0.5, build=None)],
        "is not recorded, and there is a newer",
    ),
    "another judge": ([run("a", QUICK, version="0.0.9")], "it was recorded for the judge of Closeshave 0.0.9; this one is 0.1.0"),
    "another text": ([run("a", QUICK, texts={**texts(TARGET), "P1": "other"})], "it tested this promise when it had another text"),
}


@pytest.mark.parametrize("case", EXPIRED)
def test_evidence_expires(case):
    """By age, and at once when the build, the promise's text or the judge changed. Then it neither holds nor refutes."""
    runs, why = EXPIRED[case]
    found = row("P1", *runs)
    assert found.outcome == "expired"
    assert why in found.why
    broken = [replace(one, parts=SLOW) if one.parts == QUICK else one for one in runs]
    assert row("P1", *broken).outcome == "expired"


def test_evidence_on_its_last_day_is_good():
    """The limit itself is within it."""
    assert row("P1", run("a", QUICK, days=30)).outcome == "verified"
    assert row("P1", run("a", QUICK, days=30)).until == "2026-12-01"


def test_the_newest_run_of_an_environment_says_what_its_build_is():
    """Of each environment by itself; one that was interrupted says it too, if it recorded its build."""
    elsewhere = run("b", RECOVERED, days=0.5, build="release 8", environment="staging")
    assert row("P1", run("a", QUICK), elsewhere).outcome == "verified"
    stopped = run("b", days=0.5, build="release 8", stopped="its operator interrupted it")
    assert row("P1", run("a", QUICK), stopped).outcome == "expired"
    assert row("P1", run("a", QUICK), replace(stopped, build=None)).outcome == "verified"
    assert row("P1", run("a", QUICK), replace(stopped, target="other")).outcome == "verified"


def test_only_runs_of_the_environment_that_is_asked_for_count():
    """The others say that they ran elsewhere."""
    found = judged(run("a", QUICK), policy=Policy("0.1.0", "staging"))
    assert found.rows[0].outcome == "not run"
    assert found.runs[0].why == ("it ran on the environment production",)


def test_without_runs_every_row_is_not_run_or_attested():
    """Of every target that ships, and each says what would make it better."""
    for name in available("environments/targets"):
        target = read_target(locate("environments/targets", name))
        found = ledger(target, (), NOW, POLICY, plans.testing(target, name, None))
        assert {one.outcome for one in found.rows} <= {PromiseOutcome.NOT_RUN, PromiseOutcome.ATTESTED}
        assert [one.id for one in found.rows if one.outcome == "attested"] == [one.id for one in target.claims if one.how == ("attest",)]
        assert (found.go, found.exit_code) == (False, 3)
        assert [one.id for one in found.rows if blank(one)] == []


def blank(one: LedgerRow) -> list[str]:
    """Texts of a row that are empty; only nobody owns most promises."""
    told = {each.name: getattr(one, each.name) for each in fields(one)}
    return [name for name, value in told.items() if name != "owner" and isinstance(value, str) and not value.strip()]


def test_a_row_that_is_not_run_names_the_plan_that_tests_it():
    """The target's own plans, by the command that carries them out."""
    target = read_target(locate("environments/targets", "bookedbarber-enterprise"))
    found = {one.id: one for one in ledger(target, (), NOW, POLICY, plans.testing(target, target.name, "containers")).rows}
    assert "'closeshave run nightly --environment containers'" in found["E15"].better
    assert found["E25"].better == "Run 'closeshave probe --target bookedbarber-enterprise --environment containers', which tests it."
    assert "'closeshave probe --target bookedbarber-enterprise --environment containers'" in found["E24"].better
    assert "needs a capacity search" in found["E01"].better
    assert "closeshave run nightly" in found["E13"].better
    assert "capacity search" in found["E13"].better


def test_a_plan_of_another_target_is_named_with_the_target():
    """So that the command can be typed as it stands."""
    target = replace(read_target(locate("environments/targets", "bookedbarber-smoke")), name="own")
    better = {one.id: one.better for one in ledger(target, (), NOW, POLICY, plans.testing(target, "own.yaml", None)).rows}
    assert "--target own.yaml'" in better["S03"]


BOTH = promising(Claim("P1", "answers quickly", ("load", "fault")), objectives=[LATENCY])


@pytest.mark.parametrize(
    ("how", "ways", "expected"),
    [
        (("load",), {"load"}, "verified"),
        (("load", "fault"), {"load", "fault"}, "verified"),
        (("load", "fault"), {"load"}, "inconclusive"),
        (("load", "capacity"), {"load", "fault"}, "inconclusive"),
        (("load", "probe"), {"load", "fault"}, "inconclusive"),
        (("load", "drill"), {"load", "drill"}, "inconclusive"),
        (("load", "attest"), {"load"}, "verified"),
    ],
)
def test_every_way_that_a_promise_needs_must_have_been_tried(how, ways, expected):
    """A promise about load and faults is not kept by a calm run alone; a drill is a drill only where one names the promise."""
    target = promising(Claim("P1", "answers quickly", how, "finance"), objectives=[LATENCY])
    found = row("P1", run("a", QUICK, ways=frozenset(ways), texts=texts(target)), target=target)
    assert found.outcome == expected
    missing = [way for way in how if way not in {"load", "attest"} and way not in ways - {"drill"}]
    assert (not missing) or f"not tested: by {missing[0]}" in found.why


def test_a_drill_that_names_the_promise_settles_it():
    """By the verdicts of the drill."""
    target = promising(Claim("P1", "restores", ("drill",)))
    assert row("P1", _drilled("a", "restore.latest", target), target=target).outcome == "verified"


def test_one_kind_of_drill_does_not_settle_another_that_names_the_promise():
    """A restore that passed says nothing of a deploy that was not decided; the same kind does, when it is carried out again."""
    target = promising(Claim("P1", "restores and deploys", ("drill",)))
    restored, unclear = _drilled("a", "restore.latest", target), _drilled("b", "deploy.canary", target, Status.INCONCLUSIVE)
    assert row("P1", restored, unclear, target=target).outcome == "inconclusive"
    assert row("P1", restored, unclear, _drilled("c", "deploy.canary", target), target=target).outcome == "verified"


def _drilled(name, kind, target, status=Status.PASS):
    """A run with one drill of this kind."""
    said = PartVerdicts("P1", drill_part(kind), (verdict(LATENCY, status, name=kind, id=f"drill/{kind}", measure="drill"),))
    return run(name, [said], texts=texts(target), ways=frozenset({"load", "drill"}))


def test_every_objective_of_a_promise_must_be_answered():
    """Recovery from a shard says nothing of a region."""
    regions = Objective("recovery", ("P2",), Measure.RECOVERY, at_most=60.0, faults=("region.*",))
    target = promising(TARGET.claims[1], objectives=[RECOVERY, regions])
    there = texts(target)
    alone = row("P2", run("a", RECOVERED, texts=there), target=target)
    assert (alone.outcome, alone.why) == ("inconclusive", "kept as far as it was tested; not tested: recovery of region.*")
    other = says(regions, verdict(regions, name="gone", scope="fault:gone", measured=20.0))
    assert row("P2", run("a", RECOVERED, texts=there), run("b", other, texts=there), target=target).outcome == "verified"
    assert (
        row("P2", run("a", RECOVERED, texts=there), run("b", other, texts=there, grade="rehearsed"), target=target).outcome == "rehearsed"
    )


@pytest.mark.parametrize(
    ("runs", "now", "outcome"),
    [
        ([run("a", SLOW)], NOW, "waived until"),
        ([run("a", SLOW), run("b", QUICK)], NOW, "waived until"),
        ([run("a", SLOW)], NOW.replace(day=24, hour=23), "waived until"),
        ([run("a", SLOW, days=-20)], NOW.replace(day=25), "refuted"),
        # Days are those of UTC, wherever the launch is.
        ([run("a", SLOW, days=-20)], datetime(2026, 12, 24, 23, tzinfo=timezone(timedelta(hours=-5))), "refuted"),
        ([run("a", SLOW, days=-20)], datetime(2026, 12, 25, 1, tzinfo=timezone(timedelta(hours=5))), "waived until"),
        ([run("a", QUICK)], NOW, "verified"),
        ([], NOW, "not run"),
        ([run("a", says(LATENCY, verdict(LATENCY, BAD), verdict(LATENCY, BAD, id="other/all")))], NOW, "refuted"),
    ],
)
def test_a_waiver_holds_until_its_day(runs, now, outcome):
    """For a promise that is broken, with its owner; past its date it is no waiver, and it never covers another verdict."""
    target = replace(TARGET, waive=(WAIVER,))
    found = row("P1", *runs, target=target, now=now)
    assert found.outcome == outcome
    if outcome == "waived until":
        assert (found.owner, found.until) == ("Mara", "2026-12-24")
        assert "known" in found.why


def test_a_waiver_of_the_runs_own_plan_holds_too():
    """It was stated when the run was made."""
    assert row("P1", run("a", SLOW, waive=(WAIVER,))).outcome == "waived until"


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        (Claim("P3", "is audited", ("attest",), "finance"), "attested"),
        (Claim("P3", "is audited", ("attest",)), "not run"),
        (Claim("P3", "is audited", ("probe", "attest"), "finance"), "not run"),
    ],
)
def test_only_what_nothing_can_measure_is_attested(claim, outcome):
    """By an owner who is named."""
    assert row("P3", target=promising(claim)).outcome == outcome


def test_what_is_attested_alone_is_never_verified():
    """Even if an objective names it; broken it is broken."""
    objective = replace(LATENCY, claims=("P3",))
    target = promising(TARGET.claims[2], objectives=[objective])
    made = run("a", says(objective, verdict(objective)), texts=texts(target))
    assert row("P3", made, target=target).outcome == "attested"
    made = run("a", says(objective, verdict(objective, BAD)), texts=texts(target))
    assert row("P3", made, target=target).outcome == "refuted"


GO = {
    "all must-haves verified": ([run("a", QUICK, RECOVERED)], TARGET, 0),
    "one not run": ([run("a", QUICK)], TARGET, 3),
    "one rehearsed": ([run("a", QUICK, RECOVERED, grade="rehearsed")], TARGET, 3),
    "one measured": ([run("a", QUICK, RECOVERED, grade="measured")], TARGET, 3),
    "one refuted": ([run("a", SLOW, RECOVERED)], TARGET, 1),
    "one waived": ([run("a", SLOW, RECOVERED)], replace(TARGET, waive=(WAIVER,)), 3),
    "nothing at all": ([], TARGET, 3),
}


@pytest.mark.parametrize("case", GO)
def test_go_only_if_every_must_have_is_verified(case):
    """1 for a must-have that is refuted, 3 for anything else."""
    runs, target, code = GO[case]
    found = judged(*runs, target=target)
    assert (found.exit_code, found.go) == (code, code == 0)
    assert found.sentence.startswith("Go: 2 of 2 must-haves verified." if code == 0 else "No-go: ")


def test_what_is_no_must_have_decides_nothing():
    """Refuted or not run, and it is shown all the same; a target without a must-have is no go."""
    target = promising(replace(TARGET.claims[0], must_have=False), *TARGET.claims[1:], objectives=TARGET.objectives)
    found = judged(run("a", SLOW, RECOVERED), target=target)
    assert (found.exit_code, found.rows[0].outcome, found.rows[0].must_have) == (0, "refuted", False)
    none = promising(*(replace(one, must_have=False) for one in TARGET.claims), objectives=TARGET.objectives)
    assert judged(run("a", QUICK, RECOVERED), target=none).exit_code == 3
    audited = promising(*TARGET.claims[:2], replace(TARGET.claims[2], must_have=True), objectives=TARGET.objectives)
    assert judged(run("a", QUICK, RECOVERED), target=audited).exit_code == 3


def test_the_row_has_figure_scale_build_age_and_evidence():
    """All that its reader asks for, one click away."""
    found = row("P1", run("a", QUICK, days=3))
    assert found.measured == "Response time p95 41 ms (40 ms to 43 ms), promised ≤ 100 ms"
    assert found.scale == "Response time p95 41 ms at 300 requests/s on 4 regions and 4 shards, 8 processes"
    assert (found.build, found.age, found.until) == ("release 7", "3 days", "2026-12-28")
    evidence = found.evidence[0]
    assert (evidence.run, evidence.verdict, evidence.report) == ("/runs/a", "latency/all", "/runs/a/report.html")
    assert evidence.anchor == "verdict-latency-all"


def test_counts_name_every_outcome():
    """Also those that no promise has."""
    found = judged(run("a", QUICK))
    assert set(found.counts) == set(PromiseOutcome)
    assert sum(found.counts.values()) == len(found.rows)
    assert found.counts[PromiseOutcome.EXTRAPOLATED] == 0


@pytest.mark.parametrize(("hours", "told"), [(0, "0 h"), (13.2, "13 h"), (47.9, "48 h"), (48, "2 days"), (24 * 31, "31 days"), (-1, "0 h")])
def test_an_age_is_told_in_words(hours, told):
    """Hours, then whole days."""
    assert days(timedelta(hours=hours)) == told


RANK = [
    "refuted", "not run", "expired", "inconclusive", "waived until", "attested", "extrapolated", "rehearsed", "measured in our environment",
    "verified",
]  # fmt: skip
"""The worst first."""
STATUSES = st.sampled_from([GOOD, GOOD, UNCLEAR, BAD])
REGIONS = Objective("recovery", ("P1",), Measure.RECOVERY, at_most=60.0, faults=("region.*",))


@st.composite
def histories(draw):
    """A promise with two objectives, its ways, and some runs of it; every verdict on it, by run and place."""
    how = draw(st.lists(st.sampled_from(["load", "fault", "drill", "attest"]), min_size=1, max_size=3, unique=True))
    target = promising(
        Claim("P1", "a promise", tuple(how), "finance"), objectives=[LATENCY, REGIONS], waive=draw(st.sampled_from([(), (WAIVER,)]))
    )
    runs = []
    for number in range(draw(st.integers(0, 4))):
        said = [
            says(one, *(verdict(one, draw(STATUSES), f"v{place}") for place in range(draw(st.integers(1, 2)))))
            for one in (LATENCY, REGIONS)
            if draw(st.booleans())
        ]
        made = run(
            f"r{number}",
            *said,
            days=draw(st.sampled_from([1, 2, 40])),
            grade=draw(st.sampled_from(["rehearsed", "measured", "verified"])),
            build=draw(st.sampled_from(["1", "1", "2", None])),
            environment=draw(st.sampled_from(["a", "b"])),
            texts=texts(target),
            ways=frozenset(draw(st.sets(st.sampled_from(["load", "fault", "drill"])))),
            stopped=draw(st.sampled_from(["", "", "it was stopped"])),
        )
        runs.append(made)
    return target, runs


def without(made, place):
    """The run without one of its verdicts."""
    left = []
    for part_number, part in enumerate(made.parts):
        kept = tuple(one for number, one in enumerate(part.verdicts) if (part_number, number) != place)
        left += [replace(part, verdicts=kept)] if kept else []
    return replace(made, parts=tuple(left))


@given(histories(), st.data())
def test_removing_supporting_evidence_never_improves_a_row(case, data):
    """A pass less, anywhere: the row is as it was, or worse."""
    target, runs = case
    support = [
        (which, (part_number, number))
        for which, made in enumerate(runs)
        for part_number, part in enumerate(made.parts)
        for number, one in enumerate(part.verdicts)
        if one.status is GOOD
    ]
    if not support:
        return
    removed = data.draw(st.lists(st.sampled_from(support), min_size=1, max_size=1))
    fewer = list(runs)
    for which, place in removed:
        fewer[which] = without(fewer[which], place)
    before, after = row("P1", *runs, target=target), row("P1", *fewer, target=target)
    assert RANK.index(after.outcome) <= RANK.index(before.outcome)


@given(histories())
def test_no_row_is_ever_blank(case):
    """Nor is one verified without a verified run that ran to its end, of this build and within its age."""
    target, runs = case
    found = row("P1", *runs, target=target)
    assert blank(found) == []
    if found.outcome in {"verified", "measured in our environment", "rehearsed"}:
        assert any(one.parts and not one.stopped and one.ended > NOW - timedelta(days=31) for one in runs)
        assert found.evidence


@pytest.mark.parametrize(
    ("older", "newer", "outcome"),
    [
        ({}, {"ways": frozenset({"load"})}, "verified"),
        ({"grade": "rehearsed", "environment": "embedded"}, {"ways": frozenset({"load"})}, "rehearsed"),
        ({"ways": frozenset({"load"})}, {"ways": frozenset({"load"})}, "inconclusive"),
    ],
    ids=["with faults before", "with faults on the stand-in", "never with faults"],
)
def test_a_newer_run_with_load_alone_takes_no_way_away(older: dict[str, Any], newer: dict[str, Any], outcome: str) -> None:
    """The promise must hold in both ways; what was shown with faults still counts, and for no more than it can show."""
    target = promising(Claim("P1", "answers quickly", ("load", "fault")), objectives=(LATENCY,))
    told: dict[str, Any] = {"texts": texts(target)}
    found = row("P1", run("a", QUICK, days=3, **told, **older), run("b", QUICK, **told, **newer), target=target)
    assert found.outcome == outcome, found.why
