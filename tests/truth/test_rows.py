"""Breaking one thing must refute exactly the right promises: the comparison of two ledgers, and rows that can be carried out."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from closeshave.files.shipped import locate
from closeshave.probes.catalogue import PROBES, matching
from closeshave.readiness.values import PromiseOutcome
from closeshave.standin.settings import TOPOLOGY
from closeshave.target import read_target
from closeshave.topology import Shard, Topology
from closeshave.trial.preparation import prepare
from tests.tiers import thorough
from truth import breaking, promises
from truth.promises import RowResult
from truth.row_judging import SeenPromise, judge
from truth.rows import ROWS, SYSTEMS, PromiseRow, RowSystem, TextEdit

TTL, LATER = "probe/ttl.sessions", "probe/ttl"
KEPT = SeenPromise("rehearsed", "kept by 3 verdicts of 1 run")
OPEN = SeenPromise("inconclusive", "kept as far as it was tested; not tested: by fault")
GONE = SeenPromise("refuted", f"{TTL} of the stand-in in round-1: a new session lives 3600 s; promised 86400 s")
UNBROKEN = {"P1": KEPT, "P2": OPEN, "P3": SeenPromise("not run", "no run tests it")}


@pytest.mark.parametrize(
    ("broken", "expected", "shown_by", "wrong"),
    [
        ({"P1": GONE}, {"P1"}, TTL, ""),
        ({"P1": GONE}, {"P1"}, LATER, ""),
        ({"P1": GONE, "P2": GONE}, {"P1", "P2"}, TTL, ""),
        ({}, {"P1"}, TTL, "P1 is not refuted but rehearsed"),
        ({"P1": OPEN}, {"P1"}, TTL, "P1 is not refuted but inconclusive"),
        ({"P1": GONE}, {"P1"}, "probe/headers", "P1 is refuted for another reason than probe/headers"),
        ({"P1": GONE, "P2": GONE}, {"P1"}, TTL, "P2 was inconclusive and is refuted"),
        ({"P1": GONE, "P2": KEPT}, {"P1"}, TTL, "P2 was inconclusive and is rehearsed"),
        ({"P1": GONE, "P3": OPEN}, {"P1"}, TTL, "P3 was not run and is inconclusive"),
        ({"P1": GONE}, {"P9"}, TTL, "the target has no promise P9"),
        ({"P1": GONE, "P4": KEPT}, {"P1"}, TTL, "the two ledgers have different promises"),
        ({"P1": GONE}, set(), TTL, "nothing is expected to be refuted"),
    ],
    ids=[
        "one",
        "one, shown by another witness",
        "two",
        "none",
        "unknown",
        "for another reason",
        "one too many",
        "one is kept",
        "one was run",
        "no such promise",
        "another target",
        "nothing expected",
    ],
)
def test_a_row_is_right_if_exactly_the_expected_promises_are_refuted(
    broken: Mapping[str, SeenPromise], expected: set[str], shown_by: str, wrong: str
) -> None:
    """For the right reason; every other promise is as it was."""
    found = judge(UNBROKEN, {**UNBROKEN, **broken}, expected, shown_by)
    assert found.right is (not wrong)
    assert wrong in found.reason
    assert found.reason


def test_a_promise_that_was_refuted_before_proves_nothing() -> None:
    """Whatever was broken afterwards."""
    found = judge({**UNBROKEN, "P1": GONE}, {**UNBROKEN, "P1": GONE}, {"P1"}, TTL)
    assert not found.right
    assert "P1 was refuted before anything was broken" in found.reason


def test_everything_that_is_wrong_is_told() -> None:
    """Not only the first."""
    found = judge(UNBROKEN, {**UNBROKEN, "P2": GONE, "P3": GONE}, {"P1"}, TTL)
    assert found.reason.count(";") >= 2
    assert all(name in found.reason for name in ("P1", "P2", "P3"))


def test_the_outcome_is_called_as_the_ledger_calls_it() -> None:
    """The comparison knows one of its words."""
    assert PromiseOutcome("refuted") is PromiseOutcome.REFUTED


def test_every_system_has_five_rows_and_every_row_a_name_of_its_own() -> None:
    """Named after their systems."""
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(sum(row.system == letter for row in ROWS) >= 5 for letter in SYSTEMS)
    assert all(row.name.startswith(f"{row.system}-") for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_is_about_promises_of_its_target(row: PromiseRow) -> None:
    """One thing is broken, and a probe that each of its promises names, or a plan, can refute them."""
    system = SYSTEMS[row.system]
    claims = {claim.id: claim for claim in read_target(locate("environments/targets", system.target)).claims}
    assert row.refuted
    assert row.refuted <= set(claims)
    assert (row.breaking is not None) + (row.environment_edit is not None) + (row.plan_edit is not None) == 1
    if not row.plan:
        named = [name for name in PROBES if re.search(row.shown_by.partition(".*")[0], f"probe/{name}")]
        assert named
        assert all(set(named) & set(matching(claims[promise].probes)) for promise in row.refuted)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.environment_edit or row.plan_edit or SYSTEMS[row.system].edit], ids=lambda row: row.name
)
def test_what_a_row_edits_is_in_its_file(row: PromiseRow, tmp_path: Path) -> None:
    """A file that changed would otherwise leave the row without its break."""
    system = SYSTEMS[row.system]
    edits = [edit for edit in (system.edit, row.environment_also, row.environment_edit) if edit]
    promises._edited(locate("environments", system.environment), edits, tmp_path / "environment.yaml")
    if row.plan_edit:
        promises._edited(promises.PLANS / f"{row.plan}.yaml", [row.plan_edit], tmp_path / "plan.yaml")


def test_an_edit_that_finds_nothing_is_refused(tmp_path: Path) -> None:
    """Rather than carried out on the unbroken file."""
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\n")
    with pytest.raises(LookupError, match="has no 'b: 2'"):
        promises._edited(file, [TextEdit("b: 2", "b: 3")], tmp_path / "copy.yaml")


PLANNED = [row for row in ROWS if row.plan]


@pytest.mark.parametrize("row", [PLANNED[0], *thorough(*PLANNED[1:])], ids=lambda row: row.name)
def test_every_plan_of_a_row_can_be_carried_out(row: PromiseRow, tmp_path: Path) -> None:
    """On its system's environment, as the row wants it before anything is broken."""
    system = SYSTEMS[row.system]
    edits = [edit for edit in (system.edit, row.environment_also) if edit]
    environment = promises._edited(locate("environments", system.environment), edits, tmp_path / f"{system.environment}.yaml")
    prepared = prepare(str(promises.PLANS / f"{row.plan}.yaml"), target=system.target, environment=str(environment))
    assert prepared.plan.name == f"row-{row.plan}"


