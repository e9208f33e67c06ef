"""The cache: whether a hit ratio can be reached at all, with this time to live, at this rate, over so many franchises."""

from __future__ import annotations

from collections.abc import Iterator

from closeshave.claims import zipf
from closeshave.claims.finding import ClaimFinding, Severity, first, found, most, short, span
from closeshave.report.words import ratio
from closeshave.target import Target

ENTRIES = ("franchises", "")
"""What a hit ratio, and a time to live, is about."""


def hits_and_rate(target: Target) -> Iterator[ClaimFinding]:
    """The rate from which a hit ratio can be reached, and what can be reached at the promised rate."""
    promised, ttl = first(target, "hit_ratio", ENTRIES), first(target, "ttl", ENTRIES)
    franchises, rate, exponent = first(target, "franchises"), most(target, "requests_per_s"), target.assumes.zipf
    if promised is None or ttl is None or franchises is None or exponent is None:
        return
    share, ttl_s, count = promised.says.hit_ratio or 0.0, ttl.says.ttl or 0.0, franchises.says.franchises or 1
    needs = zipf.lookups_needed(share, ttl_s, count, exponent)
    concerned, severity = [promised, ttl, franchises], Severity.REMARK
    what = (
        f"{ratio(share)} of hits ({promised.claim}) with entries that live {span(ttl_s)} ({ttl.claim}), over {count:,} franchises "
        f"({franchises.claim}) with Zipf popularity of exponent {exponent:g},"
    )
    if needs is None:
        sentence = f"{what} cannot be reached at any rate: the first lookup after an entry's end always misses."
        yield found("hits-and-rate", Severity.CONTRADICTION, concerned, sentence)
        return
    sentence = f"{what} takes at least {short(needs)} lookups/s, however good the cache is."
    if rate is not None and rate.says.requests_per_s is not None:
        concerned.append(rate)
        lookups = rate.says.requests_per_s * target.assumes.lookups_per_request
        best = zipf.hit_ratio(lookups, ttl_s, count, exponent)
        severity = Severity.CONTRADICTION if best < share else severity
        sentence += f" At the promised {short(lookups)} lookups/s ({rate.claim}) a perfect cache hits {ratio(best)}."
    sentence += " A check at a lower rate must have fewer franchises in the same proportion, and say so."
    yield found("hits-and-rate", severity, concerned, sentence)
