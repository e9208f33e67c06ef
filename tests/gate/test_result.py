"""The whole answer of a gate: metrics, broken promises, waivers, and how it looks."""

import json
from dataclasses import replace
from datetime import date
from functools import cache

import pytest

from closeshave.comparison.fingerprint import RunFingerprint
from closeshave.gate import telling
from closeshave.gate.decision import GateAnswer, decide
from closeshave.gate.design import Side
from closeshave.gate.result import GateAbout, conclude, machine_speeds, nothing, parsed, told
from closeshave.gate.rules import rules
from closeshave.gate.running import changes
from closeshave.plan import Gate, Waiver
from closeshave.report import github
from tests import jenkins
from tests.gate.stages import blocks

RULES = rules(Gate())
ABOUT = GateAbout("gate", "current", "next", 1, "2026-11-29T20:00:00+00:00")


def result(*stages, waivers=()):
    """What a gate with these stages says."""
    whole = [one for stage in stages for one in stage]
    decision = decide(RULES, [changes(RULES, whole, number + 1) for number in range(len(stages))])
    return conclude(ABOUT, decision, whole, waivers, RunFingerprint())


def hostile():
    """Names and sentences that look like markup."""
    about, whole = replace(ABOUT, base="<script>::error::\n| x", plan="](y)"), blocks(1, broken=Side.CANDIDATE)
    return replace(conclude(about, decide(RULES, [[]]), whole, (), RunFingerprint()), sentence="<b>::error::\nsecond line | `x`")


ALL = {
    "slow": lambda: result(blocks(1, slower=1.1), blocks(2, slower=1.1)),
    "same": lambda: result(blocks(1)),
    "noisy": lambda: result(blocks(1, noise=0.09)),
    "broken": lambda: result(blocks(1, broken=Side.CANDIDATE)),
    "hostile": hostile,
    "none": lambda: nothing(ABOUT, "there is no baseline reports/baselines/x.json", [], (), RunFingerprint()),
}


@cache
def made(name):
    """One of them; nobody changes it."""
    return ALL[name]()


def test_a_slower_candidate_is_worse_on_that_metric_alone():
    """With exit code 1; the others are the same."""
    assert (made("slow").answer, made("slow").exit_code) == (GateAnswer.WORSE, 1)
    assert [one.metric for one in made("slow").metrics if one.answer is GateAnswer.WORSE] == ["p95/book"]
    assert made("slow").sentence.startswith("Worse: p95/book (+10.0 %; in both stages")


def test_an_equal_candidate_is_the_same():
    """With exit code 0."""
    assert (made("same").answer, made("same").exit_code) == (GateAnswer.SAME, 0)
    assert made("same").sentence == "Same: p95/book, p95/slots, not-good, cpu-per-request, cache-misses."


def test_noise_is_unknown_and_never_success():
    """With exit code 3."""
    assert (made("noisy").answer, made("noisy").exit_code) == (GateAnswer.UNKNOWN, 3)


def test_a_candidate_that_breaks_a_promise_fails_however_quick_it_is():
    """Named once, with the number of legs and the first of them."""
    assert (made("broken").answer, made("broken").exit_code) == (GateAnswer.SAME, 1)
    assert made("broken").sentence.startswith("The candidate breaks a promise: integrity/lost in 12 legs, first in run-1-1-")
    assert telling.headline(made("broken")) == "✘ Fail:"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "? Unknown: there is no baseline reports/baselines/x.json."),
        ("same", "✔ Same: p95/book, p95/slots, not-good, cpu-per-request, cache-misses."),
        ("broken", "✘ Fail: The candidate breaks a promise: integrity/lost in 12 legs, first in run-1-1-"),
    ],
    ids=["unknown", "same", "fail"],
)
def test_the_answer_is_said_once(name, said):
    """By the headline; the sentence alone, as in other files, names it too."""
    assert f"{telling.headline(made(name))} {telling.explanation(made(name))}".startswith(said)


def test_a_promise_that_only_the_base_breaks_is_shown():
    """The candidate is not worse for it."""
    found = result(blocks(1, broken=Side.BASE))
    assert found.exit_code == 0
    assert "The base alone broke integrity/lost." in found.sentence


def test_a_block_that_was_thrown_away_still_counts_for_promises():
    """No noisy machine loses a booking."""
    (lost, *_) = blocks(1, broken=Side.CANDIDATE)
    thrown = replace(lost, legs=(*lost.legs[:-1], replace(lost.legs[-1], spoilt="the senders were late")))
    assert result([thrown, *blocks(1, number=6)[1:]]).exit_code == 1


