"""``python -m truth.noisy [--only NAME …] [--again]``: does a correct platform never fail next to noisy neighbours, and does a defective one still fail?

The clean platform and planted defects on one embedded environment, each trial next to a neighbour of :mod:`truth.neighbours`. Results are kept, and
the next call continues where this one stopped; the page is ``docs/noisy.md``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from closeshave.conclusion import Conclusion
from closeshave.deployment import Deployment
from closeshave.judge.verdict import Status, Verdict
from closeshave.plan import read_plan
from closeshave.plurals import counted
from closeshave.standin import defects as planting
from closeshave.standin.switches import LOOK_EVERY_S
from closeshave.trial.interrupts import Interrupted, interrupts
from truth import defects, neighbours, result
from truth.matrix import false_alarm_bound
from truth.result import Result, brief
from truth.scene import Scene, damaged
from truth.stage import HERE, SeriesStopped, Stage, stage

RUNS = HERE.parent / "reports" / "runs" / "noisy"
RESULTS = "results.json"
PAGE = HERE.parent / "docs" / "noisy.md"
SLOWED = """## A host that slows the machine down while a run lasts

The time that a hypervisor takes away is counted (steal), and excuses. A host that makes every instruction slower without taking time away is not
seen: such a run looks like a slow platform, and an objective may fail because of it. Nothing excuses that today. This is on purpose: the obvious
witness cannot tell the host from the platform.

The obvious witness is a fixed piece of work, about 1 ms long, that is timed once a second in its own processor time: where it takes longer, the
machine is slower. But a neighbour on the same processor core, or on the same memory, makes it longer too, and the platform under test is such a
neighbour. Measured on a machine with two processors, the work on one of them (150 pieces each; lower bound of what it takes, the 5th percentile;
median in brackets), a program on the other:

| the other processor | a piece of work takes |
|---|---|
| is idle | 1.08 ms (1.32) |
| counts | 1.02 ms (1.18) |
| computes hashes | 1.04 ms (1.42) |
| multiplies matrices | 1.03 ms (1.40) |
| writes to memory | 1.37 ms (1.47) |

The load of the machine is the same in the last four rows, and the work takes up to a third longer in one of them. So a low quantile does not help,
and neither does comparing only seconds of like load: a platform that begins to copy memory in the middle of a run, which is a defect of the
platform, would be excused as a slow host. The share above which one could believe in the host (more than a third) would miss most of what hosts do
(a tenth to seven tenths). The same is true of the processor time that the senders use for a request.

