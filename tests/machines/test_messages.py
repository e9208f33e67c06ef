"""What comes from another machine is data: one of the messages, of the right size, or the end of the connection."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.machines import messages
from closeshave.machines.messages import GoAt, Hello, MachineStanding, SumsTold, Unintelligible, from_machine, from_run, written
from closeshave.machines.sums import FileSums
from closeshave.traffic.redealing import Redeal

HELLO = Hello("secret", "1.2.3", "run-1", "a" * 64, 7, "east", "0" * 32, 1)


@pytest.mark.parametrize(
    "message",
    [
        HELLO,
        messages.ClockAnswer(3, -(2**60), 2**60),
        MachineStanding("ended", "because", "real-time", -9, early=True),
        messages.FileTold("customers-1.rows", 2**40),
        SumsTold({"customers-1.rows": FileSums(3, "a" * 64, ("b" * 64,))}),
        messages.Leaving(),
    ],
)
def test_a_message_is_read_as_it_was_written(message: messages.FromMachine) -> None:
    """All that a load machine says."""
    assert from_machine(written(message)) == message


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"name": "../../etc"}, "name"),
        ({"name": "East"}, "name"),
        ({"name": "a" * 41}, "name"),
        ({"name": "east\x1b[31m"}, "name"),
        ({"instance": "x"}, "instance"),
        ({"plan": "a"}, "plan"),
        ({"seed": -1}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"processes": 257}, "processes"),
        ({"type": "go"}, "tag"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_no_message_is_refused(changed: dict[str, object], what: str) -> None:
    """A name is no path and no markup, a number has a range; a message of the run is none of a load machine. The token is not repeated."""
    told = {**json.loads(written(HELLO)), **changed}
    with pytest.raises(Unintelligible) as refused:
        from_machine(json.dumps(told).encode())
    assert what in str(refused.value)
    assert "secret" not in str(refused.value)


@given(st.binary(max_size=200))
def test_bytes_that_are_anything_are_a_value_or_one_error(data: bytes) -> None:
    """Both sides."""
    for reads in (from_machine, from_run):
        with suppress(Unintelligible):
            reads(data)


@pytest.mark.parametrize(
    "message",
    [
        messages.ClockQuestion(3),
        messages.ClockQuestion(3, 2**40),
        GoAt(5, 10**10),
        messages.DealAgain((Redeal(10**9, (0,), (1, 2)), Redeal(2 * 10**9, (1,), (2,)))),
        messages.DealAgain(()),
    ],
)
def test_an_order_is_read_as_it_was_written(message: messages.FromRun) -> None:
    """Those that say what a machine may begin, and what it takes over."""
    assert from_run(written(message)) == message


@pytest.mark.parametrize(
    "step", [{"lost": []}, {"left": []}, {"lost": [-1]}, {"left": [2**15]}, {"from_ns": -1}, {"more": 1}, {"left": ["1"]}]
)
def test_a_step_that_deals_to_nobody_is_none(step: dict[str, object]) -> None:
    """Nor from before the load's start."""
    told = {"type": "again", "steps": [{"from_ns": 1, "lost": [0], "left": [1], **step}]}
    with pytest.raises(Unintelligible):
        from_run(json.dumps(told).encode())


def test_a_machine_gives_no_orders() -> None:
    """And the run none that is not one of these."""
    with pytest.raises(Unintelligible):
        from_machine(written(GoAt(5)))
    assert from_run(written(GoAt(5))) == GoAt(5)
