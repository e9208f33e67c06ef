"""The table of live gates: what counts, what is composed, and that a row is never called right before it has enough gates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.power import cases, live, recorded, table
from benchmarks.power.cases import CASES, PowerCase
from benchmarks.power.live import Place
from benchmarks.power.recorded import RecordedGate
from closeshave.comparison.fingerprint import RunFingerprint
from closeshave.environments.definition import read_definition
from closeshave.files.shipped import locate
from closeshave.gate import directory
from closeshave.gate.decision import GateAnswer, decide
from closeshave.gate.design import Side
from closeshave.gate.directory import GateOrder
from closeshave.gate.result import GateAbout, GateResult, conclude, told
from closeshave.gate.rules import rules
from closeshave.gate.running import changes
from closeshave.plan import Gate, read_plan
from tests.gate.stages import blocks

RULES = rules(Gate())
EQUAL, DOUBLING = CASES[0], CASES[-1]
SLOWER = next(case for case in CASES if case.key == "time-10")


def gate(slower: float = 1.0, broken: Side | None = None, seed: int = 1) -> GateResult:
    """The result of a live gate with these legs."""
    judged = [
        *blocks(1, seed=seed, slower=slower, broken=broken),
        *(blocks(2, seed=seed, slower=slower, broken=broken) if slower > 1 else ()),
    ]
    stages = [found for stage in (1, 2) if (found := changes(RULES, judged, stage))]
    about = GateAbout("gate", "current", "next", seed, "2026-11-30T06:00:00+00:00")
    return conclude(about, decide(RULES, stages), judged, (), RunFingerprint())


def found(case: PowerCase, results: list[GateResult]) -> table.CaseFound:
    """The row of these gates."""
    return table.found(case, results, RULES, table.sound(results, RULES), 1)


def begun(place: Path) -> Path:
    """The directory of a gate of equal releases that has no answer yet."""
    there = place / EQUAL.key / "20261130-060000-gate-00"
    there.mkdir(parents=True)
    order = GateOrder("gate.yaml", "current", "current", 1, "2026-11-30T06:00:00+00:00", RULES, "plan", ("environment",), "target")
    directory.write_rules(there, order)
    return there


def test_what_a_gate_says_is_counted_as_the_row_asks() -> None:
    """Worse on another metric than the planted one is no success, nor is a slow candidate where a witness is asked for."""
    assert table.said(EQUAL, gate()) is GateAnswer.SAME
    assert table.said(SLOWER, gate(1.1)) is GateAnswer.WORSE
    other = replace(SLOWER, metric="cpu-per-request")
    assert table.said(other, gate(1.1)) is GateAnswer.UNKNOWN
    assert table.said(replace(SLOWER, metric="p95/book", alone=True), gate(1.1)) is GateAnswer.WORSE
    assert table.said(DOUBLING, gate(broken=Side.CANDIDATE)) is GateAnswer.WORSE
    assert table.said(DOUBLING, gate(broken=Side.BASE)) is not GateAnswer.WORSE


def test_the_rest_of_a_row_is_composed_of_recorded_blocks() -> None:
    """With five live gates the row is full; with fewer nobody says whether it is right."""
    full = found(EQUAL, [gate(seed=seed) for seed in range(1, 6)])
    assert full.composed is not None
    assert (len(full.live), full.composed.gates) == (5, 15)
    assert table.right(full) is True
    assert table.right(found(EQUAL, [gate(seed=seed) for seed in range(1, 5)])) is None
    assert table.right(found(EQUAL, [gate(1.1, seed=seed) for seed in range(1, 6)])) is False
    assert table.right(found(SLOWER, [gate(1.1, seed=seed) for seed in range(1, 6)])) is True
    assert table.right(found(SLOWER, [gate(seed=seed) for seed in range(1, 6)])) is False


def test_too_few_blocks_compose_nothing() -> None:
    """One gate has six; a gate of two stages needs twelve."""
    assert found(EQUAL, [gate()]).composed is None


def test_the_page_says_what_was_run_and_what_was_not() -> None:
    """Live and composed gates apart."""
    rows = [found(EQUAL, [gate(seed=seed) for seed in range(1, 6)]), found(SLOWER, [])]
    text = table.render(rows, None)
    assert "| A against A, quiet | 5: 5 same | 15: 15 neither | " in text
    assert "| same in ≥ 17, 0 worse of 20 | ✔ |" in text
    assert "Not run yet: +10 % service time in every request." in text
    marks = [f"<!-- {word}: {mark} -->" for mark in (table.FULL, table.SHORT) for word in ("begin", "end")]
    page = f"before\n{marks[0]}\nold\n{marks[1]}\n{marks[2]}\nold\n{marks[3]}\nafter\n"
    assert table.replaced(page, text) == f"before\n{marks[0]}\n\n{text}\n\n{marks[1]}\n{marks[2]}\nold\n{marks[3]}\nafter\n"
    assert table.replaced(page, text, table.SHORT) == f"before\n{marks[0]}\nold\n{marks[1]}\n{marks[2]}\n\n{text}\n\n{marks[3]}\nafter\n"
    with pytest.raises(ValueError, match="the page has no lines"):
        table.replaced("nothing", text)


def test_the_short_form_says_how_few_gates_it_has_and_what_the_machine_did() -> None:
    """And calls no row right."""
    text = table.brief([found(EQUAL, [gate()]), found(SLOWER, [])], {EQUAL.key: ([0.2], [1.25, 7.0])})
    [row] = text.splitlines()[2:]
    assert row.startswith("| A against A | 1: 1 same | 6 | ")
    assert row.endswith(" | 20% | 0% of a leg (median), 0% at most | 1.25, 7 |")


def test_every_release_of_the_cases_is_in_the_environment(tmp_path: Path) -> None:
    """Which the command reads; a release that costs more waits until the cost of a request is known."""
    place = Place(tmp_path, tmp_path / "records")
    live.prepare(place, None)
    names = read_definition(tmp_path / live.ENVIRONMENT).application.names_of_releases  # type: ignore[union-attr] # it is not remote
    assert {case.candidate for case in CASES if not case.candidate.startswith("dearer")} <= set(names)
    (tmp_path / "dearer.yaml").write_text(live.environment(6.0))
    dearer = read_definition(tmp_path / "dearer.yaml").application  # type: ignore[union-attr] # it is not remote
    assert {case.candidate for case in CASES} <= set(dearer.names_of_releases)
    assert dearer.releases["dearer"].variables["BURDEN"] == "cpu 0.600"
    assert read_plan(tmp_path / live.PLAN).gate == read_plan(locate("scenarios", "gate")).gate


def test_what_was_prepared_once_stays(tmp_path: Path) -> None:
    """A gate that was stopped goes on only with the same files."""
    place = Place(tmp_path, tmp_path / "records")
    live.prepare(place, 5)
    assert read_plan(tmp_path / live.PLAN).limits.duration == 30
    assert read_plan(tmp_path / live.PLAN).gate.blocks == 5
    live.prepare(place, None)
    assert read_plan(tmp_path / live.PLAN).gate.blocks == 5


def test_the_cost_of_a_request_is_that_of_the_first_gate_of_equal_releases(tmp_path: Path) -> None:
    """In milliseconds; unknown before."""
    place = Place(tmp_path, tmp_path / "records")
    assert live.cost_ms(place) is None
    there = begun(tmp_path)
    assert place.answered(EQUAL) == []
    (there / directory.RESULT).write_text(json.dumps(told(gate())))
    assert len(place.answered(EQUAL)) == 1
    assert live.cost_ms(place) == pytest.approx(1.5, rel=0.01)


def test_a_gate_that_was_not_finished_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a new one; with as many as wanted nothing is started."""
    place = Place(tmp_path, tmp_path / "records")
    live.prepare(place, None)
    called: list[tuple[str, ...]] = []

    def command(words: Sequence[str]) -> int:
        called.append(tuple(words))
        return 0

    monkeypatch.setattr(live, "_gate", command)
    assert live.one_more(place, EQUAL, 1)
    assert called[-1][:5] == (str(tmp_path / live.PLAN), "--baseline", "current", "--candidate", "current")
    there = begun(tmp_path)
    assert live.one_more(place, EQUAL, 1)
    assert called[-1] == ("--resume", str(there))
    (there / directory.RESULT).write_text(json.dumps(told(gate())))
    place.record(EQUAL)
    assert not live.one_more(place, EQUAL, 1)
    assert len(called) == 2
    monkeypatch.setattr(live, "_gate", lambda _words: 130)
    with pytest.raises(live.PowerStopped):
        live.one_more(place, EQUAL, 2)
    monkeypatch.setattr(live, "_gate", lambda _words: 4)
    with pytest.raises(RuntimeError, match="a gate of equal ended with exit code 4; the next call goes on with it"):
        live.one_more(place, EQUAL, 2)


