"""The probes of an instance: what a customer's request has proven is not asked again, and nothing stays unasked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from closeshave.standin import watch
from closeshave.standin.breaker import Breaker
from closeshave.standin.watch import DependencyWatch

PROBE_S = 0.05
WITHIN_S = 10.0


class Link:
    """A database that counts its probes; what customers prove is set by the test."""

    def __init__(self) -> None:
        self.name, self.primary, self.breaker, self.proven_at = "shard 1 primary", True, Breaker(), 0.0
        self.probes = 0

    async def probe(self) -> bool:
        self.probes += 1
        return True


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes in quick succession."""
    monkeypatch.setattr(watch, "PROBE_S", PROBE_S)


def watched(link: Link, tell: Callable[[DependencyWatch], Any]) -> None:
    """Watch the link while ``tell`` runs."""

    async def forget_stale() -> None:
        return

    async def whole() -> None:
        platform = SimpleNamespace(shards=SimpleNamespace(links=[link]), tiers=[], franchises=SimpleNamespace(forget_stale=forget_stale))
        watching = DependencyWatch(platform)  # type: ignore[arg-type]  # of the platform it needs only these parts
        watching.start()
        try:
            await tell(watching)
        finally:
            watching.stop()

    asyncio.run(whole())


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def test_a_database_that_nobody_asks_is_probed_again_and_again() -> None:
    """A customer who comes later must not be the first to find out."""
    link = Link()
    watched(link, lambda _watching: until(lambda: link.probes >= 4))


def test_what_customers_prove_is_not_probed_and_counts_as_reachable() -> None:
    """Under load an instance asks its databases nothing of its own."""
    link = Link()

    async def served(watching: DependencyWatch) -> None:
        link.proven_at = time.monotonic() + 3600
        await until(lambda: watching.reachable() == [link.name])

    watched(link, served)
    assert link.probes == 0


def test_probes_begin_again_when_customers_stay_away() -> None:
    """A proof grows old."""
    link = Link()
    link.proven_at = time.monotonic()
    watched(link, lambda _watching: until(lambda: link.probes >= 2))


def test_a_lost_database_is_probed_although_it_was_proven_a_moment_ago() -> None:
    """Its breaker is open: only a probe can close it."""
    link = Link()
    link.proven_at = time.monotonic() + 3600
    for _ in range(3):
        link.breaker.failed()
    watched(link, lambda _watching: until(lambda: link.probes >= 2))
