"""The after-action report: expected against observed, one axis, what is unknown; hostile text stays text; and deficiencies that are tested again."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal

import jsonschema
import pytest

from closeshave.comparison.nights import Night
from closeshave.comparison.retests import Deficiency, RetestState, exit_code, rows, sentence
from closeshave.files.jsonfile import Damaged
from closeshave.gameday import chain, deficiencies, page, state, telling, writing
from closeshave.gameday.account import AfterAction
from closeshave.gameday.moments import on_one_axis
from closeshave.gameday.roles import PressAction
from closeshave.history import DrillEnded, DrillProven, DrillStepped, InjectPassed, PersonMarked, Signal
from closeshave.judge import assess
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.measures.incidents import Incident
from closeshave.plan import Inject
from closeshave.reference.schemas import schemas
from closeshave.vocabulary import GAME_DAY, HumanMark, PersonRole
from tests.judge.histories import ns, starving
from tests.judge.test_people import DETECT, INJECT, held, mark

HOSTILE = "</td><script>alert(1)</script> **x** | [a](javascript:b) \x1b[31m \u202e"
CALLS = Inject("calls", "Somebody calls", None, message="Hello", told=(PersonRole.RESPONDER,))


def step(index: int, done_at_s: float | None) -> state.StepShown:
    """A step of the runbook."""
    return state.StepShown(index, f"step {'abcd'[index]}", done_at_s)


def shown(*, note: str = "fine") -> state.GameDayState:
    """A last state with a runbook of four steps: the third was ticked before the second, and the fourth never."""
    book = state.RunbookShown("book.md", (step(0, 20.0), step(1, 60.0), step(2, 40.0), step(3, None)))
    inject = state.InjectShown(
        "shard-dies", "A shard dies", state.InjectKind.FAULT, state.InjectStatus.DONE, 10.0, None, on_word=False, hidden=False, hypothesis="",
        blast_radius="", told=(), conditions=(), runbook=book, begun_at_s=6.0,
    )  # fmt: skip
    clock = state.ClockShown(state.ClockState.ENDED, 80.0)
    return state.GameDayState(ns(190), clock, (inject,), notes=(state.NoteShown(25.0, "Chi", note, "board.jpg"),))


def told(
    run: Path, *people: PersonMarked, note: str = "fine", game_day: Literal["", "held", "rehearsed"] = "held", by: str = "Ada"
) -> AfterAction:
    """The account of a game day of this history; the exercise began at second 110."""
    made = held(*people, objectives=(DETECT,), game_day=game_day)
    made.changes["injects"] = (*made.changes["injects"], InjectPassed(ns(156), "shard-dies", "done", "kill"))
    inject = replace(INJECT, hypothesis="It comes back.", expected="Somebody notices.")
    plan = replace(made.plan, inject=(inject, CALLS))
    (run / GAME_DAY).mkdir()
    state.save(run, shown(note=note))
    links = chain.Chain(run)
    links.add(ns(112), "begin", {})
    links.add(ns(119), "press", {"by": by, "role": "facilitator", "action": "hold", "inject": None, "pressed_ns": ns(118), "taken": True})
    links.add(ns(190), chain.END, {})
    history = made.history
    return writing.gather(run, history, plan, made.target, assess(history, plan, made.target))


def test_marks_of_people_and_machines_are_on_one_axis(tmp_path: Path) -> None:
    """In the order of time, in seconds after the exercise began; a press counts from when it was pressed."""
    found = told(tmp_path, mark("noticed", 140))
    said = [(each.at_s, each.who, each.what) for each in found.timeline]
    assert said == sorted(said, key=lambda each: each[0])
    for expected in (
        (6.0, "harness", "inject shard-dies begins (clock)"),
        (8.0, "people", "Ada (facilitator): hold"),
        (10.0, "harness", "kill is injected"),
        (12.0, "customers", "the first customer is harmed by kill"),
        (25.0, "people", "Chi notes: fine [board.jpg]"),
        (30.0, "people", "Ada: noticed (shard-dies)"),
        (40.0, "harness", "kill the harness begins to heal it"),
        (40.0, "people", "shard-dies: step 3 is ticked: step c"),
    ):
        assert expected in said


DOWN = "Server shard1-primary/shard1-us-east-1 is DOWN, check duration: {}ms"


@pytest.mark.parametrize(
    ("signals", "shown"),
    [
        pytest.param([(5.0, DOWN.format(2)), (5.4, DOWN.format(12)), (8.0, DOWN.format(0))], [(5.0, 3)], id="alike but for figures"),
        pytest.param([(8.0, DOWN.format(0)), (5.0, DOWN.format(2))], [(5.0, 2)], id="in any order"),
        pytest.param([(5.0, DOWN.format(2)), (5.1, DOWN.format(2).replace("1-us", "2-us"))], [(5.0, 1), (5.1, 1)], id="another name"),
        pytest.param([(5.0, DOWN.format(2)), (14.9, DOWN.format(2)), (15.1, DOWN.format(2))], [(5.0, 2), (15.1, 1)], id="later again"),
        pytest.param([(5.0, "is DOWN"), (5.1, "is UP"), (5.2, "is DOWN")], [(5.0, 2), (5.1, 1)], id="another one between"),
    ],
)
def test_signals_that_are_alike_are_one_line(signals: list[tuple[float, str]], shown: list[tuple[float, int]]) -> None:
    """The first of them, and how many there were: none is lost, and they do not hide what people did."""
    made = held().history
    history = replace(made, signals=tuple(Signal(ns(110 + at_s), "alert", "shard:1", "log", detail) for at_s, detail in signals))
    found = [each for each in on_one_axis(history, (), None, None) if each.who == "platform"]
    assert [round(each.at_s, 1) for each in found] == [at_s for at_s, _ in shown]
    assert [int(many[1]) if (many := re.search(r"\((\d+) such signals in ", each.what)) else 1 for each in found] == [
        count for _, count in shown
    ]


def test_the_steps_of_a_drill_are_on_the_axis() -> None:
    """When each was done, and how the drill ended; what was proven is in the usual report."""
    drills = (
        DrillStepped("switched", "switch over", ns(112), ns(115), {}),
        DrillStepped("switched", "wait for the old primary", ns(115), ns(119), {}, done=False),
        DrillProven("switched", ns(120), "it accepts a write", holds=True, saw="accepted"),
        DrillEnded("switched", ns(112), ns(121), "overdue", "a step was late"),
    )
    found = on_one_axis(replace(held().history, drills=drills), (), None, None)
    assert [(each.at_s, each.who, each.what) for each in found if "drill" in each.what] == [
        (5.0, "harness", "drill switched: switch over"),
        (9.0, "harness", "drill switched: wait for the old primary could not be done"),
        (11.0, "harness", "drill switched ended: overdue, a step was late"),
    ]


def test_what_a_reader_wants_to_know_first(tmp_path: Path) -> None:
    """In a few figures; what is unknown of one fault is unknown of all of them, and a rehearsal has no figures."""
    found = told(tmp_path, mark("noticed", 140))
    assert [value for value, _ in telling.figures(found)] == ["1 of 2", "1", "18 s", "8 s", "0", "0", "0"]
    assert "* from the first harm until people noticed: **18 s**" in telling.markdown(found)
    (harm,) = found.harm
    two = replace(
        found, harm=(harm, replace(harm, noticed_s=None, sure=False)), lost=(*found.lost, replace(found.lost[0], lost_writes=None))
    )
    assert [value for value, _ in telling.figures(two)] == ["1 of 2", "1 or 2", "unknown", "8 s", "unknown", "0", "0"]
    assert ("unknown", "faults that harmed customers") in telling.figures(replace(found, harm=(), harm_unknown="damaged"))
    assert telling.figures(replace(found, rehearsal=True)) == ()


def test_marks_are_drawn_by_their_numbers_and_harm_as_a_bar(tmp_path: Path) -> None:
    """A mark that was corrected is drawn where it was corrected to; marks near each other do not cover each other."""
    found = told(tmp_path, mark("noticed", 140), mark("acknowledged", 141), replace(mark("noticed", 139), corrects=0))
    drawn = [one for one in page.points(found.timeline) if one.number]
    assert [(one.number, one.entry.at_s) for one in drawn] == [(1, 29.0), (2, 31.0)]
    assert all(abs(one.y - other.y) > page.ASIDE for one, other in pairwise(drawn) if other.x - one.x < page.NEAR)
    ((x, width, _),) = page.harms(found)
    at = {one.entry.what: one.x for one in page.points(found.timeline)}
    assert (x, x + width) == pytest.approx((at["the first customer is harmed by kill"], at["the scope of kill is served again"]))
    (harm,) = found.harm
    ((_, until_last, _),) = page.harms(replace(found, harm=(replace(harm, restored_s=None),)))
    assert x + until_last == pytest.approx(at["the last customer is harmed by kill"])


def test_expected_stands_against_observed(tmp_path: Path) -> None:
    """Of the platform and of people; an inject that never began says so, and what nobody marked is unknown."""
    found = told(tmp_path, mark("noticed", 140))
    first, second = found.injects
    assert (first.expected_of_platform, first.expected_of_people, first.begun_at_s) == ("It comes back.", "Somebody notices.", 6.0)
    assert "requests of customers in its scope were not good" in first.seen_of_platform
    assert first.seen_of_people.startswith("from the first harmed customer: noticed after 18 s, acknowledged unknown")
    assert (second.begun_at_s, second.seen_of_people) == (None, "it never began")
    (harm,) = found.harm
    assert (harm.first_at_s, harm.noticed_s, harm.brought_back_by) == (12.0, 18.0, "unknown")
    assert "whether the platform would have recovered from kill without people" in found.unknown
    # The section for the register of tests does not know better.
    (switchover,) = found.dora.switchover
    assert "by whom is unknown" in switchover


def test_where_the_runbook_was_left(tmp_path: Path) -> None:
    """The third step was ticked before the second; the fourth never."""
    (book,) = told(tmp_path).runbooks
    assert (book.done, book.steps, book.not_ticked, book.out_of_order) == (3, 4, ("step d",), ("step c",))


def test_the_report_is_as_its_schema_says_and_has_what_dora_asks_for(tmp_path: Path) -> None:
    """And every form of it has the same headline and the last hash of the chain."""
    found = told(tmp_path, mark("noticed", 140))
    writing.write(tmp_path, found)
    plain = json.loads((tmp_path / "gameday.json").read_text())
    jsonschema.validate(plain, schemas()["gameday"])
    assert all(
        plain["dora"][key]
        for key in ("scenarios", "plausibility", "switchover", "staff_response", "findings", "remediation", "not_covered")
    )
    assert found.chain is not None
    for name in ("gameday.md", "gameday.html"):
        text = (tmp_path / name).read_text()
        assert found.chain.last in text
        assert "Switchover" in text


def test_hostile_text_of_people_is_text(tmp_path: Path) -> None:
    """In notes and in names, on the page and in Markdown."""
    found = told(tmp_path, replace(mark("noticed", 140), by=HOSTILE), note=HOSTILE, by=HOSTILE)
    html, markdown = page.render(found), telling.markdown(found)
    assert "<script>" not in html
    assert "alert(1)" in html
    assert re.search(r"(?<!\\)(<|\]|\*\*)(script|\(javascript|x)", markdown) is None
    assert "\x1b" not in html + markdown
    assert all(line.count(" | ") == 2 for line in markdown.splitlines() if "notes" in line)


def test_every_line_of_a_rehearsal_says_that_it_is_evidence_for_nothing(tmp_path: Path) -> None:
    """On the page too: in each row and each item."""
    found = told(tmp_path, mark("noticed", 140), game_day="rehearsed")
    lines = [line for line in telling.markdown(found).splitlines() if line and set(line) - set("|- ")]
    assert all(telling.NOTHING in line for line in lines)
    html = page.render(found)
    assert html.count(telling.NOTHING) > len(found.timeline)
    assert all("begins" not in each.seen_of_platform for each in found.injects)
    assert found.injects[0].seen_of_platform == "a rehearsal: nothing was broken, so nothing was seen"


@pytest.mark.parametrize("game_day", ["held", "rehearsed"])
def test_every_table_of_the_markdown_is_one(tmp_path: Path, game_day: Literal["held", "rehearsed"]) -> None:
    """Its head, its rule and its rows have as many cells, or no reader takes it for a table."""
    text = telling.markdown(told(tmp_path, mark("noticed", 140), game_day=game_day))
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) >= 2
    for lines in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1, lines[:3]


def test_damage_to_the_chain_and_a_missing_state_are_said(tmp_path: Path) -> None:
    """The rest of the report stays."""
    told(tmp_path)
    path = tmp_path / GAME_DAY / chain.CHAIN
    path.write_bytes(path.read_bytes().replace(b'"hold"', b'"skip"'))
    state.path(tmp_path).unlink()
    made = held()
    found = writing.gather(tmp_path, made.history, replace(made.plan, inject=(INJECT,)), made.target, made.assess())
    assert found.chain is not None
    assert found.chain.wrong == "entry 1 was changed"
    assert {"notes and runbooks: the last state cannot be read"} < set(found.unknown)
    assert "WRONG: entry 1 was changed" in telling.chained(found)


def test_harm_that_is_unknown_is_not_called_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the incidents cannot be found, as in a damaged history, no sentence of the report says that nobody was harmed."""

    def damaged(_self: Analysis) -> tuple[Incident, ...]:
        raise KeyError("intended_ns")

    monkeypatch.setattr(Analysis, "incidents", property(damaged))
    found = told(tmp_path)
    first = found.injects[0]
    for text in (first.seen_of_platform, first.seen_of_people, telling.headline(found), telling.markdown(found), page.render(found)):
        assert "no customer was harmed" not in text.lower()
        assert "harmed is unknown" in text or "they harmed is unknown" in text
    assert any("harmed is unknown" in each for each in found.dora.findings)
    assert "by whom is unknown" in found.dora.switchover[0]


