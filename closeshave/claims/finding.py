"""What a rule finds, and the figures of promises to find it with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from closeshave.plan import Plan
from closeshave.target import Statement, Target
from closeshave.topology import Topology


class Severity(StrEnum):
    """How much a finding matters."""

    CONTRADICTION = "contradiction"
    """Not all of these promises can be kept in every case that they cover."""
    REMARK = "remark"
    """They can be kept; what follows from their figures should be known."""


@dataclass(frozen=True, slots=True)
class ClaimFinding:
    """One thing that follows from the figures of promises."""

    id: str
    """The rule that found it."""
    severity: Severity
    """Whether the promises contradict each other."""
    targets: tuple[str, ...]
    """Names of the targets concerned."""
    claims: tuple[str, ...]
    """IDs of the promises concerned."""
    sentence: str
    """What follows, with the figures."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and the topology of its environment."""

    plan: Plan
    topology: Topology


@dataclass(frozen=True, slots=True)
class Promises:
    """A target, and the plans that put it to the test."""

    target: Target
    plans: tuple[Planned, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a promise."""

    target: str
    claim: str
    says: Statement


def figures(target: Target, *keys: str) -> Iterator[Figure]:
    """The statements of a target that have all these figures, in the order of the file."""
    for claim in target.claims:
        for statement in claim.says:
            if all(getattr(statement, key) is not None for key in keys):
                yield Figure(target.name, claim.id, statement)


def first(target: Target, key: str, of: Iterable[str] = ("",)) -> Figure | None:
    """The first statement with this figure, about one of these parts."""
    return next((each for each in figures(target, key) if each.says.of in set(of)), None)


def least(target: Target, key: str, of: Iterable[str] = ("",)) -> Figure | None:
    """The statement with the smallest of these figures, about one of these parts: of several recoveries the one that leaves the least time. A failover
    inside a recovery is none by itself."""
    return min(_about(target, key, of), key=lambda each: getattr(each.says, key), default=None)


def most(target: Target, key: str, of: Iterable[str] = ("",)) -> Figure | None:
    """The same with the largest."""
    return max(_about(target, key, of), key=lambda each: getattr(each.says, key), default=None)


def _about(target: Target, key: str, of: Iterable[str]) -> Iterator[Figure]:
    return (each for each in figures(target, key) if each.says.of in set(of) and each.says.failover is None)


def found(rule: str, severity: Severity, concerned: Iterable[Figure], sentence: str) -> ClaimFinding:
    """A finding about these figures."""
    concerned = tuple(concerned)
    return ClaimFinding(
        rule,
        severity,
        tuple(dict.fromkeys(each.target for each in concerned)),
        tuple(dict.fromkeys(each.claim for each in concerned)),
        sentence,
    )


def span(duration_s: float) -> str:
    """A duration in one unit, so that it can be calculated with: ``4.32 min``, ``30 days``."""
    for unit_s, least_s, unit in ((86400.0, 172800.0, "days"), (3600.0, 3600.0, "h"), (60.0, 60.0, "min"), (1.0, 1.0, "s")):
        if duration_s >= least_s:
            return f"{short(duration_s / unit_s)} {unit}"
    return f"{short(duration_s * 1000)} ms"


def short(value: float) -> str:
    """A number with three digits, or all of those before the point."""
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share or a multiple as a percentage: whole from 10 % on, below with two digits."""
    return f"{100 * share:,.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


def about(statement: Statement) -> str:
    """Which part a statement is about, for a sentence."""
    return f" of the {statement.of}" if statement.of else ""
