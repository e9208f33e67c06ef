"""A level whose records are not all there holds nothing: the missing requests may have been the slow ones."""

from __future__ import annotations

import pytest

from closeshave.capacity.levelreading import WHOLE, incomplete
from closeshave.judge.verdict import Status
from tests.judge.histories import Run


def test_a_whole_history_lacks_nothing() -> None:
    """Both verdicts are there, so that their names are the judges' own."""
    verdicts = whole().assess().verdicts
    assert {verdict.id for verdict in verdicts} >= WHOLE
    assert incomplete(verdicts) == ""


@pytest.mark.parametrize("sent", [1, 5])
def test_requests_that_were_sent_and_not_recorded_make_it_unknown(sent: int) -> None:
    """With the judges' reason."""
    run = whole()
    run.changes["sent"] = tuple(
        type(each)(**{**{name: getattr(each, name) for name in each.__slots__}, "sent": each.sent + sent}) for each in run.history.sent
    )
    verdicts = run.assess().verdicts
    assert next(verdict for verdict in verdicts if verdict.id == "reconciled").status is Status.INCONCLUSIVE
    assert incomplete(verdicts).startswith("reconciled: ")


def whole() -> Run:
    """A short history in which everything adds up."""
    run = Run((), ())
    run.steady(50)
    return run