def test_a_worst_minute_that_may_not_be_the_faults_is_unknown(tmp_path: Path) -> None:
    """Other programs disturbed all of the outage: 0 % would deny what the same row says."""
    told(tmp_path)
    made = held(mark("noticed", 140), objectives=(DETECT,))
    made.changes["resources"] = starving((118, 135))
    found = writing.gather(
        tmp_path, made.history, replace(made.plan, inject=(INJECT,)), made.target, assess(made.history, made.plan, made.target)
    )
    (harm,) = found.harm
    assert (harm.sure, harm.requests > 0, harm.worst_minute) == (False, True, None)
    writing.write(tmp_path, found)
    jsonschema.validate(json.loads((tmp_path / "gameday.json").read_text()), schemas()["gameday"])
    assert f"| {harm.requests} | unknown |" in telling.markdown(found)


def test_a_loss_that_is_unknown_is_not_called_impossible(tmp_path: Path) -> None:
    """Without a final state nobody knows what a killed primary lost."""
    told(tmp_path)
    made = held(objectives=(DETECT,))
    made.bookings = None
    plan = replace(made.plan, inject=(INJECT,))
    found = writing.gather(tmp_path, made.history, plan, made.target, assess(made.history, plan, made.target))
    assert [(each.fault, each.lost_writes) for each in found.lost] == [("kill", None)]
    assert "what kill cost in data" in found.unknown
    assert "could cost data" not in telling.markdown(found) + page.render(found)
    assert "lost writes: unknown" in found.injects[0].seen_of_platform