What tells them apart is a comparison with a release that ran at the same time: a [gate](gate.md) interleaves the two, and says in an unknown answer
by how much the machine's speed changed. For a single run: repeat it. A defect of the platform is there again.
"""
"""What nothing excuses, and why. Measured on 2026-12-01."""
RUNS_OF_A_PLAN = 10
PLANS = ("calm", "failover")
SEED = 20261129
ENVIRONMENT_FAILED = 4
ATTEMPTS = 3
ENDED = "the environment failed: "
"""The reason of a trial that could not run next to its neighbour, usually because log-ins were not answered in time, begins with this."""

TIMELESS = ("double-booking", "early-acknowledgement", "double-charge")
"""Defects that do not depend on time."""
NEIGHBOURS_OF_DEFECTS = ("every core", "bursts on every core", "disk")
RESTING = "bursts on every core"
"""The neighbour next to which a slow platform must fail: its pauses are as long as its bursts."""
SLOW = ("slow-hottest", "slow-throughout")
"""Half of the requests of the hottest franchises take 1.5 s more, or every request takes 300 ms more: these defects show only in times."""

WHAT = """
Do noisy neighbours make a good platform fail? Ten trials of each of two plans next to neighbours that use processors, fill memory, keep the
disk busy or stop parts of the harness: none may fail. Planted defects that do not depend on time must still fail. Prints a line for each
case and writes docs/noisy.md. Results are kept: the next call continues where this one stopped.
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One trial next to a neighbour."""

    name: str
    plan: str
    neighbour: str
    seed: int
    defect: defects.Case | None = None


def cases() -> dict[str, Case]:
    """All cases by name, in order; the neighbours take turns."""
    names = list(neighbours.NEIGHBOURS)
    clean = [
        Case(f"{plan}-{number:02}", plan, names[(number - 1 + offset) % len(names)], SEED + number)
        for offset, plan in enumerate(PLANS)
        for number in range(1, RUNS_OF_A_PLAN + 1)
    ]
    planted = {case.defect: case for case in defects.CASES}
    guilty = [
        Case(f"{name}, {neighbour}", planted[name].plan, neighbour, SEED, planted[name])
        for name in TIMELESS
        for neighbour in NEIGHBOURS_OF_DEFECTS
    ]
    slow = [Case(f"{name}, {RESTING}", planted[name].plan, RESTING, SEED, planted[name]) for name in SLOW]
    return {case.name: case for case in (*clean, *guilty, *slow)}


def main() -> int:
    """Returns 0 when every case that was carried out is right, 1 otherwise, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m truth.noisy", description=WHAT)
    parser.add_argument("--only", nargs="+", metavar="CASE", help="run only these cases, again")
    parser.add_argument("--again", action="store_true", help="discard earlier results and run every case")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where run directories and results go; elsewhere no page is written")
    options = parser.parse_args()
    work = cases()
    if unknown := set(options.only or ()) - set(work):
        parser.error(f"there is no {', '.join(sorted(unknown))}; available: {'; '.join(work)}")
    options.runs.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    kept = {} if options.again else result.load(options.runs / RESULTS)
    todo = [case for name, case in work.items() if name in (options.only or work) and (options.only or name not in kept)]
    try:
        with interrupts(console.print):
            _carry_out(todo, kept, options.runs, console)
    except (SeriesStopped, Interrupted):
        console.print("stopped; the next call continues here")
        return 130
    page = render({name: kept[name] for name in work if name in kept})
    console.print(page, markup=False)
    if options.runs == RUNS:
        PAGE.write_text(page)
    return 0 if all(name in kept and kept[name].right for name in options.only or work) else 1


def _carry_out(todo: list[Case], kept: dict[str, Result], runs: Path, console: Console) -> None:
    if not todo:
        return
    began = time.monotonic()
    with stage(runs, Console(file=(runs / "progress.log").open("a")), "embedded") as environment:
        for number, case in enumerate(todo, 1):
            try:
                found = _told(environment, case)
            except SeriesStopped:
                raise
            except Exception as error:  # noqa: BLE001 -- the table goes on without the case; it is not kept, so the next call does it
                environment.spoil()
                kept.pop(case.name, None)
                kept_in = result.keep_traceback(error, runs, case.name)
                console.print(
                    f"{number}/{len(todo)}  {case.name}: [red]not carried out[/]: {type(error).__name__}: {error} (traceback in {kept_in})"
                )
                continue
            kept[case.name] = found
            result.save(runs / RESULTS, kept)
            sign = "[green]right[/]" if found.right else "[red]WRONG[/]"
            spent = f"{(time.monotonic() - began) / 60:.1f} min"
            console.print(
                f"{number}/{len(todo)} {spent}  {case.name} beside {case.neighbour}: {sign}  {found.status}  [dim]{found.verdict[:160]}[/]"
            )


def _told(environment: Stage, case: Case) -> Result:
    """The first trial that came to its end. If no log-in was answered in time because of the neighbour, nothing was judged."""
    for attempt in range(1, ATTEMPTS + 1):
        environment.mend()
        found = replace(carry_out(environment, case), attempts=attempt)
        if not found.verdict.startswith(ENDED) or found.status == Status.FAIL:
            break
    return found


def carry_out(environment: Stage, case: Case) -> Result:
    """Carry out the trial, with the neighbour from before its first log-in to its end, and with the defect planted if there is one."""
    with damaged(environment.runs, partial(_be_noisy, case)) as begin:
        conclusion = environment.carry_out(case.plan, begin) if case.defect is None else _planted(environment, case, case.defect, begin)
    return _innocent(case, conclusion) if case.defect is None else _guilty(case, case.defect, conclusion)