def test_gates_of_another_machine_count(tmp_path: Path) -> None:
    """Each gate is within one job, so its answer does not depend on where the others ran; those by other rules are left out."""
    place = Place(tmp_path / "here", tmp_path / "records")
    live.prepare(place, None)
    machine = RunFingerprint(machine={"processor": "EPYC", "cores": 2})
    other = RecordedGate("20261129-060000-gate-00", RULES, 0.4, replace(gate(seed=2), fingerprint=machine))
    recorded.keep(EQUAL.key, other, place.records)
    recorded.keep(EQUAL.key, replace(other, name="another-question", rules=rules(Gate(blocks=5))), place.records)
    (begun(place.path) / directory.RESULT).write_text(json.dumps(told(replace(gate(), started_at="2026-11-30T06:00:00+00:00"))))
    place.record(EQUAL)
    assert {one.name for one in place.finished(EQUAL)} == {"20261129-060000-gate-00", "20261130-060000-gate-00"}
    assert live.rates(place, EQUAL) == [0.4]
    text = table.render(
        [found(EQUAL, [one.result for one in place.finished(EQUAL)])], None, [other.machine, "Xeon, 4 cores", other.machine]
    )
    assert "Live gates by machine: EPYC, 2 cores: 2; Xeon, 4 cores: 1." in text


def test_a_recorded_gate_is_not_written_twice(tmp_path: Path) -> None:
    """What was committed stays as it is."""
    first = RecordedGate("one", RULES, None, gate())
    recorded.keep("equal", first, tmp_path)
    recorded.keep("equal", replace(first, rate_scale=1.0), tmp_path)
    assert recorded.load("equal", tmp_path) == [first]


def test_the_recorded_gates_of_this_checkout_can_be_read() -> None:
    """A file that an older version wrote must not break the table."""
    assert {path.name for path in recorded.HOME.glob("*")} <= {case.key for case in CASES}
    for case in CASES:
        recorded.load(case.key)


def test_names_of_cases_are_unique() -> None:
    """Directories have them."""
    assert len({case.key for case in CASES}) == len(CASES)
    assert set(cases.SHORT) <= {case.key for case in CASES}
