"""The clock that people hold: what presses decide, in tables and in any interleaving."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.gameday.course import BeginInject, Card, EndInject, GameClock, HealAll, Sight
from closeshave.gameday.presses import LATE_S, Press, made
from closeshave.gameday.roles import RIGHTS, PressAction
from closeshave.gameday.state import ClockState, InjectStatus
from closeshave.vocabulary import PersonRole

SECOND = 1_000_000_000
BEGIN = 1_000 * SECOND
END = BEGIN + 600 * SECOND
MESSAGE = Card("hello", when_ns=10 * SECOND)
FAULT = Card("dies", begins="primary-killed", when_ns=60 * SECOND, lasts_ns=64 * SECOND, steps=3)
WORD = Card("gone", begins="region-lost", lasts_ns=64 * SECOND, hidden=True, steps=2)
CARDS = (MESSAGE, FAULT, WORD)
NOTHING = Sight()


def clock(cards: Sequence[Card] = CARDS) -> GameClock:
    """A game day whose exercise begins at :data:`BEGIN`."""
    return GameClock(cards, BEGIN, END)


def at(seconds: float) -> int:
    """An instant, in seconds after the begin of the exercise."""
    return BEGIN + round(seconds * SECOND)


def press(action: str, inject: str | None = None, seconds: float = 0.0, role: str = "facilitator", value: object = None) -> Press:
    """A press at this instant."""
    return made(at(seconds), role, "Ada", action, inject, value)


def begun(decisions: Sequence[object]) -> list[str]:
    """The injects that began."""
    return [each.inject for each in decisions if isinstance(each, BeginInject)]


def test_an_inject_begins_when_its_time_has_come():
    """Not before, and once."""
    day = clock()
    assert begun(day.advance(at(9.9), NOTHING)) == []
    assert begun(day.advance(at(10), NOTHING)) == ["hello"]
    assert begun(day.advance(at(59.9), NOTHING)) == []
    assert begun(day.advance(at(60), NOTHING)) == ["dies"]
    assert begun(day.advance(at(61), Sight(frozenset({"primary-killed"})))) == []
    assert day.fates["dies"].status is InjectStatus.STARTED
    day.advance(at(130), NOTHING)
    assert (day.fates["dies"].status, day.fates["dies"].healed_ns) == (InjectStatus.DONE, at(130))


def test_a_pause_shifts_what_follows_by_exactly_the_pause():
    """However late the trial looks, what counts is when it was pressed."""
    day = clock()
    day.advance(at(20), NOTHING)
    assert day.press(press("hold", seconds=21.25), at(21.3), NOTHING).taken
    assert begun(day.advance(at(100), NOTHING)) == []
    assert day.elapsed_ns(at(100)) == round(21.25 * SECOND)
    assert day.press(press("resume", seconds=151.75), at(151.8), NOTHING).taken
    assert begun(day.advance(at(60 + 130.5) - 1, NOTHING)) == []
    assert begun(day.advance(at(60 + 130.5), NOTHING)) == ["dies"]


@pytest.mark.parametrize(("pressed_s", "counts_s"), [(45, 50), (50.5, 50.5), (99, 51)])
def test_a_press_counts_from_when_it_was_pressed_but_changes_nothing_that_has_happened(pressed_s, counts_s):
    """Not before the last step, in which something may have begun; and not from an instant that has not come."""
    day = clock()
    day.advance(at(50), NOTHING)
    day.press(press("hold", seconds=pressed_s), at(51), NOTHING)
    assert day.elapsed_ns(at(60)) == round(counts_s * SECOND)


@pytest.mark.parametrize(
    ("before", "pressed", "sight", "why"),
    [
        pytest.param((), ("go", "dies"), NOTHING, "dies begins by the clock; press now to begin it at once", id="go for one with a time"),
        pytest.param((("hold", None),), ("go", "gone"), NOTHING, "the clock is held; press now to begin it anyway", id="go while held"),
        pytest.param(
            (), ("go", "gone"), Sight(unmet={"gone": "p95 is high"}), "p95 is high; press now to begin it anyway", id="a condition"
        ),
        pytest.param((), ("now", "gone"), Sight(frozenset({"x"})), "x is not proven healed yet", id="now, while another one is in effect"),
        pytest.param(
            (),
            ("now", "gone"),
            Sight(frozenset({"x", "y"}), frozenset({"y"})),
            "it could not be proven that y is healed; stop and heal tries again, nobody else does",
            id="now, while nobody heals another one any more",
        ),
        pytest.param((("go", "gone"),), ("go", "gone"), NOTHING, "gone is started already", id="go twice"),
        pytest.param((("go", "gone"),), ("now", "gone"), NOTHING, "gone is started already", id="now after go"),
        pytest.param((("skip", "gone"),), ("now", "gone"), NOTHING, "gone is skipped already", id="now after skip"),
        pytest.param((("now", "gone"),), ("skip", "gone"), NOTHING, "gone is started already", id="skip after now"),
        pytest.param((("now", "gone"),), ("now", "dies"), NOTHING, "region-lost is not proven healed yet", id="two faults in one step"),
        pytest.param((("hold", None),), ("hold", None), NOTHING, "the clock is held already", id="hold twice"),
        pytest.param((), ("resume", None), NOTHING, "the clock is not held", id="resume without a hold"),
        pytest.param((), ("go", "nobody"), NOTHING, "there is no inject nobody", id="an inject that there is not"),
        pytest.param((("stop-and-heal", None),), ("hold", None), NOTHING, "the game day has ended", id="hold after the stop"),
        pytest.param(
            (("now", "gone"), ("stop-and-heal", None)), ("resume", None), NOTHING, "the game day is being stopped", id="resume, stopping"
        ),
        pytest.param((("reveal", "gone"),), ("reveal", "gone"), NOTHING, "gone is not hidden", id="reveal twice"),
    ],
)
def test_a_press_that_comes_too_late_is_refused(before, pressed, sight, why):
    """With a reason; and nothing of it is remembered."""
    day = clock()
    day.advance(at(20), NOTHING)
    for action, inject in before:
        assert day.press(press(action, inject, 21), at(21), NOTHING).taken
    ruling = day.press(press(pressed[0], pressed[1], 22), at(22), sight)
    assert (ruling.taken, ruling.why, ruling.decisions) == (False, why, ())


@pytest.mark.parametrize("action", PressAction)
def test_what_waited_while_the_trial_stood_still_begins_nothing(action):
    """Nor what was pressed before the load began. What people saw and did has its own instant, and a stop is never too late."""
    value = {"mark": "noticed", "tick": 0, "note": {"text": "x"}, "correct": {"index": 0, "at_s": 1.0}}.get(action)
    day, found_s = clock(), 20 + LATE_S + 120
    day.press(press("hold" if action == "resume" else "mark", None, 19, value=None if action == "resume" else "noticed"), at(19), NOTHING)
    inject = {"go": "gone", "reveal": "gone", "now": "dies", "skip": "dies", "tick": "dies"}.get(action)
    ruling = day.press(press(action, inject, 20, value=value), at(found_s), NOTHING)
    if action in {"mark", "note", "correct", "tick", "stop-and-heal"}:
        assert ruling.taken
        assert day.marks[-1].at_ns == {"mark": at(20), "correct": at(1)}.get(action, at(19))
    else:
        assert (ruling.taken, ruling.why) == (False, "it was pressed 130 s ago, and nobody expects it any more: press again")
        assert day.press(press(action, inject, found_s, value=value), at(found_s), NOTHING).taken


def test_now_begins_an_inject_while_the_clock_is_held_and_its_conditions_do_not_hold():
    """That is what it is for. The clock stays held, and what follows does not move."""
    day = clock()
    day.advance(at(20), NOTHING)
    day.press(press("hold", seconds=20), at(20), NOTHING)
    ruling = day.press(press("now", "dies", 25), at(25), Sight(unmet={"dies": "p95 is high"}))
    assert ruling.decisions == (BeginInject("dies", "primary-killed", "now"),)
    assert day.shown(at(26)) is ClockState.PAUSED


def test_an_inject_whose_conditions_do_not_hold_waits_until_they_do():
    """And a fault waits until the one before it is proven healed."""
    day = clock((FAULT,))
    assert begun(day.advance(at(60), Sight(unmet={"dies": "p95 is high"}))) == []
    assert begun(day.advance(at(61), Sight(frozenset({"other"})))) == []
    assert begun(day.advance(at(62), NOTHING)) == ["dies"]


def test_two_faults_that_the_plan_lets_overlap_may_be_in_effect_together():
    """Only those."""
    day = clock((FAULT, Card("both", begins="cache-lost", when_ns=61 * SECOND, lasts_ns=SECOND, together=frozenset({"primary-killed"}))))
    day.advance(at(60), NOTHING)
    assert begun(day.advance(at(61), Sight(frozenset({"primary-killed"})))) == ["both"]


def test_what_no_longer_fits_into_the_exercise_is_skipped():
    """Also if it waits for a word or the clock is held: the load would end before it is healed."""
    day = clock()
    day.press(press("hold", seconds=20), at(20), NOTHING)
    decisions = day.advance(at(600 - 63), NOTHING)
    assert decisions == tuple(
        EndInject(name, InjectStatus.SKIPPED, "too little time was left in the exercise") for name in ("dies", "gone")
    )
    assert day.fates["hello"].status is InjectStatus.PLANNED
    assert begun(day.advance(at(601), NOTHING)) == []
    assert day.over(at(601))


def test_stop_and_heal_ends_everything():
    """What has not begun never does, what is in effect is healed, and the day is over when it is proven."""
    day = clock()
    day.advance(at(60), NOTHING)
    ruling = day.press(press("stop-and-heal", seconds=70), at(70), Sight(frozenset({"primary-killed"})))
    assert ruling.decisions == (EndInject("gone", InjectStatus.STOPPED, "stopped before it began"), HealAll())
    assert day.stopped_early
    assert not day.over(at(71))
    day.advance(at(80), Sight(frozenset({"primary-killed"})))
    assert not day.over(at(80))
    day.advance(at(90), NOTHING)
    assert day.fates["dies"].status is InjectStatus.STOPPED
    assert day.over(at(90))


def test_stop_and_heal_after_everything_is_done_is_the_normal_end():
    """Nothing is left that could have happened."""
    day = clock((MESSAGE,))
    day.advance(at(10), NOTHING)
    assert day.press(press("stop-and-heal", seconds=11), at(11), NOTHING).taken
    assert not day.stopped_early
    assert day.over(at(11))


def test_nothing_begins_before_the_exercise_does():
    """Not even at once: the calm phase is judged."""
    day = clock()
    assert day.press(press("now", "hello", -5), at(-5), NOTHING).why == "the exercise has not begun"
    assert day.press(press("hold", seconds=-4), at(-4), NOTHING).taken
    assert day.elapsed_ns(at(3)) == -4 * SECOND


@pytest.mark.parametrize("role", PersonRole)
@pytest.mark.parametrize("action", PressAction)
def test_a_role_may_press_what_its_row_says_and_nothing_else(role, action):
    """The rights are a table."""
    value = {"mark": "noticed", "tick": 0, "note": {"text": "x"}, "correct": {"index": 0, "at_s": 1.0}}.get(action)
    inject = "hello" if action in {"go", "now", "skip", "reveal", "tick"} else None
    ruling = clock().press(press(action, inject, 20, role, value), at(20), NOTHING)
    assert ("may not press" in ruling.why) == (action not in RIGHTS[role])


def test_a_hidden_inject_is_unknown_to_everybody_but_facilitators():
    """The answer is the same as for one that there is not; once it is revealed, its runbook can be ticked."""
    day = clock()
    ask = press("tick", "gone", 30, "responder", 1)
    assert day.press(ask, at(30), NOTHING).why == "there is no inject gone"
    assert day.press(press("reveal", "gone", 31), at(31), NOTHING).taken
    assert day.press(press("tick", "gone", 32, "responder", 1), at(32), NOTHING).taken
    assert day.press(press("tick", "gone", 33, "responder", 1), at(33), NOTHING).why == "this step is ticked already"
    assert day.press(press("tick", "gone", 33, "responder", 2), at(33), NOTHING).why == "the runbook of gone has 2 steps"
    assert day.fates["gone"].ticked_ns == {1: at(32)}


def test_a_correction_is_kept_beside_what_it_corrects():
    """A correction of a correction corrects the mark itself; none can be of an instant that has not come."""
    day = clock()
    day.press(press("mark", "dies", 70, "responder", "noticed"), at(70), NOTHING)
    assert day.press(press("correct", None, 80, "responder", {"index": 0, "at_s": 65.0}), at(80), NOTHING).taken
    assert day.press(press("correct", None, 81, "scribe", {"index": 1, "at_s": 66.0, "mark": "acknowledged"}), at(81), NOTHING).taken
    assert day.press(press("correct", None, 82, "scribe", {"index": 0, "at_s": 83.0}), at(82), NOTHING).why.startswith(
        "the instant of a mark cannot be"
    )
    assert (
        day.press(press("correct", None, 82, "scribe", {"index": 9, "at_s": 1.0}), at(82), NOTHING).why
        == "there is no mark 10: there are 3"
    )
    told = [(each.at_ns, each.inject, each.mark.value, each.corrects) for each in day.marks]
    assert told == [(at(70), "dies", "noticed", None), (at(65), "dies", "noticed", 0), (at(66), "dies", "acknowledged", 0)]


# -- any interleaving of presses and time ------------------------------------------------------------------------------------------------------


@dataclass
class Platform:
    """What a trial does with the decisions, as short as possible; it remembers what was in effect and when the clock was held, by its own count."""

    day: GameClock
    now_ns: int = BEGIN - 5 * SECOND
    injected: list[str] = field(default_factory=list)
    broken: dict[str, int] = field(default_factory=dict)
    """Fault → when it heals by itself."""
    held: bool = False
    held_ns: int = 0
    begins: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Inject → when it began, and how long the clock had been held by then."""

    def sight(self) -> Sight:
        """What is broken now."""
        return Sight(frozenset(self.broken))

    def obey(self, decisions: Sequence[object]) -> None:
        """Break and heal."""
        for each in decisions:
            if isinstance(each, BeginInject):
                self.begins[each.inject] = (self.now_ns, self.held_ns)
                assert not self.held or each.how == "now"
                if each.begins is not None:
                    assert not self.broken, "two faults that must not overlap"
                    self.injected.append(each.begins)
                    self.broken[each.begins] = self.now_ns + 60 * SECOND
            elif isinstance(each, HealAll):
                self.broken = dict.fromkeys(self.broken, self.now_ns + 2 * SECOND)

    def wait(self, seconds: float) -> None:
        """Time passes in one step, as for a trial that was stopped meanwhile."""
        self.now_ns += round(seconds * SECOND)
        self.held_ns += round(seconds * SECOND) if self.held else 0
        self.broken = {name: heals_ns for name, heals_ns in self.broken.items() if heals_ns > self.now_ns}
        self.obey(self.day.advance(self.now_ns, self.sight()))

    def push(self, action: str, inject: str | None, stale_s: float) -> None:
        """Somebody presses; the file is taken ``stale_s`` later."""
        told = made(self.now_ns - round(stale_s * SECOND), "facilitator", "Bo", action, inject)
        ruling = self.day.press(told, self.now_ns, self.sight())
        assert stale_s <= LATE_S or not ruling.taken or action == "stop-and-heal"
        self.obey(ruling.decisions)
        if ruling.taken and action in {"hold", "resume"}:
            self.held = action == "hold"