def test_a_failed_verdict_outweighs_an_undecided_one(tmp_path: Path) -> None:
    """On the page, too."""
    found = replace(told(tmp_path), failed=("a",), undecided=("b",))
    assert 'class="verdict fail"' in page.render(found)
    assert 'class="verdict inconclusive"' in page.render(replace(found, failed=()))


@pytest.mark.parametrize("line", ['{"id": 7}', "[]", "{"])
def test_a_damaged_file_of_deficiencies_is_named(tmp_path: Path, line: str) -> None:
    """As damage, by which every command ends with one sentence."""
    path = tmp_path / "run" / GAME_DAY / deficiencies.FILE
    path.parent.mkdir(parents=True)
    path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(Damaged, match=r"deficiencies\.jsonl is damaged"):
        deficiencies.below(tmp_path)


def test_deficiencies_that_cannot_be_read_cost_no_report_and_are_not_called_none(tmp_path: Path) -> None:
    """The rest of it stays, and no failed verdict is said to be without one."""
    told(tmp_path)
    (tmp_path / GAME_DAY / deficiencies.FILE).write_text('{"id": 7}\n', encoding="utf-8")
    made = held(objectives=(DETECT,))
    plan = replace(made.plan, inject=(INJECT,))
    found = writing.gather(tmp_path, made.history, plan, made.target, assess(made.history, plan, made.target))
    assert found.unrecorded == ()
    for text in (telling.markdown(found), page.render(found), " ".join(found.dora.remediation)):
        assert "has been written down: closeshave" not in text
        assert "damaged" in text


