"""Presses, the state, the chain, tokens and runbooks: the files of a game day, whole and damaged."""

import json
from pathlib import Path

import pytest

from closeshave.files import write_atomically
from closeshave.files.jsonfile import Damaged
from closeshave.files.yamlfile import InvalidFile
from closeshave.gameday import chain, conditions, presses, runbook, state, tokens
from closeshave.gameday.presses import Moved, Noted, Press, WrongPress, made
from closeshave.plan import GoCondition, LiveFigure
from closeshave.vocabulary import GAME_DAY, HumanMark, PersonRole


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory with room for a game day."""
    presses.directory(tmp_path).mkdir(parents=True)
    return tmp_path


def test_presses_are_taken_in_the_order_of_their_instants(run):
    """By number: a machine that has just started has short ones. What was taken is not read again."""
    told = [made(at_ns, "facilitator", "Ada", "hold") for at_ns in (1000, 999, 20_000)]
    for each in told:
        presses.write(run, each)
    found = dict(presses.untaken(run, ()))
    assert [each.at_ns for each in found.values() if isinstance(each, Press)] == [999, 1000, 20_000]
    assert list(dict(presses.untaken(run, list(found)[:2]))) == list(found)[2:]


@pytest.mark.parametrize(
    ("action", "inject", "value", "read"),
    [
        ("go", "a-shard", None, None),
        ("mark", None, "cause-found", HumanMark.CAUSE_FOUND),
        ("tick", "a-shard", 3, 3),
        ("correct", None, {"index": 1, "at_s": -2.5, "mark": "noticed"}, Moved(1, -2.5, HumanMark.NOTICED)),
        ("note", None, {"text": "<b>\x1b[31m", "photo": "IMG 1.jpg"}, Noted("<b>\ufffd[31m", "IMG 1.jpg")),
    ],
)
def test_a_press_is_read_as_it_was_written(run, action, inject, value, read):
    """Text stays text, without control characters."""
    written = made(7, "facilitator", "  Ada\nL. ", action, inject, value)
    presses.write(run, written)
    ((_, found),) = presses.untaken(run, ())
    assert found == written
    assert isinstance(found, Press)
    assert (found.value, found.name) == (read, "Ada L.")


WRONG = [
    pytest.param({"role": "boss"}, "role is one of", id="a role that there is not"),
    pytest.param({"role": ["facilitator"]}, "role is one of", id="a list"),
    pytest.param({"action": "explode"}, "action is one of", id="an action that there is not"),
    pytest.param({"name": ""}, "name is text", id="nobody"),
    pytest.param({"name": "x" * 61}, "name is text", id="a long name"),
    pytest.param({"inject": "../../etc"}, "inject is the ID", id="a path"),
    pytest.param({"inject": 3}, "inject is the ID", id="a number"),
    pytest.param({"action": "go", "inject": None}, "go needs the ID", id="go without an inject"),
    pytest.param({"value": "now"}, "hold has no value", id="a value where none belongs"),
    pytest.param({"action": "mark", "value": "bored"}, "value is one of", id="a mark that there is not"),
    pytest.param({"action": "tick", "inject": "a", "value": True}, "value is the index", id="true is no index"),
    pytest.param({"action": "tick", "inject": "a", "value": -1}, "value is the index", id="below 0"),
    pytest.param({"action": "correct", "value": {"index": 0, "at_s": 1e300}}, "at_s is a number", id="an instant in a million years"),
    pytest.param({"action": "correct", "value": {"index": 0}}, "a correction has", id="half a correction"),
    pytest.param({"action": "note", "value": {"text": "x" * 2001}}, "the text of a note", id="a long note"),
    pytest.param({"action": "note", "value": {"text": "x", "photo": "../x.jpg"}}, "photo is the name", id="a photo's path"),
    pytest.param({"more": 1}, "a press has the keys", id="another key"),
    pytest.param({"id": "0" * 16}, "its ID is not that", id="another ID than its file's"),
]


@pytest.mark.parametrize(("changed", "why"), WRONG)
def test_a_press_that_cannot_be_one_is_an_error(run, changed, why):
    """Whoever wrote it: the file of a press is text from outside."""
    told = {"id": "ab" * 8, "role": "facilitator", "name": "Ada", "action": "hold", "inject": None, "value": None, **changed}
    (presses.directory(run) / f"5-{'ab' * 8}.json").write_text(json.dumps(told))
    ((_, found),) = presses.untaken(run, ())
    assert isinstance(found, WrongPress)
    assert str(found).startswith(why)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'"' + b"x" * 20_000 + b'"', b"[" * 10_000])
def test_bytes_that_are_no_press_are_an_error(run, content):
    """And no reason for the trial to stop. Files of other names are nobody's presses."""
    (presses.directory(run) / f"5-{'ab' * 8}.json").write_bytes(content)
    (presses.directory(run) / ".5-abababab.json.77").write_bytes(b"{}")
    ((name, found),) = presses.untaken(run, ())
    assert isinstance(found, WrongPress)
    assert name.startswith("5-")


