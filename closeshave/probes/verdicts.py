"""Findings in the form of every other verdict: of a round by itself, and of the rounds of a trial."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from closeshave.files.yamlfile import InvalidFile
from closeshave.judge.verdict import Status, Verdict
from closeshave.probes import record
from closeshave.probes.catalogue import matching
from closeshave.probes.judging import findings
from closeshave.probes.result import STATUS
from closeshave.probes.values import ProbeFinding, ProbeOutcome
from closeshave.target import Target
from closeshave.vocabulary import ROUNDS

MEASURE = "answers_not_as_promised"


def verdict(name: str, found: ProbeFinding, claims: tuple[str, ...], of: str = "") -> Verdict:
    """The finding of a probe, of a round of that name. Pure."""
    decided = found.outcome is not ProbeOutcome.UNKNOWN
    return Verdict(
        id=f"probe/{of}/{name}" if of else f"probe/{name}",
        claims=claims,
        status=STATUS[found.outcome],
        measure=MEASURE,
        scope=f"probe:{name}",
        measured=float(found.broken) if decided else None,
        bound=0.0,
        unit="count",
        n=found.asked,
        reason="" if found.outcome is ProbeOutcome.HOLDS else found.why,
    )


def of_trial(run: Path, name: str, patterns: tuple[str, ...], target: Target) -> Iterator[Verdict]:
    """A verdict for each probe of a round of a trial, judged from its observations. What cannot be read, or was never asked, is inconclusive."""
    place = run / ROUNDS / name
    try:
        told = record.facts(place)
        wrong = record.changed(place, told) if told.ended_at is not None else "the round did not come to its end"
        found = findings(told.asked, record.observations(place), told.basis)
    except FileNotFoundError:
        wrong, found = "the round was not asked", {}
    except (InvalidFile, OSError, ValueError) as error:
        wrong, found = str(error).partition("\n")[0], {}
    for probe in dict.fromkeys((*matching(patterns), *found)):
        claims = tuple(claim.id for claim in target.claims if probe in matching(claim.probes))
        one = found.get(probe, ProbeFinding(ProbeOutcome.UNKNOWN, wrong or "it was not asked"))
        made = verdict(probe, one, claims, name)
        # What is broken stays broken; nothing of a round that cannot be trusted holds.
        yield made if not wrong or made.status is Status.FAIL else verdict(probe, ProbeFinding(ProbeOutcome.UNKNOWN, wrong), claims, name)