def test_what_variables_break_is_in_the_variables_of_the_stand_in() -> None:
    """A boundary is moved by one franchise, and nothing else."""
    topology = TOPOLOGY.dump_json(Topology(("a", "b"), (Shard(1, 1, 10, "a", "b"), Shard(2, 11, 20, "b", "a")))).decode()
    moved = TOPOLOGY.validate_json(breaking.boundary_shifted({"TOPOLOGY": topology})["TOPOLOGY"])
    assert [(shard.first, shard.last) for shard in moved.shards] == [(1, 9), (10, 20)]
    urls = {"CACHE_URLS": '{"a": "redis://h:1/0", "b": "redis://h:2/0"}', "SESSIONS_URLS": '{"a": "redis://h:3/0", "b": "redis://h:4/0"}'}
    assert breaking.cached_elsewhere("b", "a")(urls) == {"CACHE_URLS": '{"a": "redis://h:1/0", "b": "redis://h:1/0"}'}
    assert breaking.sessions_looked_for_in_the_cache("b")(urls) == {"SESSIONS_URLS": '{"a": "redis://h:3/0", "b": "redis://h:2/0"}'}


def test_another_description_is_found_only_meanwhile() -> None:
    """The file of the checkout is not touched."""
    before = locate("environments", "bookedbarber-gcp-dev")
    with breaking.described_as("bookedbarber-gcp-dev", "kind: remote\n")(None):  # type: ignore[arg-type]  # this one needs no deployment
        assert locate("environments", "bookedbarber-gcp-dev").read_text() == "kind: remote\n"
    assert locate("environments", "bookedbarber-gcp-dev") == before


def test_results_survive_an_interruption_and_the_page_names_what_was_not_run(tmp_path: Path) -> None:
    """A wrong row is called wrong."""
    first, second, *rest = ROWS
    right = RowResult(first.name, True, "E14: probe/ttl | of the stand-in", {"E14": GONE}, ("round-1",), "2026-12-01T00:00:00+00:00", 60.0)
    results = {first.name: right, second.name: replace(right, name=second.name, right=False, reason="E14 is not refuted")}
    file = tmp_path / promises.RESULTS
    file.write_bytes(promises._CODEC.dump_json(results))
    assert promises.load(file) == results
    assert promises.load(tmp_path / "none.json") == {}
    page = promises.render(results)
    assert f"**1 of 2** rows are right (of {len(ROWS)} that exist)." in page
    assert f"Not carried out yet: {', '.join(row.name for row in rest)}." in page
    assert f"| {second.name} | {second.what} | E14 | probes alone | **wrong** | E14 is not refuted |" in page


