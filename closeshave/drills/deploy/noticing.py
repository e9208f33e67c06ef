"""The smallest effect that a comparison of releases would have noticed, by simulation, as it looks again and again. Pure: randomness is an argument."""

from __future__ import annotations

from random import Random

from closeshave.drills.deploy.comparison import BlockCounts, SequentialComparison

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""The shares of bad requests that are tried, from the smallest."""
TRIES = 40
STOPPED_LEAST = 38
"""95 % of the tries."""


def noticed_from(measures: tuple[str, ...], chance: float, counts: BlockCounts, seconds: int, draw: Random) -> float | None:
    """The smallest share of bad requests of the new release, alike at all endpoints, that would have stopped it in 95 % of the tries.

    ``counts``: the requests of both over so many ``seconds``; the old release's share of bad ones is taken as its own. ``None``: not even 100 %.
    """
    if seconds < 1 or not counts.new or not counts.old:
        return None
    for share in SHARES:
        if sum(_stopped(measures, chance, counts, seconds, share, draw) for _ in range(TRIES)) >= STOPPED_LEAST:
            return share
    return None


def _stopped(measures: tuple[str, ...], chance: float, counts: BlockCounts, seconds: int, share: float, draw: Random) -> bool:
    found = SequentialComparison(measures, chance)
    usual = counts.old_bad / counts.old
    for second in range(seconds):
        new, old = _in(counts.new, seconds, second), _in(counts.old, seconds, second)
        block = BlockCounts(
            new, sum(draw.random() < max(share, usual) for _ in range(new)), old, sum(draw.random() < usual for _ in range(old))
        )
        found.take(measures[0], {"any": block})
        if found.worse:
            return True
    return False


def _in(count: int, seconds: int, second: int) -> int:
    """How many of a count fall into one of several seconds, spread evenly."""
    return count * (second + 1) // seconds - count * second // seconds
