"""Targets of one product: the same customers are promised different things."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from closeshave.claims.finding import ClaimFinding, Promises, Severity, figures, found, span
from closeshave.report.words import ratio

COMPARED: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "rto": ("Recovery time (RTO)", span),
    "rpo": ("Data loss window (RPO)", span),
    "availability": ("Availability", ratio),
}
"""The figures that are compared: their titles, and how they are written."""


def one_product(several: tuple[Promises, ...]) -> Iterator[ClaimFinding]:
    """Figures about the whole system that differ between targets of one product."""
    for product in dict.fromkeys(each.target.product for each in several if each.target.product):
        targets = [each.target for each in several if each.target.product == product]
        for key, (title, written) in COMPARED.items():
            said = [each for target in targets for each in figures(target, key) if not each.says.of and each.says.failover is None]
            if len({getattr(each.says, key) for each in said}) > 1:
                figures_of = ", ".join(f"{each.target} says {written(getattr(each.says, key))} ({each.claim})" for each in said)
                yield found("one-product", Severity.CONTRADICTION, said, f"{title} of {product}: {figures_of}.")