def _be_noisy(case: Case, scene: Scene) -> None:
    with neighbours.running(case.neighbour, case.seed, scene.run):
        scene.ended.wait()


def _planted(environment: Stage, case: Case, defect: defects.Case, begin: Callable[[Deployment], None]) -> Conclusion:
    deployed, name = environment.deployed, defect.defect
    plan = read_plan(HERE / "plans" / f"{case.plan}.yaml")
    planting.clear(deployed, name)
    time.sleep(2 * LOOK_EVERY_S)  # the processes' own interval: there is nothing to ask them
    planting.plant(deployed, name, defect.draw(plan, deployed.topology).franchises)
    try:
        return environment.carry_out(case.plan, begin)
    finally:
        planting.clear(deployed, name)


def _innocent(case: Case, conclusion: Conclusion) -> Result:
    """The result is right unless the trial fails. A trial that could not be carried out fails nothing."""
    failing = [each for each in conclusion.assessment.verdicts if each.gates and each.status is Status.FAIL]
    doubtful = [each for each in conclusion.assessment.verdicts if each.gates and each.status is Status.INCONCLUSIVE]
    shown = failing or doubtful
    return _result(case, conclusion, right=not failing, shown=shown, sort="clean")


def _guilty(case: Case, defect: defects.Case, conclusion: Conclusion) -> Result:
    meant = [each for name in defect.verdicts for each in conclusion.assessment.verdicts if each.id == name]
    convicting = [each for each in meant if each.status is Status.FAIL and each.witnesses]
    return _result(case, conclusion, right=bool(convicting), shown=convicting or meant, sort="defect")


def _result(case: Case, conclusion: Conclusion, *, right: bool, shown: list[Verdict], sort: str) -> Result:
    ended = ENDED if conclusion.exit_code == ENVIRONMENT_FAILED else ""
    host = next((each.reason for each in conclusion.assessment.verdicts if each.id == "host"), "")
    return Result(
        case=case.name, sort=sort, plan=case.plan, right=right, status=conclusion.assessment.status.value,
        verdict=ended + "; ".join(f"{each.id}: {each.status}" for each in shown[:4]), reason=shown[0].reason if sort == "defect" and shown else host,
        witness=brief(shown[0]) if shown else "", run=conclusion.run.name, attempts=1, detection=None, seed=case.seed,
    )  # fmt: skip


def render(found: Mapping[str, Result]) -> str:
    """All results as a page."""
    work = cases()
    clean = [each for each in found.values() if each.sort == "clean" and not each.verdict.startswith(ENDED)]
    unheld = sum(each.verdict.startswith(ENDED) for each in found.values())
    guilty = [each for each in found.values() if each.sort == "defect"]
    failed = sum(each.status == Status.FAIL for each in clean)
    passed, convicted = sum(each.status == Status.PASS for each in clean), sum(each.right for each in guilty)
    bound = f", so at 95 % confidence fewer than {false_alarm_bound(failed, len(clean)):.0%} of such runs do" if clean else ""
    lines = [
        "# Next to noisy neighbours",
        "",
        "`make noisy` runs trials on one embedded environment next to programs that use processors, fill memory, keep the disk busy or stop parts of",
        "the harness. A noisy machine may cost a pass; it never makes a fail. `closeshave/judge/evidence/host.py` says with all thresholds what",
        "counts as a disturbance, and `closeshave/judge/evidence/backlog.py` how long it lasts.",
        "",
        f"Of {counted(len(clean), 'trial')} of the clean platform **{failed} failed**{bound}. {passed} passed, the others were inconclusive.",
        f"Of {counted(len(guilty), 'trial')} of a platform with a planted defect **{convicted} failed, as required**. {unheld} could not run.",
        "",
        "| trial | plan | neighbour |  | status | verdicts | what was seen |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {each.case} | {each.plan} | {work[each.case].neighbour} | {'✓' if each.right else '**wrong**'} | {each.status} | "
            f"{(each.verdict or 'everything passed').replace('|', '/')} | {each.reason.replace('|', '/')} |"
            for each in found.values()
        ),
        "",
        SLOWED,
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