def test_a_run_without_a_game_day_has_no_presses(tmp_path):
    """Nor can one be written there."""
    assert list(presses.untaken(tmp_path, ())) == []
    with pytest.raises(FileNotFoundError):
        presses.write(tmp_path, made(1, "facilitator", "Ada", "hold"))


def test_the_state_is_read_as_it_was_written(run):
    """And a damaged one is an error that names the file."""
    inject = state.InjectShown(
        "a", "A", state.InjectKind.FAULT, state.InjectStatus.WAITING, 60.0, 0.0, on_word=False, hidden=True, hypothesis="h", blast_radius="b",
        told=("responder",), conditions=(state.ConditionShown("p95", None, "nothing"),),
        runbook=state.RunbookShown("r.md", (state.StepShown(0, "look", None),)), begins="dead",
    )  # fmt: skip
    whole = state.GameDayState(
        5, state.ClockShown(state.ClockState.PAUSED, -1.5), (inject,), (state.MarkShown(None, HumanMark.NOTICED, 1.0, "Bo"),)
    )
    state.save(run, whole)
    assert state.load(run) == whole
    state.path(run).write_text("{}")
    with pytest.raises(Damaged, match=r"state\.json is damaged"):
        state.load(run)


# -- the chain ---------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def chained(run: Path) -> Path:
    """A run with a chain of five entries."""
    made_chain = chain.Chain(run)
    for number in range(4):
        made_chain.add(number, "press", {"by": "Ada", "number": number, "text": "señal \ud800"})
    made_chain.add(9, chain.END, {})
    return run


def lines(run: Path) -> list[bytes]:
    """Of the chain."""
    return (run / GAME_DAY / chain.CHAIN).read_bytes().splitlines(keepends=True)


def test_a_chain_that_nobody_touched_is_sound(chained):
    """To its end."""
    found = chain.check(chained)
    assert (found.wrong, found.ended, len(found.links)) == ("", True, 5)
    assert found.last == found.links[-1].hash


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        pytest.param(lambda told: [*told[:2], told[2].replace(b'"Ada"', b'"Bob"'), *told[3:]], "entry 2 was changed", id="an edit"),
        pytest.param(
            lambda told: [*told[:2], told[2].replace(b'"at_ns":2', b'"at_ns":1'), *told[3:]], "entry 2 was changed", id="another instant"
        ),
        pytest.param(lambda told: [*told[:2], *told[3:]], "entry 2 does not follow", id="a deletion in the middle"),
        pytest.param(lambda told: told[1:], "entry 0 does not follow", id="a deletion at the begin"),
        pytest.param(lambda told: told[:3], "5 entries were written, and there are 3", id="a cut at the end"),
        pytest.param(lambda told: [told[0], told[2], told[1], *told[3:]], "entry 1 does not follow", id="another order"),
        pytest.param(lambda told: [*told, told[-1]], "entry 5 does not follow", id="a repetition"),
        pytest.param(lambda told: [*told[:4], told[4][:-9]], "entry 4 is cut off", id="half an entry"),
        pytest.param(lambda told: [*told[:3], b"nonsense\n"], "entry 3 cannot be read", id="no entry at all"),
        pytest.param(lambda _told: [], "it is empty", id="nothing left"),
    ],
)
def test_damage_to_the_chain_shows(chained, damage, why):
    """Whatever is changed, removed, moved or added."""
    (chained / GAME_DAY / chain.CHAIN).write_bytes(b"".join(damage(lines(chained))))
    assert chain.check(chained).wrong.startswith(why)


