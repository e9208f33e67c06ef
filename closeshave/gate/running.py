"""A gate from its first leg to its answer. Everything that decides was fixed before; what is here only acts, records and asks."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.comparison import stored
from closeshave.comparison.fingerprint import RunFingerprint, differences
from closeshave.environments.rollout.instances import VersionNotSeen
from closeshave.files import append_line, read_lines, write_atomically
from closeshave.files.jsonfile import Damaged
from closeshave.gate import baseline, directory, legs, pace
from closeshave.gate.baseline import BaselineJob, BaselineUnusable
from closeshave.gate.decision import Changes, Decision, GateAnswer, change_of, decide, doubted, suspicious
from closeshave.gate.design import STAGES, Block, Side, draw
from closeshave.gate.directory import GateOrder
from closeshave.gate.legs import GateSide, WarmedUp
from closeshave.gate.pace import StagePace
from closeshave.gate.result import GateAbout, GateResult, JudgedBlock, breaks, breaks_invariant, conclude, nothing, told
from closeshave.gate.rules import Rules
from closeshave.plan import Waiver
from closeshave.plurals import counted
from closeshave.trial import fitting

Say = Callable[[str], None]
WARM_UP = "warm-up.jsonl"
OF_THE_PLACE = frozenset({"machine", "parts", "harness"})
"""Sections of a fingerprint in which all legs of a job are alike; each leg has a plan of its own, with its own seed."""


@dataclass(frozen=True, slots=True)
class GateTask:
    """A gate that is ready to start, or to go on."""

    directory: Path
    order: GateOrder
    sides: dict[Side, GateSide]
    """Without a base where the baseline is one of other jobs."""
    waivers: tuple[Waiver, ...]
    plan_name: str


def run(task: GateTask, say: Say) -> GateResult:
    """Carry out what is missing, and decide. Raises :class:`closeshave.trial.series.SeriesStopped`, and
    :class:`closeshave.environments.errors.EnvironmentFailed` for an environment that does not start."""
    rules = task.order.rules
    before = tuple(directory.kept(task.directory))
    if before:
        say(f"going on after {counted(len(before), 'finished block')}")
    found = None
    if not _complete(task, before):
        try:
            with legs.serving(task.directory, tuple(task.sides.values())):
                before = _stages(task, rules, before, say)
        except (VersionNotSeen, legs.TooSlow) as error:
            found = _unmeasured(task, before, str(error))
    found = found or _decided(task, rules, before)
    write_atomically(task.directory / directory.RESULT, json.dumps(told(found), indent=1) + "\n")
    return found


def _unmeasured(task: GateTask, before: Sequence[JudgedBlock], why: str) -> GateResult:
    """Unknown: what would be measured is not the release that was asked for, or nothing can be measured here."""
    kept = tuple(directory.kept(task.directory)) or before
    return nothing(_about(task), why, kept, task.waivers, _conditions(task.directory, kept))


def _about(task: GateTask) -> GateAbout:
    order = task.order
    return GateAbout(task.plan_name, order.base, order.candidate, order.seed, order.started_at)


def _stages(task: GateTask, rules: Rules, before: Sequence[JudgedBlock], say: Say) -> tuple[JudgedBlock, ...]:
    blocks = list(before)
    scale = _warmed_up(task, rules, say)
    for stage in range(1, STAGES + 1):
        if _settled(task, blocks):
            break
        if stage > 1 and not (task.order.kind == "sides" and suspicious(rules, changes(rules, blocks, 1))):
            break
        if stage > 1:
            say(f"suspicious: {', '.join(suspicious(rules, changes(rules, blocks, 1)))}; the second stage repeats it with fresh legs")
        took_s: list[float] = []
        for block in planned(task.order, rules, stage):
            mine = [one for one in blocks if one.stage == stage]
            if any(one.number == block.number for one in mine):
                continue
            sound = [one for one in mine if not one.spoilt]
            if len(sound) >= rules.blocks or _settled(task, blocks):
                break
            began_s = time.monotonic()
            done = legs.carry_out(block, task.sides, rules, scale, say)
            directory.keep(task.directory, done)
            blocks.append(done)
            if done.spoilt:
                say(f"{block.name} is thrown away: {done.spoilt}")
            else:
                took_s.append(time.monotonic() - began_s)
                say(f"{block.name} took {pace.left(took_s, rules.blocks - len(sound) - 1)}")
    return tuple(blocks)


def _settled(task: GateTask, blocks: Sequence[JudgedBlock]) -> bool:
    """Whether the candidate broke an invariant: further legs cost time and change no exit code. Whoever saves a baseline needs them all."""
    return task.order.kind == "sides" and breaks_invariant(blocks, task.waivers, task.order.started_at)


def planned(order: GateOrder, rules: Rules, stage: int) -> tuple[Block, ...]:
    """The blocks of a stage and their possible repetitions. Against a baseline, a block is two legs of the candidate."""
    drawn = draw(order.seed, stage, rules.blocks + rules.repeats)
    if order.kind == "sides":
        return drawn
    return tuple(Block(one.stage, one.number, tuple(leg for leg in one.legs if leg.side is Side.CANDIDATE)) for one in drawn)


def changes(rules: Rules, blocks: Sequence[JudgedBlock], stage: int) -> list[Changes]:
    """What the sound blocks of a stage say."""
    found: list[Changes] = []
    for block in blocks:
        if block.stage != stage or block.spoilt:
            continue
        by_metric = {}
        for rule in rules.metrics:
            change = change_of([(leg.side, leg.figures.get(rule.metric)) for leg in block.legs], rule)
            if change is not None:
                by_metric[rule.metric] = change
        found.append(by_metric)
    return found


def _complete(task: GateTask, blocks: Sequence[JudgedBlock]) -> bool:
    """Whether all blocks that the gate needs are there."""
    rules = task.order.rules
    if _settled(task, blocks):
        return True

    if not _whole(rules, blocks, 1):
        return False
    return task.order.kind != "sides" or not suspicious(rules, changes(rules, blocks, 1)) or _whole(rules, blocks, 2)


def _whole(rules: Rules, blocks: Sequence[JudgedBlock], stage: int) -> bool:
    """Whether a stage has the blocks that it needs, or no repetition left."""
    mine = [one for one in blocks if one.stage == stage]
    return len([one for one in mine if not one.spoilt]) >= rules.blocks or len(mine) >= rules.blocks + rules.repeats


def _decided(task: GateTask, rules: Rules, blocks: Sequence[JudgedBlock]) -> GateResult:
    order = task.order
    conditions = _conditions(task.directory, blocks)
    about = _about(task)
    refused = ""
    unlike: tuple[str, ...] = ()
    decision = None
    job = _job(task, rules, blocks)
    sound = sum(not one.spoilt for one in blocks)
    if _settled(task, blocks) and not _whole(rules, blocks, 1):
        refused = "the gate ended with the block in which the candidate broke an invariant; no metric was compared"
    elif order.kind == "sides":
        decision = decide(rules, _stages_of(rules, blocks))
    else:
        try:
            _refuse_mixed(task.directory, job)
            if order.kind == "baseline":
                baseline.refuse_small(sound)
                against = baseline.without(baseline.read(Path(order.base)), job)
                unlike = tuple(each.text for each in baseline.refuse_unlike(against, task.plan_name, conditions))
                decision = baseline.decide_against(rules, against, job.figures)
        except BaselineUnusable as error:
            refused = str(error)
    unsaved = _kept(task, conditions, _without(job, _endless(blocks)), _unfit(task, blocks, decision), sound) if order.save else ""
    if decision is None:
        said = "; ".join(dict.fromkeys(filter(None, (refused, unsaved))))
        return nothing(
            about, said or f"nothing was compared; this job is saved in the baseline {order.save}", blocks, task.waivers, conditions
        )
    found = conclude(about, doubted(decision, _endless(blocks)), blocks, task.waivers, conditions, unlike)
    return replace(found, sentence=f"{found.sentence} Not saved: {unsaved}.") if unsaved else found


def _unfit(task: GateTask, blocks: Sequence[JudgedBlock], decision: Decision | None) -> str:
    """Why this job may not be added to a baseline; empty if it may. A level that is worse, or that was reached by breaking a promise, would become the
    one that later jobs are compared with. A waiver accepts a release for some days, and not its level for ever."""
    if broken := breaks(blocks, task.waivers, task.order.started_at):
        return f"the candidate broke {', '.join(broken)}"
    worse = [] if decision is None else [one.metric for one in decision.metrics if one.answer is GateAnswer.WORSE]
    return f"{', '.join(worse)} {'is' if len(worse) == 1 else 'are'} worse than in {task.order.base}" if worse else ""


def _kept(task: GateTask, conditions: RunFingerprint, job: BaselineJob, unfit: str, sound: int) -> str:
    """Add the job to its baseline. Why it was not added; empty if it was."""
    if unfit:
        return f"{unfit}, so this job is not added to the baseline {task.order.save}"
    try:
        baseline.refuse_small(sound)
        _refuse_mixed(task.directory, job)
        _save(task.order.save, task.plan_name, conditions, job)
    except BaselineUnusable as error:
        return str(error)
    return ""


def _stages_of(rules: Rules, blocks: Sequence[JudgedBlock]) -> list[list[Changes]]:
    """The stages that the answer must rest on. A second one that had to be run counts even if all its blocks were thrown away: then what the first one
    suspected was neither confirmed nor refuted."""
    first, second = (changes(rules, blocks, stage) for stage in (1, STAGES))
    return [first, second] if suspicious(rules, first) or any(one.stage == STAGES for one in blocks) else [first]


def _endless(blocks: Sequence[JudgedBlock]) -> Mapping[str, int]:
    """Metric → the legs of the candidate in which its percentile did not exist."""
    return Counter(
        metric for block in blocks if not block.spoilt for leg in block.legs if leg.side is Side.CANDIDATE for metric in leg.endless
    )


def _without(job: BaselineJob, endless: Mapping[str, int]) -> BaselineJob:
    """The job without percentiles that did not exist in some legs: the others alone would make a baseline quicker than the job was."""
    return replace(job, figures={metric: figure for metric, figure in job.figures.items() if metric not in endless})


def _job(task: GateTask, rules: Rules, blocks: Sequence[JudgedBlock]) -> BaselineJob:
    sound = [leg for block in blocks if not block.spoilt for leg in block.legs if leg.side is Side.CANDIDATE]
    return BaselineJob(task.order.started_at, tuple(leg.run for leg in sound), baseline.over_legs([leg.figures for leg in sound], rules))


def _save(name: str, plan: str, conditions: RunFingerprint, job: BaselineJob) -> None:
    path = baseline.FOLDER / f"{name}.json"
    if not job.figures:
        raise BaselineUnusable(f"no leg of this job could be used, so nothing is added to the baseline {path}")
    before = baseline.read(path) if path.exists() else None
    baseline.save(path, baseline.added(before, name, plan, conditions, job))


def _refuse_mixed(path: Path, job: BaselineJob) -> None:
    """Raises :class:`BaselineUnusable` where the legs of a job ran under conditions that differ, as after an update on the way: its figures are of
    neither. Blocks of two sides are compared within themselves, and need no such check."""
    runs = [run for run in job.runs if (path / run).is_dir()]
    prints = [stored.load(path / run).fingerprint for run in runs]
    for run, each in zip(runs, prints, strict=True):
        if moved := [one.text for one in differences(prints[0], each) if one.moves and one.section in OF_THE_PLACE]:
            raise BaselineUnusable(f"the conditions of this job changed between {runs[0]} and {run}: {'; '.join(moved)}")


def _conditions(path: Path, blocks: Sequence[JudgedBlock]) -> RunFingerprint:
    """Those of the first leg of the candidate. The seed is the gate's: that of its legs is drawn from it."""
    for block in blocks:
        for leg in block.legs:
            if leg.side is Side.CANDIDATE and (path / leg.run).is_dir():
                found = stored.load(path / leg.run).fingerprint
                order = directory.order_of(path)
                return RunFingerprint(
                    found.machine, found.parts, baseline.with_files({**found.plan, "seed": order.seed}, order.files), found.harness
                )
    return RunFingerprint()


