"""Baselines of earlier jobs, as small JSON files that are meant to be committed, and what they can say of a candidate.

Between jobs figures differ far more than within one: by another machine, another neighbour, another day. So a baseline needs at least five jobs, and
only what is beyond their own spread is claimed. Its conditions must be those of the candidate's job: a difference that can move figures makes the
answer unknown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from closeshave import quantiles
from closeshave.comparison.fingerprint import Fact, FingerprintDifference, RunFingerprint, differences, unknown
from closeshave.files import write_atomically
from closeshave.gate.decision import Decision, GateAnswer, LegFigure, MetricAnswer, concluded, holm, percent
from closeshave.gate.effects import NOTHING, ROUNDING, MeanChange
from closeshave.gate.power import by_t, smallest
from closeshave.gate.rules import BLOCKS_MIN, CONFIDENCE, MetricRule, Rules
from closeshave.plurals import counted

SCHEMA: Literal["closeshave.baseline/1"] = "closeshave.baseline/1"
FOLDER = Path("reports/baselines")
FILE = "file "
"""Of the names of conditions that are digests of files."""
JOBS_MIN = 5
JOBS_KEPT = 30
"""The newest; older ones are removed when one is added."""


class BaselineUnusable(Exception):
    """A baseline cannot be compared with. The message is one sentence; the gate's answer is *unknown*."""


@dataclass(frozen=True, slots=True)
class BaselineJob:
    """What one job measured."""

    at: str
    """When its first leg started, in ISO 8601."""
    runs: tuple[str, ...]
    """The IDs of its legs."""
    figures: Mapping[str, LegFigure]
    """Over all its legs, by metric: times in seconds, shares from 0 to 1, and the number of requests."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Several jobs of one plan under the same conditions."""

    name: str
    """Of its file."""
    plan: str
    """The name of the plan."""
    fingerprint: RunFingerprint
    """The conditions of all its jobs."""
    jobs: tuple[BaselineJob, ...] = field(default_factory=tuple)
    """In time order."""
    schema: Literal["closeshave.baseline/1"] = SCHEMA
    """Which format this is."""


CODEC = TypeAdapter(Baseline)


