"""A clean history, what its verdicts are, and what a single defect changes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from closeshave.judge.verdict import Status, Verdict
from tests.judge.histories import EIGHT, INTEGRITY, Run

Plant = Callable[[Run], None]
"""Adds one thing to a history: a breach, or what looks like one."""

UNANSWERED: dict[str, Any] = {"outcome": "info", "good": False, "status": 0, "error": "timeout"}
REFUSED: dict[str, Any] = {"outcome": "fail", "good": True, "status": 409}


def clean() -> Run:
    """Ten bookings of one barber, an hour apart, each paid and read back once; one was sent again with its key, one is requested by a second
    customer.
    """
    run = Run((INTEGRITY,))
    for number in range(1, 11):
        run.book(20 + number, number, session=f"s{number}")
        run.act("capture", 40 + number, booking=number, key=f"pay-{number}")
        run.capture(number, at=40 + number)
        run.act("read", 60 + number, booking=number, session=f"s{number}", read_values=shown(number))
    again(run)
    contest(run)
    run.entry(1)
    return run


def shown(booking: int, version: int = 1, franchise: int = 1) -> str:
    """What a read of a booking returned, as JSON."""
    return json.dumps({"booking": booking, "franchise_id": franchise, "version": version})


def again(run: Run, number: int = 1) -> None:
    """A customer sends a form twice: one key, one booking."""
    run.book(21.5, number, final=False, session=f"s{number}", attempt=2)


def contest(run: Run, number: int = 2, session: str = "rival") -> None:
    """A customer requests a slot that another customer holds, and is refused."""
    run.book(35, None, final=False, session=session, key=f"key-{session}", starts_at=EIGHT + 3600 * number, **REFUSED)


def verdicts(run: Run) -> dict[str, Verdict]:
    """The verdict on each kind of breach; one that fails says why, and shows a witness."""
    found = {each.id.removeprefix("integrity/"): each for each in run.assess().verdicts if each.id.startswith("integrity/")}
    for each in found.values():
        if each.status is Status.FAIL:
            assert each.reason
            assert each.witnesses
            json.dumps([witness.facts() for witness in each.witnesses], allow_nan=False)
            assert all(witness.why for witness in each.witnesses)
    return found


def verdict(run: Run, name: str) -> Verdict:
    """The verdict on one kind of breach."""
    return verdicts(run)[name]


def statuses(run: Run) -> dict[str, Status]:
    """The status of each kind of breach."""
    return {name: each.status for name, each in verdicts(run).items()}


def not_passing(plant: Plant) -> set[str]:
    """The verdicts that do not pass on a clean history with this one change."""
    run = clean()
    plant(run)
    return {name for name, status in statuses(run).items() if status is not Status.PASS}


def fields(row: Any) -> dict[str, Any]:
    """A row of a history as keyword arguments."""
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