def _warmed_up(task: GateTask, rules: Rules, say: Say) -> float:
    """The factor on the plan's rates, found once: legs at different rates cannot be compared. Each environment is warmed up after every start, by every
    release; what that took says what a stage will take."""
    known = _rate_found(task.directory / WARM_UP)
    found: dict[tuple[int, str | None], WarmedUp] = {}
    for side in task.sides.values():
        if (key := (id(side.series), side.release)) not in found:
            say(f"warming up {side.label}; this leg does not count")
            found[key] = legs.warm_up(side, known, rules, say)
    if known is None:
        known = min(([] if task.order.rate_scale is None else [task.order.rate_scale]) + [one.scale for one in found.values()])
        append_line(task.directory / WARM_UP, {"scale": known}, durable=True)
    by_side = {side: found[id(each.series), each.release] for side, each in task.sides.items()}
    expected = _pace(task, rules, by_side, known)
    for line in () if expected is None else pace.foreseen(expected):
        say(line)
    return known


def _rate_found(path: Path) -> float | None:
    """The factor that an earlier warm-up found; ``None`` before the first one. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    try:
        found = next((float(record["scale"]) for record in read_lines(path)), None)
    except (ValueError, TypeError, KeyError) as error:
        raise Damaged(f"{path} is damaged: {error!r}; start a new gate") from None
    if found is not None and not 0 < found <= fitting.MOST:
        raise Damaged(
            f"{path} is damaged: {found:g} is no factor on the plan's rates, which is above 0 and at most {fitting.MOST:g}; start a new gate"
        )
    return found


def _pace(task: GateTask, rules: Rules, warm: Mapping[Side, WarmedUp], scale: float) -> StagePace | None:
    """What a stage will take at this rate; ``None`` where a warm-up ended before its load."""
    times = {side: one.times for side, one in warm.items()}
    if None in times.values():
        return None
    (first, *_) = planned(task.order, rules, 1)
    load_s = {side: each.prepared.calibrated(scale).plan.duration_s for side, each in task.sides.items()}
    taken = tuple(replace(found, load_s=load_s[leg.side]) for leg in first.legs if (found := times[leg.side]) is not None)
    prepared = task.sides[Side.CANDIDATE].prepared
    calm_s = prepared.calibrated(scale).plan.calm_s
    samples = {name: min(one.per_s[name] * scale / one.scale for one in warm.values()) * calm_s for name in warm[Side.CANDIDATE].per_s}
    return StagePace(rules.blocks, taken, prepared.written.duration_s, calm_s, samples)
