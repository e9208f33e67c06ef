"""Live updates: every confirmed change is told to its customer in the end, whoever cut their connection meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from closeshave.history import UPDATES, Told, frame
from closeshave.judge.verdict import Status, Verdict
from closeshave.target import Objective
from tests.judge.histories import INTEGRITY, KILL, LOSS, Run, ns

CLIENT = "7"
ENDED = Told("ended", "", "", ns(250))
OPENED = Told("opened", CLIENT, "east", ns(5))
WITHIN_S = 5.0


def told(at: float, booking: int = 1, version: int = 1, client: str = CLIENT) -> Told:
    """An update that came."""
    return Told("update", client, "east", ns(at), booking, version)


def judged(*seen: Told, moved: float | None = None, objectives: tuple[Objective, ...] = (INTEGRITY,), **changes: Any) -> Verdict:
    """The verdict on what came: the customer booked at second 60, and at ``moved`` changed it, which gave it version 2."""
    made = Run(objectives, (KILL,))
    made.life(dead_ns=ns(120))
    made.book(60, 1, client=CLIENT, version=1, final=moved is None)
    made.book(61, 2, client="8", version=1)
    if moved is not None:
        made.row(1, version=2, client=CLIENT)
        made.act("reschedule", moved, booking=1, version=2, client=CLIENT)
    manifest = replace(made.history.manifest, followed_within_s=WITHIN_S)
    made.changes = {"manifest": manifest, "updates": frame(seen, UPDATES), **changes}
    return made.verdict("integrity/updates_missed")


@pytest.mark.parametrize(
    "seen",
    [
        (OPENED, told(60.2), ENDED),
        (OPENED, told(60.2), told(60.2), ENDED),  # twice
        (ENDED, told(60.2), OPENED),  # the order of the file does not matter
        (OPENED, Told("closed", CLIENT, "east", ns(50)), Told("opened", CLIENT, "east", ns(70)), told(70.1), ENDED),  # away meanwhile
        (OPENED, told(200, version=9), ENDED),  # a newer version says all
    ],
)
def test_a_change_that_is_told_in_the_end_passes(seen: tuple[Told, ...]) -> None:
    """Of bookings that nobody follows nothing is expected."""
    verdict = judged(*seen)
    assert (verdict.status, verdict.n, verdict.measured) == (Status.PASS, 1, 0)


@pytest.mark.parametrize(
    ("seen", "moved", "witness"),
    [
        ((OPENED, ENDED), None, "nothing of this booking came"),
        ((OPENED, told(60.2, booking=2), ENDED), None, "nothing of this booking came"),
        ((OPENED, told(60.2, client="8"), ENDED), None, "nothing of this booking came"),
        ((OPENED, told(60.2), ENDED), 100.0, "the newest version that came is 1"),
        (
            (OPENED, told(60.2), Told("closed", CLIENT, "east", ns(90)), ENDED),
            100.0,
            "the newest version that came is 1",
        ),  # never let in again
    ],
)
def test_a_change_that_is_never_told_is_a_breach(seen: tuple[Told, ...], moved: float | None, witness: str) -> None:
    """Its witness is the request, and the newest version that came."""
    verdict = judged(*seen, moved=moved)
    assert (verdict.status, verdict.measured) == (Status.FAIL, 1)
    assert [witness in each.why for each in verdict.witnesses] == [True]


def test_a_change_at_the_very_end_is_not_judged() -> None:
    """Its update may have been on its way."""
    verdict = judged(OPENED, told(60.2), replace(ENDED, at_ns=ns(103)), moved=100.0)
    assert (verdict.status, verdict.n) == (Status.PASS, 1)


def test_the_exposure_counts_what_happened_while_the_connection_was_cut() -> None:
    """It is these that a platform may forget."""
    cut = (
        OPENED,
        Told("closed", CLIENT, "east", ns(90)),
        Told("opened", CLIENT, "east", ns(110)),
        told(60.2),
        told(110.1, version=2),
        ENDED,
    )
    verdict = judged(*cut, moved=100.0)
    assert verdict.status is Status.PASS
    assert verdict.exposure is not None
    assert (verdict.exposure.chances, verdict.exposure.of) == (
        2,
        "changes of bookings that somebody followed, 1 of them while the connection was cut",
    )


def test_a_change_that_a_fault_lost_is_judged_there() -> None:
    """Nobody can be told of what is not there any more."""
    made = Run((INTEGRITY, LOSS), (KILL,))
    made.life(dead_ns=ns(120))
    made.book(60, 1, client=CLIENT, version=1)
    made.book(119.9, 3, client=CLIENT, version=1, final=False)
    made.changes = {
        "manifest": replace(made.history.manifest, followed_within_s=WITHIN_S),
        "updates": frame((OPENED, told(60.2), ENDED), UPDATES),
    }
    assert made.verdict("integrity/updates_missed").status is Status.PASS


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"updates": None}, "what the followers were told is missing"),
        ({"updates": frame((OPENED, told(60.2)), UPDATES)}, "the followers ended before the run did"),
    ],
)
def test_what_was_not_recorded_is_unknown(changes: dict[str, Any], reason: str) -> None:
    """And no pass."""
    verdict = judged(**changes)
    assert verdict.status is Status.INCONCLUSIVE
    assert reason in verdict.reason


def test_nobody_who_follows_is_no_pass() -> None:
    """No chance to miss anything."""
    assert judged(ENDED).status is Status.INCONCLUSIVE


def test_without_live_updates_nothing_is_asked() -> None:
    """It is said once."""
    made = Run((INTEGRITY,), (KILL,))
    made.life(dead_ns=ns(120))
    made.book(60, 1)
    assert "updates_missed" in {each.id for each in made.assess().not_asked}
