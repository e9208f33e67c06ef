"""A calendar of customers and their think times: in order, none lost, none twice, stationary from the start."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from closeshave.loadgen.customers import Customers, Tokens
from closeshave.loadgen.loop import NEVER_NS

START_NS = 10**15


@given(count=st.integers(1, 60), think_mean_s=st.floats(0.01, 30.0), seed=st.integers(0, 1000), rounds=st.integers(1, 200))
def test_customers_come_in_the_order_in_which_they_are_due(count: int, think_mean_s: float, seed: int, rounds: int) -> None:
    """A customer who was taken thinks again and comes back at the drawn instant; time never goes backwards; each is in the calendar once."""
    customers = Customers(count, START_NS, think_mean_s, np.random.default_rng(seed))
    now_ns, taken = START_NS, []
    for _ in range(rounds):
        due_ns, customer = customers.take()
        assert due_ns >= now_ns
        now_ns = due_ns
        taken.append(customer)
        customers.think(customer, now_ns)
    left = set()
    while customers.next_ns != NEVER_NS:
        due_ns, customer = customers.take()
        assert due_ns >= now_ns
        assert customer not in left
        left.add(customer)
        now_ns = due_ns
    assert left == set(range(count))


def test_the_start_is_stationary() -> None:
    """100,000 customers who think 10 s make 10,000 requests in each of the first seconds, not a wave."""
    customers = Customers(100_000, START_NS, 10.0, np.random.default_rng(2))
    counts = [0] * 5
    while (second := (customers.next_ns - START_NS) // 10**9) < 5:
        due_ns, customer = customers.take()
        counts[second] += 1
        customers.think(customer, due_ns)
    assert all(abs(count - 10_000) < 500 for count in counts), counts


def test_overdue_customers_are_counted() -> None:
    """Those due within the first second, and not one more, at any position in the calendar."""
    customers = Customers(5_000, START_NS, 1.0, np.random.default_rng(4))
    due = [customers.take()[0] for _ in range(100)]
    expected = 100 + customers.overdue(START_NS + 10**9)
    again = Customers(5_000, START_NS, 1.0, np.random.default_rng(4))
    count = 0
    while again.next_ns <= START_NS + 10**9:
        again.take()
        count += 1
    assert (expected, due[0]) == (count, min(due))


def test_tokens_are_returned_unchanged() -> None:
    """At any length."""
    texts = ["a", "", "token-of-3", "x" * 500]
    starts = np.cumsum([0, *map(len, texts)])
    tokens = Tokens("".join(texts).encode(), starts)
    assert [tokens[at] for at in range(len(tokens))] == texts