def test_an_end_that_is_written_anew_shows_by_the_count_beside_the_chain(chained):
    """Other entries of the same number, well chained, but not those that were counted."""
    head = (chained / GAME_DAY / chain.HEAD).read_bytes()
    (chained / GAME_DAY / chain.CHAIN).unlink()
    forged = chain.Chain(chained)
    for number in range(5):
        forged.add(number, "press", {"by": "Mallory"})
    write_atomically(chained / GAME_DAY / chain.HEAD, head)
    assert "not the one" in chain.check(chained).wrong
    (chained / GAME_DAY / chain.HEAD).unlink()
    assert "is missing" in chain.check(chained).wrong


def test_a_harness_killed_between_an_entry_and_its_count_leaves_a_sound_chain(chained):
    """One without an end."""
    told = lines(chained)
    write_atomically(chained / GAME_DAY / chain.HEAD, f"3 {json.loads(told[2])['hash']}\n")
    (chained / GAME_DAY / chain.CHAIN).write_bytes(b"".join(told[:4]))
    found = chain.check(chained)
    assert (found.wrong, found.ended) == ("", False)


# -- tokens, runbooks, conditions --------------------------------------------------------------------------------------------------------------


def test_each_role_has_a_token_of_its_own_outside_of_the_run_directory(run, monkeypatch, tmp_path_factory):
    """The same ones at each call; another text is nobody's."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    told = tokens.issue(run)
    assert len(set(told.values())) == len(PersonRole)
    assert tokens.issue(run) == told
    assert {tokens.role_of(run, token) for token in told.values()} == set(PersonRole)
    assert [tokens.role_of(run, wrong) for wrong in ("", "x" * 32, "é", "\ud800", told[PersonRole.OBSERVER][:-1])] == [None] * 5
    assert not any(token in path.read_text() for token in told.values() for path in run.rglob("*") if path.is_file())


def test_the_list_items_of_a_runbook_are_its_steps(tmp_path):
    """Lists in lists too; code and paragraphs are not, and markup is left out."""
    path = tmp_path / "r.md"
    path.write_text(
        "# Shard\n\nIntro\n\n1. Look at **the** `leader`\n   of the shard\n2. [ ] Call\n   - [x] the owner\n\n```\n- no step\n```\n* <b>last</b>\n"
    )
    assert runbook.read_runbook(path, "r.md").steps == ("Look at the leader of the shard", "Call", "the owner", "<b>last</b>")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read"),
        (b"no list", "has no list items"),
        (b"\xff", "cannot be read"),
        (b"- x\n" * 201, "has 201 steps; at most 200"),
    ],
)
def test_a_file_that_is_no_runbook_is_refused(tmp_path, content, why):
    """With its name."""
    path = tmp_path / "r.md"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidFile, match=why):
        runbook.read_runbook(path, "r.md")


@pytest.mark.parametrize(
    ("condition", "value", "holds", "said"),
    [
        (GoCondition(LiveFigure.P95, at_most=0.2), 0.2, True, "response time p95: at most 200 ms"),
        (GoCondition(LiveFigure.P95, at_most=0.2, region="eu"), 0.2001, False, "response time p95 in eu: at most 200 ms"),
        (
            GoCondition(LiveFigure.COMPLETED, at_least=5, at_most=9),
            4.0,
            False,
            "completed requests per second: at least 5.0/s and at most 9.0/s",
        ),
        (GoCondition(LiveFigure.NOT_GOOD, at_most=0.01), None, None, "share of requests that are not good: at most 1.00%"),
    ],
)
def test_a_condition_holds_by_a_figure_that_is_known(condition, value, holds, said):
    """What is unknown does not hold, and is not called a breach either."""
    looked = conditions.look(condition, lambda _figure, _region: value)
    assert (looked.holds, looked.text) == (holds, said)
    assert (conditions.unmet([looked]) == "") is (holds is True)