NOW = datetime(2027, 2, 1, tzinfo=UTC)


def night(at: str, status: str, plan: str = "gameday-shard") -> Night:
    """A run of a plan."""
    return Night(run=f"{at}-{plan}", at=at, plan=plan, environment="embedded", target="t", status=status, figures={})


@pytest.mark.parametrize(
    ("nights", "due", "expected"),
    [
        pytest.param((), date(2027, 2, 1), RetestState.OPEN, id="until the last day"),
        pytest.param((), date(2027, 1, 31), RetestState.OVERDUE, id="the day after"),
        pytest.param((night("2027-01-20T10:00:00+00:00", "pass"),), date(2027, 1, 31), RetestState.REMEDIED, id="passed since"),
        pytest.param((night("2027-01-05T10:00:00+00:00", "pass"),), date(2027, 2, 9), RetestState.OPEN, id="passed before it was written down"),
        pytest.param((night("2027-01-20T10:00:00+00:00", "inconclusive"),), date(2027, 2, 9), RetestState.OPEN, id="undecided"),
        pytest.param((night("2027-01-20T10:00:00+00:00", "pass", "smoke"),), date(2027, 2, 9), RetestState.OPEN, id="another plan"),
        pytest.param(
            (night("2027-01-20T10:00:00+00:00", "pass"), night("2027-01-25T10:00:00+00:00", "fail")), date(2027, 2, 9), RetestState.FAILED,
            id="passed, and failed again",
        ),
    ],
)  # fmt: skip
def test_a_deficiency_is_settled_by_a_pass_of_its_plan_since(nights: tuple[Night, ...], due: date, expected: RetestState) -> None:
    """The last run that came to a result counts."""
    one = Deficiency("D1", "r", "Nobody led", "Mara", due, "gameday-shard", "2027-01-10T09:00:00+00:00")
    (row,) = rows((one,), nights, NOW)
    assert row.state is expected
    assert exit_code((row,)) == (3 if expected in {RetestState.OVERDUE, RetestState.FAILED} else 0)
    assert sentence((row,)).startswith("Deficiencies of game days")


