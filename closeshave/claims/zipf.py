"""Popularity by Zipf's law, and how often a cache whose entries live a fixed time can hit.

The franchise of rank r of n is chosen with probability p(r) = r^-s / (1^-s + 2^-s + … + n^-s).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

EXACT = 2_000
"""Ranks that are summed one by one; the others in blocks."""
GROWTH = 1.01
"""How much longer a block is than all ranks before it are many: within a block, popularity differs by 1 % at most for an exponent of 1."""
RATE_MOST = 1e15


@cache
def _blocks(count: int, exponent: float) -> tuple[tuple[float, float], ...]:
    """Pairs of a number of franchises and the probability of each of them; together 1."""
    sizes = [(first, last) for first, last in _ranges(count)]
    weights = [(last - first + 1, float(((first + last) / 2) ** -exponent)) for first, last in sizes]
    total = sum(many * weight for many, weight in weights)
    return tuple((float(many), weight / total) for many, weight in weights)


def _ranges(count: int) -> Iterator[tuple[int, int]]:
    first = 1
    while first <= count:
        last = first if first < EXACT else min(count, int(first * GROWTH))
        yield first, last
        first = last + 1


def head(most: int, count: int, exponent: float) -> float:
    """The share of all choices that the ``most`` most popular of ``count`` franchises get."""
    return _weight(most, exponent) / _weight(count, exponent)


def _weight(count: int, exponent: float) -> float:
    return sum((last - first + 1) * float(((first + last) / 2) ** -exponent) for first, last in _ranges(count))


def hit_ratio(lookups_per_s: float, ttl_s: float, count: int, exponent: float) -> float:
    """The most lookups that a cache can hit, as a share, if it forgets nothing before an entry's time to live is over.

    An entry that is looked up at the rate l (a Poisson process) and lives T after it was stored serves l T hits for each miss on average, so that
    it hits l T / (1 + l T): Jung, Berger and Balakrishnan, Modeling TTL-based Internet Caches, IEEE INFOCOM 2003. Here it is weighted by popularity.
    """
    stored = lookups_per_s * ttl_s
    return sum(many * p * (p * stored / (1 + p * stored)) for many, p in _blocks(count, exponent))


def lookups_needed(ratio: float, ttl_s: float, count: int, exponent: float) -> float | None:
    """The lowest rate of lookups, per second, at which :func:`hit_ratio` reaches ``ratio``, to a thousandth; ``None`` where no rate does."""
    low, high = 0.0, 1.0
    while hit_ratio(high, ttl_s, count, exponent) < ratio:
        low, high = high, high * 2
        if high > RATE_MOST:
            return None
    while high - low > high / 1000:
        middle = (low + high) / 2
        low, high = (low, middle) if hit_ratio(middle, ttl_s, count, exponent) >= ratio else (middle, high)
    return high