def test_a_row_without_a_result_stays_as_the_page_tells_it() -> None:
    """But not one that has changed since, and not if there is a result."""
    first, second, third, *_ = ROWS
    right = RowResult(first.name, True, "E14: a | b", {"E14": GONE}, ("round-1",), "2026-12-01T00:00:00+00:00", 60.0)
    page = promises.render({row.name: replace(right, name=row.name) for row in (first, second, third)})
    page = page.replace(f"| {second.name} | {second.what} |", f"| {second.name} | something else |")
    again = promises.render({third.name: replace(right, name=third.name, right=False)}, promises.told(page))
    lines = {line.split(" ")[1]: line for line in again.splitlines() if line.startswith("| ")}
    assert lines[first.name] == next(line for line in page.splitlines() if line.startswith(f"| {first.name} |"))
    assert "| not run |" in lines[second.name]
    assert "| **wrong** |" in lines[third.name]
    assert "**1 of 2** rows are right" in again


def test_the_page_that_is_published_is_read_back() -> None:
    """Every row that it says was carried out."""
    page = promises.PAGE.read_text()
    assert promises.render({}, promises.told(page)) == page


def result(name: str, ledger: Mapping[str, SeenPromise]) -> RowResult:
    """Carried out, and not judged yet."""
    return RowResult(name, False, "", ledger, ("round-1",), "2026-12-01T00:00:00+00:00", 60.0)


@pytest.mark.parametrize(("shown_by", "right"), [(TTL, True), ("probe/headers", False)])
def test_what_was_carried_out_is_judged_again_from_its_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown_by: str, right: bool
) -> None:
    """With what is expected now; a row that was not carried out is left alone."""
    row = replace(ROWS[0], refuted=frozenset({"P1"}), shown_by=shown_by)
    before, seen = promises.unbroken_name(row), {**UNBROKEN, "P1": GONE}
    kept = {before: result(before, {}), row.name: result(row.name, {})}
    asked: list[list[Path]] = []

    def measured(name: str, evidence: Callable[[], list[Path]], _system: RowSystem) -> RowResult:
        asked.append(evidence())
        return result(name, UNBROKEN if name == before else seen)

    monkeypatch.setattr(promises, "_measured", measured)
    promises.judge_again([row, ROWS[1]], kept, tmp_path, Console(quiet=True))
    assert asked == [[tmp_path / "round-1"]] * 2
    assert kept[row.name].right is right
    assert kept[row.name].took_s == 60.0
    assert promises.load(tmp_path / promises.RESULTS) == kept
    assert set(kept) == {before, row.name}


def refuse(*_told: object) -> None:
    """As an environment does that cannot start, or a row whose break was not mended."""
    raise breaking.NotMended("nobody serves")


def test_a_row_that_cannot_be_carried_out_is_told_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not kept, so that the next call does it."""
    tried: list[str] = []

    def shared(_system: RowSystem, rows: Sequence[PromiseRow], _kept: object, _runs: Path, _console: Console, over: list[str]) -> None:
        tried.append(rows[0].name)
        over.append(rows[0].name)
        refuse()

    monkeypatch.setattr(promises, "_shared", shared)
    monkeypatch.setattr(promises, "_alone", refuse)
    said = Console(record=True, file=io.StringIO(), width=300)
    kept: dict[str, RowResult] = {}
    rows = [row for row in ROWS if row.system == "t"]
    promises.carry_out(rows, kept, tmp_path, said)
    assert kept == {}
    assert tried == [row.name for row in rows if not row.own_environment]
    assert said.export_text().count("did not run: NotMended: nobody serves") == len(rows)


def test_each_row_comes_after_the_unbroken_platform_with_which_it_is_compared() -> None:
    """A row with a plan is compared with a run of that plan."""
    named = promises.names()
    assert all(named.index(promises.unbroken_name(row)) < named.index(row.name) for row in ROWS)
    assert promises.unbroken_name(PLANNED[0]).endswith(PLANNED[0].plan)
