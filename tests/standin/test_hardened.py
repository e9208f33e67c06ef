"""A hardened platform: offenders wait longer each time, and accounts are locked after failed log-ins. On a real store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import pytest

from closeshave.standin.caches import Tier
from closeshave.standin.errors import RateLimited, Refused
from closeshave.standin.lockout import FAILURES_MAX, Lockout
from closeshave.standin.ratelimit import SLOTS, RateLimits
from closeshave.standin.settings import StandinSettings, of_process, to_variables
from tests.standin.running import TOPOLOGY
from tests.standin.servers import valkey

pytestmark = pytest.mark.servers
NOW_S = 1_800_000_000.0


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a store."""
    with valkey() as store:
        yield store.port


def on(port: int, act: Callable[[Tier], Awaitable[None]]) -> None:
    """Do something with the tier."""

    async def whole() -> None:
        tier = Tier("ratelimit", "127.0.0.1", port)
        with contextlib.closing(tier):
            await act(tier)

    asyncio.run(whole())


async def waits(limits: RateLimits, address: str, times: int, now_s: float = NOW_S) -> list[int]:
    """How long each of these requests is told to wait; 0 for one that is accepted."""
    found = []
    for _ in range(times):
        try:
            await limits.count(SLOTS, address, now_s)
            found.append(0)
        except RateLimited as refused:
            found.append(refused.retry_after_s)
    return found


def test_whoever_goes_on_waits_longer_and_is_blocked_so_long(port: int) -> None:
    """The first refusal is for the rest of the window; then it doubles, and holds in the next window too. Others are not concerned."""

    async def act(tier: Tier) -> None:
        limits = RateLimits(tier, 0.02, progressive=True)
        assert await waits(limits, "10.0.0.1", 6) == [0, 0, 60, 120, 240, 480]
        assert await waits(limits, "10.0.0.2", 2) == [0, 0]
        (later,) = await waits(limits, "10.0.0.1", 1, NOW_S + 60)
        assert 900 <= later <= 960

    on(port, act)


def test_without_it_every_refusal_is_for_the_rest_of_the_window(port: int) -> None:
    """As the API is known."""

    async def act(tier: Tier) -> None:
        assert await waits(RateLimits(tier, 0.02), "10.0.0.3", 5) == [0, 0, 60, 60, 60]

    on(port, act)


def test_an_account_is_locked_after_failures_in_a_row(port: int) -> None:
    """A log-in between them forgives; another account is not concerned; nobody is locked out where it is off."""

    async def act(tier: Tier) -> None:
        lockout = Lockout(tier)
        for _ in range(FAILURES_MAX - 1):
            await lockout.failed("a@example.com")
        await lockout.check("a@example.com")
        await lockout.succeeded("a@example.com")
        for _ in range(FAILURES_MAX):
            await lockout.check("A@example.com")
            await lockout.failed("a@example.com")
            await Lockout(None).failed("b@example.com")
        with pytest.raises(Refused, match="locked") as refused:
            await lockout.check("A@Example.com")
        assert refused.value.status == 423
        await lockout.check("b@example.com")
        await Lockout(None).check("a@example.com")

    on(port, act)


def test_a_lost_tier_locks_nobody_out() -> None:
    """It fails open."""

    async def act(tier: Tier) -> None:
        lockout = Lockout(tier)
        for _ in range(FAILURES_MAX + 1):
            await lockout.failed("a@example.com")
            await lockout.check("a@example.com")

    on(1, act)


@pytest.mark.parametrize("hardened", [True, False])
def test_it_is_a_variable_of_a_process(hardened: bool) -> None:
    """Off unless the environment file says otherwise."""
    plain = StandinSettings(
        "i",
        "us-east-1",
        1,
        TOPOLOGY,
        {1: 1},
        {1: 1},
        {"us-east-1": 1},
        {"us-east-1": 1},
        1,
        "http://x",
        "d",
        "u",
        "k",
        "",
        hardened=hardened,
    )
    assert of_process(to_variables(plain)).hardened is hardened
    assert of_process({name: value for name, value in to_variables(plain).items() if name != "HARDENED"}).hardened is False
