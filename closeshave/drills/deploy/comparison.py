"""Whether a new release is worse than the one that runs, decided while requests come in, with a stated chance of a false stop. Pure.

Requests of both releases are counted by endpoint in blocks of the same seconds, so that what happens to both at the same time decides nothing. Suppose
that in such a block a request of the new release is no likelier to be bad than one of the old. Then, given how many of all were bad, the number that
the new one had is at most hypergeometric. Were its odds θ times as high, the number would have Fisher's noncentral hypergeometric distribution. The
ratio of the two probabilities has a mean of at most 1, and so have the product over blocks and the mean over several θ, endpoints and measures: it is an
*e-process*. By Ville's inequality the chance that it ever reaches 1/α is at most α, however often one looks. So a release that is no worse is stopped
with a chance of at most α.

Sources: J. Ville, *Étude critique de la notion de collectif* (1939); R. Turner, A. Ly, P. Grünwald, *Generic E-variables for exact sequential k-sample
tests that allow for optional stopping* (arXiv:2106.02693); J. ter Schure, M. Pérez-Ortiz, A. Ly, P. Grünwald, *The safe logrank test*
(arXiv:2011.06931), whose blocks are the instants of events. Products of stratified tables: Mantel and Haenszel (1959).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

THETAS = (3.0, 10.0, 30.0, 100.0)
"""The odds ratios that are mixed: slightly worse releases need more requests, useless ones few."""
BLOCK_FACTOR_MOST = 10.0
"""How much a single block can raise the evidence. Requests of one block are not independent: a process that stalls for a second delays all of its own. A
smaller factor than the exact one keeps the mean at most 1."""
OLD_LEAST = 10
"""An endpoint that is rarely called is compared over several seconds: a block ends when it has so many requests of the old release, however many were
bad. With two others at the same time a single bad request would say little."""
ENDPOINTS_MOST = 24
"""So many endpoints are compared each by itself, in the order in which they are first seen; all others together as one more."""
NEARLY = 0.9
OTHERS = "other endpoints"
EVERYWHERE = "all endpoints"


@dataclass(frozen=True, slots=True)
class BlockCounts:
    """The requests of one endpoint in one block."""

    new: int = 0
    """Of the new release."""
    new_bad: int = 0
    old: int = 0
    """Of the release that runs."""
    old_bad: int = 0

    def __add__(self, other: BlockCounts) -> BlockCounts:
        return BlockCounts(self.new + other.new, self.new_bad + other.new_bad, self.old + other.old, self.old_bad + other.old_bad)


NOTHING = BlockCounts()
Block = Mapping[str, BlockCounts]
"""Endpoint → its requests in one second, bad by one measure."""


@dataclass(frozen=True, slots=True)
class StrongestEvidence:
    """The strongest evidence against the new release."""

    measure: str
    endpoint: str
    counts: BlockCounts
    """Over all blocks so far."""
    evidence: float
    """All evidence against the release, of every measure and endpoint; its mean is at most 1 for one that is no worse."""


def log_ratio(counts: BlockCounts, theta: float) -> float:
    """ln of how much likelier this block is if the odds of the new release are ``theta`` times as high than if they are equal, given its margins.

    0 for a block that cannot tell: without requests of both, or with all or none bad.
    """
    bad = counts.new_bad + counts.old_bad
    lowest, highest = max(0, bad - counts.old), min(counts.new, bad)
    if lowest == highest:
        return 0.0
    tilt = math.log(theta)
    weights = {x: _ln_choose(counts.new, x) + _ln_choose(counts.old, bad - x) for x in range(lowest, highest + 1)}
    equal = _ln_sum(list(weights.values()))
    tilted = _ln_sum([weight + x * tilt for x, weight in weights.items()])
    return counts.new_bad * tilt - tilted + equal


@dataclass(slots=True)
class _Stratum:
    """The evidence about one endpoint, or about all of them: ln of the product for each θ."""

    logs: list[float] = field(default_factory=lambda: [0.0] * len(THETAS))
    total: BlockCounts = NOTHING
    waiting: BlockCounts = NOTHING
    """What is in no block yet."""

    def block_with(self, counts: BlockCounts) -> BlockCounts | None:
        """The block that these requests complete, if they do."""
        self.total += counts
        self.waiting += counts
        if self.waiting.old < OLD_LEAST:
            return None
        block, self.waiting = self.waiting, NOTHING
        return block

    def take(self, blocks: Collection[BlockCounts]) -> None:
        """Take over the evidence of blocks that end together."""
        most = math.log(BLOCK_FACTOR_MOST)
        for place, theta in enumerate(THETAS):
            self.logs[place] += min(most, sum(log_ratio(counts, theta) for counts in blocks))

    @property
    def ln_evidence(self) -> float:
        return _ln_sum(self.logs) - math.log(len(THETAS))


class SequentialComparison:
    """A comparison that goes on, block by block, by one or more measures of what a bad request is."""

    def __init__(self, measures: tuple[str, ...], chance: float) -> None:
        """``chance``: of a false stop, at most, over all measures and looks, above 0 and below 1."""
        self._strata: dict[str, dict[str, _Stratum]] = {measure: {EVERYWHERE: _Stratum()} for measure in measures}
        self._chance = chance

    @property
    def threshold(self) -> float:
        """The evidence at which the release is stopped."""
        return 1 / self._chance

    def take(self, measure: str, block: Block) -> None:
        """Add the requests of a second that is over."""
        strata = self._strata[measure]
        named: dict[str, BlockCounts] = {}
        for endpoint, counts in sorted(block.items()):
            known = endpoint if endpoint in strata or len(strata) <= ENDPOINTS_MOST else OTHERS
            strata.setdefault(known, _Stratum())
            named[known] = named.get(known, NOTHING) + counts
        ended = {endpoint: whole for endpoint, counts in named.items() if (whole := strata[endpoint].block_with(counts)) is not None}
        for endpoint, counts in ended.items():
            strata[endpoint].take([counts])
        strata[EVERYWHERE].take(ended.values())
        strata[EVERYWHERE].total = sum(named.values(), strata[EVERYWHERE].total)

    @property
    def found(self) -> StrongestEvidence:
        """All evidence so far, and where it is strongest."""
        weighted = {
            (measure, endpoint): stratum.ln_evidence + math.log(self._weight(endpoint))
            for measure, strata in self._strata.items()
            for endpoint, stratum in strata.items()
        }
        measure, endpoint = max(weighted, key=self._explains)
        # Endpoints that were not seen yet have the evidence 1, which their weight adds.
        unseen = sum((ENDPOINTS_MOST + 2 - len(strata)) * self._weight(OTHERS) for strata in self._strata.values())
        logs = [*weighted.values(), *([math.log(unseen)] if unseen > 0 else [])]
        return StrongestEvidence(measure, endpoint, self._strata[measure][endpoint].total, math.exp(min(700.0, _ln_sum(logs))))

    @property
    def worse(self) -> bool:
        """Whether the new release must be stopped."""
        return self.found.evidence >= self.threshold

    def counts(self, measure: str, endpoint: str = EVERYWHERE) -> BlockCounts:
        """The requests so far, bad by this measure."""
        return self._strata[measure][endpoint].total

    def endpoints(self, measure: str) -> tuple[str, ...]:
        """Those that were seen, and all together."""
        return tuple(self._strata[measure])

    def worst(self, measure: str) -> str:
        """The single endpoint with most evidence by this measure; :data:`EVERYWHERE` where none was seen, or none has any."""
        strata = self._strata[measure]
        return max(strata, key=lambda one: (strata[one].ln_evidence if one != EVERYWHERE else 0.0, one == EVERYWHERE))

    def _explains(self, place: tuple[str, str]) -> float:
        """How much of the evidence a place explains. If one endpoint has nearly all of that of all of them together, it is the one to name."""
        measure, endpoint = place
        evidence = self._strata[measure][endpoint].ln_evidence
        return NEARLY * evidence if endpoint == EVERYWHERE and evidence > 0 else evidence

    def _weight(self, endpoint: str) -> float:
        """Its share of all evidence: half of a measure's for all endpoints together, the rest for single ones. Fixed before any is seen."""
        share = 0.5 if endpoint == EVERYWHERE else 0.5 / (ENDPOINTS_MOST + 1)
        return share / len(self._strata)


def _ln_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _ln_sum(logs: list[float]) -> float:
    top = max(logs)
    return top + math.log(sum(math.exp(each - top) for each in logs))