ACTIONS = st.one_of(
    st.tuples(st.sampled_from(["hold", "resume", "stop-and-heal"]), st.none(), st.just(0.0)),
    st.tuples(
        st.sampled_from(["go", "skip", "now", "reveal"]), st.sampled_from([card.id for card in CARDS]), st.sampled_from([0.0, 3.0, 900.0])
    ),
)
STEPS = st.lists(
    st.one_of(st.sampled_from([0.1, 0.5, 7.0, 30.0, 61.0, 130.0]), ACTIONS, ACTIONS.map(lambda told: (told, told))), max_size=40
)


@given(STEPS)
def test_whatever_is_pressed_nothing_begins_twice_and_nothing_stays_broken(steps):
    """By whomever, in any order, twice at once, late: and at the end everything that was injected is healed or stopped."""
    day = clock()
    platform = Platform(day)
    for step in steps:
        if isinstance(step, float):
            platform.wait(step)
        else:
            for action, inject, stale_s in step if isinstance(step[0], tuple) else (step,):
                platform.push(action, inject, stale_s)
    for _ in range(30):
        platform.wait(30.0)
    assert len(platform.injected) == len(set(platform.injected))
    assert day.over(platform.now_ns)
    assert not platform.broken
    assert {fate.status for fate in day.fates.values()} <= {InjectStatus.DONE, InjectStatus.SKIPPED, InjectStatus.STOPPED}
    assert {card.begins for card in CARDS if day.fates[card.id].begun_ns is not None} - {None} == set(platform.injected)


PAUSES = st.lists(st.tuples(st.integers(1, 40_000), st.integers(1, 40_000)), max_size=6)


@given(PAUSES, st.integers(1, 200))
def test_however_often_the_clock_is_held_an_inject_is_late_by_exactly_the_pauses(pauses, tick_ms):
    """To the millisecond, whatever the length of the trial's steps."""
    day = GameClock((Card("x", when_ns=100 * SECOND),), BEGIN, BEGIN + 10_000 * SECOND)
    now_ms, due_ms = 0, 100_000
    for running_ms, held_ms in pauses:
        now_ms += running_ms
        if now_ms >= due_ms:
            break
        day.press(press("hold", seconds=now_ms / 1000), at(now_ms / 1000), NOTHING)
        now_ms += held_ms
        assert not begun(day.advance(at(now_ms / 1000), NOTHING))
        day.press(press("resume", seconds=now_ms / 1000), at(now_ms / 1000), NOTHING)
        due_ms += held_ms
    assert not begun(day.advance(at(due_ms / 1000) - tick_ms * 1_000_000, NOTHING))
    assert not begun(day.advance(at(due_ms / 1000) - 1, NOTHING))
    assert begun(day.advance(at(due_ms / 1000), NOTHING)) == ["x"]
