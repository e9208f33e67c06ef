"""Promotions by Patroni's own history of timelines."""

import pytest

from closeshave.clock import Anchor
from closeshave.environments.evidence import timelines

ANCHOR = Anchor(monotonic_ns=5_000_000_000, wall_ns=1_795_000_000 * 10**9, uncertainty_ns=0)
AT = "2026-11-18T11:46:42.250000+00:00"


def test_a_promotion_is_placed_on_the_monotonic_axis():
    """With the position at which the old timeline ended, as PostgreSQL writes positions."""
    [signal] = timelines.parse([[2, (1 << 32) + 0x20, "no recovery target specified", AT, "shard2-b"]], 2, ANCHOR)
    assert (signal.at_ns - ANCHOR.monotonic_ns) / 1e9 == pytest.approx(1_795_002_402.25 - 1_795_000_000)
    assert (signal.kind, signal.scope, signal.source) == ("promoted", "shard:2", "patroni /history")
    assert signal.detail == "timeline 2 ended at 1/20 (no recovery target specified); shard2-b leads the next"


@pytest.mark.parametrize("line", [[1, 32, "no recovery target specified"], ["1", 32, "x", AT], {}, None])
def test_a_promotion_without_an_instant_is_left_out(line):
    """Patroni does not know when a promotion was that it did not carry out itself."""
    assert list(timelines.parse([line], 1, ANCHOR)) == []