@pytest.mark.parametrize(("until", "code"), [(date(2026, 11, 29), 0), (date(2026, 11, 28), 1)])
def test_what_is_waived_does_not_gate_until_its_day(until, code):
    """A metric and a promise; the day after, both count again."""
    waive = (Waiver("gate/p95/*", "Mara", "known", until), Waiver("integrity/lost", "Mara", "known", until))
    slow = result(blocks(1, slower=1.1, broken=Side.CANDIDATE), blocks(2, slower=1.1), waivers=waive)
    assert slow.exit_code == code
    assert ("Waived: p95/book until" in slow.sentence) is (code == 0)
    assert ("Waived promises: integrity/lost until" in slow.sentence) is (code == 0)


def test_where_every_metric_is_waived_nothing_was_compared():
    """Such a gate has no evidence for a pass."""
    found = result(blocks(1), waivers=(Waiver("gate/*", "Mara", "known", date(2026, 12, 1)),))
    assert found.exit_code == 0, "a metric that is the same needs no waiver, and counts"
    none = conclude(ABOUT, replace(decide(RULES, [[]]), metrics=()), blocks(1), (), RunFingerprint())
    assert (none.answer, none.exit_code, none.sentence) == (GateAnswer.UNKNOWN, 3, "Unknown: no metric counts.")
    empty = conclude(ABOUT, decide(RULES, [[]]), [], (Waiver("gate/*", "Mara", "known", date(2026, 12, 1)),), RunFingerprint())
    assert (empty.answer, empty.exit_code) == (GateAnswer.UNKNOWN, 3)


def test_nothing_to_compare_with_is_unknown():
    """But a broken promise is a fail all the same."""
    assert (made("none").answer, made("none").exit_code) == (GateAnswer.UNKNOWN, 3)
    assert made("none").sentence == "Unknown: there is no baseline reports/baselines/x.json."
    assert nothing(ABOUT, "x", blocks(1, broken=Side.CANDIDATE), (), RunFingerprint()).exit_code == 1


@pytest.mark.parametrize("name", ALL)
def test_a_result_is_read_as_it_was_written(name):
    """As plain JSON."""
    assert parsed(json.loads(json.dumps(told(made(name)), allow_nan=False))) == made(name)


@pytest.mark.parametrize("name", ALL)
def test_junit_is_valid_by_the_schema_of_jenkins(name):
    """Worse is a failure, unknown an error."""
    text = telling.junit(made(name)).decode()
    jenkins.check(text)
    assert ("<failure" in text) is (name in {"slow", "broken", "hostile"})
    assert ("<error" in text) is (name in {"noisy", "none", "hostile"})


@pytest.mark.parametrize("name", ALL)
def test_every_form_names_the_answer_and_lets_no_text_out(name):
    """Markup and workflow commands of a name stay text."""
    found = made(name)
    page, markdown = telling.page(found), telling.markdown(found)
    assert telling.headline(found) in page
    assert telling.headline(found) in markdown
    assert "<script>" not in page
    assert "<script>" not in markdown
    lines = github.commands(telling.annotated(found, "scenarios/gate.yaml"))
    assert all("\n" not in line and line.startswith("::") for line in lines)
    assert any(line.startswith("::error") for line in lines) is (found.exit_code == 1 or name == "none")


@pytest.mark.parametrize(
    ("costs_ms", "said"),
    [
        pytest.param((0.52, 0.58), "", id="a steady machine"),
        pytest.param((0.52, 0.90), "up to 73% slower", id="one slow leg"),
        pytest.param((None, None), "", id="not recorded: an older gate"),
    ],
)
def test_an_unknown_answer_names_a_machine_whose_speed_changed(costs_ms, said):
    """By what the senders needed in the legs of the base: they are the same program in each."""
    whole = [replace(one, legs=_costing(one.legs, costs_ms)) for one in blocks(1, noise=0.09)]
    found = conclude(ABOUT, decide(RULES, [changes(RULES, whole, 1)]), whole, (), RunFingerprint())
    assert found.answer is GateAnswer.UNKNOWN
    assert ("The machine itself" in found.sentence) is bool(said)
    assert said in found.sentence
    assert any(said in line for line in telling.notes(found))


def test_what_a_candidate_makes_the_senders_do_is_no_speed_of_the_machine():
    """Larger answers cost them more in its legs alone."""
    whole = [
        replace(one, legs=tuple(replace(leg, sender_cpu_ms=0.9 if leg.side is Side.CANDIDATE else 0.5) for leg in one.legs))
        for one in blocks(1, noise=0.09)
    ]
    assert machine_speeds(whole) == (0.5, 0.5)


def _costing(legs, costs_ms):
    """Of the base's legs, in turn; the candidate's cost nothing like it."""
    turn = iter(costs_ms)
    return tuple(replace(leg, sender_cpu_ms=next(turn) if leg.side is Side.BASE else 9.0) for leg in legs)