def read(path: Path) -> Baseline:
    """The baseline in a file. Raises :class:`BaselineUnusable`, whatever is wrong with it."""
    try:
        told: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BaselineUnusable(f"there is no baseline {path}; 'closeshave gate PLAN --save {path.stem}' makes one") from None
    except OSError as error:
        raise BaselineUnusable(f"the baseline {path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise BaselineUnusable(f"the baseline {path} is damaged or cut off: it is no whole JSON document") from None
    schema = told.get("schema") if isinstance(told, dict) else None
    if schema != SCHEMA:
        said = f"has the schema {schema!r}"[:80] if schema is not None else "names no schema"
        raise BaselineUnusable(f"the baseline {path} {said}; this version of Closeshave reads {SCHEMA}")
    try:
        found = CODEC.validate_python(told)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BaselineUnusable(f"the baseline {path} is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    # Merged files may have a job twice: the spread would look smaller than it is.
    runs = [run for job in found.jobs for run in job.runs]
    if twice := next((run for run in runs if runs.count(run) > 1), None):
        raise BaselineUnusable(f"the baseline {path} is damaged: it has the run {twice} twice")
    values = [figure for job in found.jobs for figure in job.figures.values()]
    if any(not math.isfinite(figure.value) or figure.value < 0 or figure.n < 1 for figure in values):
        raise BaselineUnusable(f"the baseline {path} is damaged: a figure is not a finite number from 0 on, or is of no request")
    return found


def refuse_unlike(found: Baseline, plan: str, conditions: RunFingerprint) -> tuple[FingerprintDifference, ...]:
    """Differences between the conditions that change no figure. Raises :class:`BaselineUnusable` for a baseline that cannot be compared with."""
    if found.plan != plan:
        raise BaselineUnusable(f"the baseline {found.name} is of the plan {found.plan}, not of {plan}")
    if missing := tuple(dict.fromkeys((*unknown(found.fingerprint), *unknown(conditions)))):
        raise BaselineUnusable(f"the baseline {found.name} cannot be compared with: it was not recorded: {', '.join(missing)}")
    unlike = differences(found.fingerprint, conditions)
    if moving := [each.text for each in unlike if each.moves]:
        raise BaselineUnusable(f"the conditions are not those of the baseline {found.name}: {'; '.join(moving)}")
    return unlike


def refuse_few(found: Baseline) -> None:
    """Raises :class:`BaselineUnusable` for a baseline of too few jobs."""
    if len(found.jobs) < JOBS_MIN:
        raise BaselineUnusable(
            f"the baseline {found.name} has {counted(len(found.jobs), 'job')}; at least {JOBS_MIN} are needed to know their spread"
        )


def refuse_small(sound: int) -> None:
    """Raises :class:`BaselineUnusable` for a job of so few sound blocks that its figures spread more than those of whole jobs; one without any has no
    figures at all."""
    if 0 < sound < BLOCKS_MIN:
        raise BaselineUnusable(
            f"{counted(sound, 'block')} of this job can be used; at least {BLOCKS_MIN} are needed, because a smaller job differs more by chance"
        )


def with_files(plan: Mapping[str, Fact], files: Mapping[str, str]) -> dict[str, Fact]:
    """The conditions of a plan with the digests of these files, and of no others: who changes what customers send compares something else."""
    return {name: fact for name, fact in plan.items() if not name.startswith(FILE)} | {
        f"{FILE}{name}": told for name, told in files.items()
    }


def added(before: Baseline | None, name: str, plan: str, conditions: RunFingerprint, job: BaselineJob) -> Baseline:
    """The baseline with one more job. Raises :class:`BaselineUnusable` for a job under other conditions: whoever wants a new baseline removes the file."""
    if before is None:
        return Baseline(name, plan, conditions, (job,))
    refuse_unlike(before, plan, conditions)
    kept = [each for each in before.jobs if each.runs != job.runs]
    return replace(before, jobs=tuple(sorted([*kept, job], key=lambda each: each.at))[-JOBS_KEPT:])


def without(found: Baseline, job: BaselineJob) -> Baseline:
    """The other jobs: one that is concluded again may be in the baseline already, and is not compared with itself."""
    return replace(found, jobs=tuple(each for each in found.jobs if each.runs != job.runs))


def save(path: Path, baseline: Baseline) -> None:
    """Write a baseline. Raises :class:`OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(CODEC.dump_python(baseline, mode="json"), indent=1, sort_keys=True) + "\n")


def over_legs(legs: Sequence[Mapping[str, LegFigure]], rules: Rules) -> Mapping[str, LegFigure]:
    """The figures of a job: of ratios the geometric mean over its legs, of shares the pooled one. What a leg lacks is left to the others."""
    found = {}
    for rule in rules.metrics:
        mine = [leg[rule.metric] for leg in legs if rule.metric in leg]
        n = sum(figure.n for figure in mine)
        if not mine or not n:
            continue
        if not rule.ratio:
            found[rule.metric] = LegFigure(math.fsum(figure.value * figure.n for figure in mine) / n, n)
        elif all(figure.value > 0 for figure in mine):
            found[rule.metric] = LegFigure(math.exp(math.fsum(math.log(figure.value) for figure in mine) / len(mine)), n)
    return found


def decide_against(rules: Rules, baseline: Baseline, job: Mapping[str, LegFigure]) -> Decision:
    """What the jobs of a baseline say of one more job. Raises :class:`BaselineUnusable` for too few jobs.

    The figure of one more job under the same conditions lies within a prediction interval of theirs; Holm's procedure over the metrics.
    """
    refuse_few(baseline)
    seen = {rule.metric: _seen(rules, rule, baseline.jobs, job.get(rule.metric)) for rule in rules.metrics}
    chances = {
        metric: one.change.by_chance_worse
        for metric, one in seen.items()
        if one.change.mean is not None and one.change.mean > next(rule.tolerated for rule in rules.metrics if rule.metric == metric)
    }
    bad = holm(chances, rules.false_alarm, len(rules.metrics))
    return concluded(tuple(_answer(rule, seen[rule.metric], rule.metric in bad) for rule in rules.metrics))


@dataclass(frozen=True, slots=True)
class _Seen:
    base: float | None
    candidate: float | None
    change: MeanChange
    noticeable: float | None


def _seen(rules: Rules, rule: MetricRule, jobs: Sequence[BaselineJob], now: LegFigure | None) -> _Seen:
    before = [job.figures[rule.metric] for job in jobs if rule.metric in job.figures]
    if now is None or len(before) < JOBS_MIN or (rule.ratio and min(now.value, *(figure.value for figure in before)) <= 0):
        return _Seen(None, None if now is None else now.value, NOTHING, None)
    if not rule.ratio and not any(figure.value for figure in before):
        return _never_before(rules, rule, sum(figure.n for figure in before), now)
    values = [math.log(figure.value) if rule.ratio else figure.value for figure in before]
    k = len(values)
    mean = math.fsum(values) / k
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (k - 1))
    change = (math.log(now.value) if rule.ratio else now.value) - mean
    base = math.exp(mean) if rule.ratio else mean
    error = math.sqrt(1 + 1 / k)
    if spread <= ROUNDING * max(map(abs, values)):
        # Equal but for rounding, as shares of equally many requests are: nothing is known of their spread.
        return _Seen(base, now.value, MeanChange(k, change, 0.0, None, None, 1.0, 1.0), None)
    reach = quantiles.student(CONFIDENCE, k - 1) * spread * error
    worse = quantiles.student_at_most(-change / (spread * error), k - 1)
    found = smallest(by_t(rules.false_alarm / len(rules.metrics), k - 1, error, rule.tolerated / spread), rules.power)
    return _Seen(
        base,
        now.value,
        MeanChange(k, change, spread, change - reach, change + reach, worse, 1 - worse),
        None if found is None else found * spread,
    )


def _never_before(rules: Rules, rule: MetricRule, requests: int, now: LegFigure) -> _Seen:
    """No job had such a request: with equal shares, each of the failures would be in this job with its share of all requests only."""
    mine = now.n / (now.n + requests)
    failures = round(now.value * now.n)
    level = rules.false_alarm / len(rules.metrics)
    needed = math.ceil(math.log(level) / math.log(mine))
    noticed = max(rule.tolerated, float(quantiles.beta(rules.power, needed, now.n - needed + 1))) if needed <= now.n else None
    high = 1.0 if failures == now.n else float(quantiles.beta(CONFIDENCE, failures + 1, now.n - failures))
    return _Seen(0.0, now.value, MeanChange(JOBS_MIN, now.value, None, 0.0, high, mine**failures, 1.0), noticed)


def _answer(rule: MetricRule, seen: _Seen, bad: bool) -> MetricAnswer:
    change = seen.change
    if change.mean is None:
        answer, reason = GateAnswer.UNKNOWN, f"there is no figure of this job, or of {JOBS_MIN} jobs of the baseline"
    elif bad:
        answer, reason = GateAnswer.WORSE, f"{percent(rule, change.mean)}, more than the spread of the jobs explains"
    elif seen.noticeable is None:
        answer, reason = GateAnswer.UNKNOWN, "the jobs have no spread, so it is unknown what would have been noticed"
    elif seen.noticeable > rule.noticed:
        told = (
            f"only a change of {percent(rule, seen.noticeable)} would have been noticed, because the jobs differ so much among themselves"
        )
        answer, reason = GateAnswer.UNKNOWN, f"{told}; compare two releases in one job to notice less"
    elif change.high is None or change.high >= rule.noticed:
        edge = "unknown" if change.high is None else percent(rule, change.high)
        answer, reason = GateAnswer.UNKNOWN, f"{percent(rule, change.mean)}; the true change may be up to {edge}"
    else:
        answer, reason = (
            GateAnswer.SAME,
            f"{percent(rule, change.mean)}; a change of {percent(rule, seen.noticeable)} would have been noticed",
        )
    return MetricAnswer(rule.metric, answer, seen.base, seen.candidate, change, (change,), None, seen.noticeable, None, reason)
