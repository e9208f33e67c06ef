"""What a ledger is asked for: target, runs, environment and instant, from the words of the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from closeshave import __version__
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile, Problem, document
from closeshave.readiness import gathering, plans
from closeshave.readiness.deciding import ledger
from closeshave.readiness.due import Known
from closeshave.readiness.standing import Policy, builds, standing
from closeshave.readiness.values import ReadinessLedger
from closeshave.target import Target, read_target

TARGETS, ENVIRONMENTS = "environments/targets", "environments"


@dataclass(frozen=True, slots=True)
class ReadinessQuestion:
    """What is asked, checked."""

    path: Path
    """Of the target."""
    target: Target
    called: str
    """How the user names it."""
    environment: str | None
    """The name of the only environment whose runs count."""
    until: datetime
    """The instant at which ages and waivers are counted."""


def question(target: str, environment: str | None, until: str, now: datetime) -> ReadinessQuestion:
    """The words of the command line as values. Without ``until`` the instant is ``now``. Raises :class:`InvalidFile`."""
    path = locate(TARGETS, target)
    return ReadinessQuestion(path, read_target(path), target, _named(environment), _instant(until) if until else now)


def answer(asked: ReadinessQuestion, places: Sequence[Path], note: Callable[[str], None]) -> ReadinessLedger:
    """The ledger of the runs in these places, each of which is a run or a directory of runs. ``note`` is told of each that is judged."""
    policy = Policy(__version__, asked.environment)
    runs = gathering.gather(gathering.directories(places), asked.target, asked.until, policy, note)
    return ledger(asked.target, runs, asked.until, policy, plans.testing(asked.target, asked.called, asked.environment))


def known(asked: ReadinessQuestion, places: Sequence[Path]) -> Known:
    """Every run in these places, without judging it, and whether it counts."""
    policy = Policy(__version__, asked.environment)
    runs = [gathering.facts(path) for path in gathering.directories(places)]
    current = builds(runs, asked.target.name, asked.until)
    return [(run, standing(run, asked.target.name, asked.until, policy, current)) for run in runs]


def _named(environment: str | None) -> str | None:
    """The name by which runs know the environment."""
    if environment is None:
        return None
    path = locate(ENVIRONMENTS, environment)
    told = document(path)
    return str(told.get("name", path.stem)) if isinstance(told, dict) else path.stem


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidFile(Problem("--until", 0, "", f"{text!r} is no instant in ISO 8601, like 2026-12-24T09:00:00Z")) from None
    try:
        # Days are those of UTC, as in waivers and in the runs.
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise InvalidFile(Problem("--until", 0, "", f"{text!r} is before the year 1 or after the year 9999, by UTC")) from None