@pytest.mark.parametrize(
    ("waived", "expected"), [((), RetestState.REMEDIED), (("rto/kill",), RetestState.OPEN), (("rpo/kill",), RetestState.REMEDIED)]
)
def test_a_pass_in_which_the_finding_was_waived_remedies_nothing(waived: tuple[str, ...], expected: RetestState) -> None:
    """The night passed because somebody accepted just this failure."""
    one = Deficiency("D1", "r", "Too slow", "Mara", date(2027, 2, 9), "gameday-shard", "2027-01-10T09:00:00+00:00", "rto/kill")
    (row,) = rows((one,), (replace(night("2027-01-20T10:00:00+00:00", "pass"), waived=waived),), NOW)
    assert row.state is expected


def test_deficiencies_are_kept_in_their_run(tmp_path: Path) -> None:
    """Numbered, as text, and those of all runs of a directory are found."""
    run = tmp_path / "one"
    (run / GAME_DAY).mkdir(parents=True)
    first = deficiencies.add(run, "Nobody\nled", "Mara", date(2027, 1, 31), "smoke", NOW, "detect")
    deficiencies.add(run, "No list", "Bo", date(2027, 1, 31), "smoke", NOW)
    assert [each.id for each in deficiencies.below(tmp_path)] == ["D1", "D2"]
    assert first.what == "Nobody led"
    assert deficiencies.unrecorded(["detect", "repair"], deficiencies.of(run)) == ["repair"]
    with pytest.raises(ValueError, match="owner is text"):
        deficiencies.add(run, "x", " ", date(2027, 1, 31), "smoke", NOW)
    (run / GAME_DAY / deficiencies.FILE).write_text('{"id": 1}\n')
    with pytest.raises(ValueError, match="is damaged"):
        deficiencies.of(run)


def test_everything_that_can_be_pressed_is_a_mark_or_on_the_axis() -> None:
    """A new action must be one or the other."""
    assert {PressAction.MARK, PressAction.CORRECT, PressAction.NOTE, PressAction.TICK} < set(PressAction)
    assert [each.value for each in HumanMark] == ["noticed", "acknowledged", "cause-found", "mitigated", "resolved"]
