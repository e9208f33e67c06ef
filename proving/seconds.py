"""``python -m proving.seconds [--seconds 20] [--lost 20] [--each 5] [--seed S]``: restore shards to random seconds under the calibrated rate.

Each second must come back exactly: nothing that was acknowledged before it is missing, nothing that was requested after it is there. Some are restored
beside the running shard, others in the region of the backup server while the shard's home region is lost. What is there is kept, and the next call goes
on. With ``--of`` nothing is run: the table is made from the runs that are there.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from closeshave.conclusion import Conclusion, conclude
from closeshave.files import write_atomically
from closeshave.history import MANIFEST
from closeshave.judge.evidence.drills import DrillLife, drill_lives
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.verdict import DrillFigures, Status, Verdict
from closeshave.plurals import counted
from closeshave.report import words
from closeshave.trial.interrupts import Interrupted, interrupts
from closeshave.trial.preparation import prepare
from closeshave.trial.series import Series, SeriesStopped, came_to_an_end, watched
from proving.second_plans import Home, SecondsTrial, plan, trials

HERE = Path(__file__).parents[1]
RUNS = HERE / "reports" / "runs" / "seconds"
PAGE = HERE / "docs" / "restored-seconds.md"
SEED = 20261201
COUNT, EACH = 20, 5
RATE = 80.0
"""The least rate of customers' requests, per second, under which a second counts."""
HEADS = ("", "shard", "home region", "target", "before the restore", "requests/s", "exact", "the evidence", "RTO", "its split", "RPO")
INTRODUCTION = """# Random seconds, restored

Made by `python -m proving.seconds` (`make drills-seconds`): shards are restored to random seconds, drawn from a seed, while customers book at the rate
that the machine sustains, or at the one that `--rate-scale` gave. *Runs*: beside the running shard (`restore.point-in-time`). *Lost*: in the region of
the backup server, while the home region of the shard is lost (`restore.other-region`).

* *Exact*: every write that was acknowledged before the target is there, and none that was requested after it. *The evidence* says how many there were, and
  how near to the target the nearest ones: an error that is smaller than that could not be seen.
* *RTO*: from the first step until the restored database was proven to accept writes, and its rows were read. *Split*: its steps; the rest is the proof.
* *RPO*: how long before the target the oldest missing write was acknowledged; nothing is missing if it is 0.
* *Requests/s*: the customers' requests while the second was restored. One that was restored at less than 80 does not count.
"""


@dataclass(frozen=True, slots=True)
class RestoredSecond:
    """One second of a run, and the verdicts on it."""

    home: Home
    life: DrillLife
    figures: DrillFigures
    verdicts: tuple[Verdict, ...]
    per_s: float | None
    """The customers' requests per second while it was restored."""

    def verdict(self, name: str) -> Verdict | None:
        """The verdict ``name/ID``."""
        return next((each for each in self.verdicts if each.id == f"{name}/{self.life.drill.id}"), None)

    @property
    def exact(self) -> Status:
        """Whether the rows are those of the second."""
        found = [each.status for each in (self.verdict("drill"), self.verdict("drill-rows")) if each is not None]
        return Status.PASS if found == [Status.PASS] * 2 else Status.FAIL if Status.FAIL in found else Status.INCONCLUSIVE

    @property
    def counts(self) -> bool:
        """Whether it is exact, at the rate that is asked for."""
        return self.exact is Status.PASS and (self.per_s or 0.0) >= RATE

    def cells(self, number: int) -> tuple[str, ...]:
        """Its texts, one for each head."""
        told = [self.verdict(name) for name in ("drill-rows", "drill")]
        wrong = next((each for each in reversed(told) if each is not None and each.status is not Status.PASS), told[0])
        split = ", ".join(f"{step.name} {words.seconds(step.duration_s)}" for step in self.figures.steps)
        return (
            str(number),
            str(self.life.drill.scope["shard"]),
            self.home.value,
            str(self.life.fact("choose", "target") or "unknown"),
            f"{self.life.drill.parameters['back']} s",
            "unknown" if self.per_s is None else f"{self.per_s:.0f}",
            self.exact.value,
            wrong.reason if wrong is not None else "",
            words.seconds(self.figures.duration_s),
            split,
            words.seconds(self.figures.loss_window_s),
        )


@dataclass(slots=True)
class SecondsSeries(Series):
    """The trials of seconds, one after the other on one environment."""

    rate_scale: float | None = None
    """The share of the plans' rate; ``None``: each trial is calibrated."""

    def key(self, trial: SecondsTrial) -> str:
        """The trial's name in the series: the same only for the same seconds at the same rate."""
        return trial.key if self.rate_scale is None else f"{trial.key}-at-{self.rate_scale:g}"

    def has(self, trial: SecondsTrial) -> bool:
        """Whether its run is there."""
        known = self.kept().get(self.key(trial))
        return known is not None and (self.runs / known.run).is_dir()

    def carry_out(self, trial: SecondsTrial) -> Conclusion:
        """One trial, or its recorded run. Raises :class:`SeriesStopped`."""
        written = self.runs / "plans" / f"{trial.key}.yaml"
        written.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(written, plan(trial))
        return self.once(self.key(trial), prepare(str(written), rate_scale=self.rate_scale), sound=decided, attempts_max=2)


def decided(conclusion: Conclusion) -> bool:
    """Whether the run came to its end, and it is known of each of its seconds whether it is exact."""
    rows = [each for each in conclusion.assessment.verdicts if each.measure == "drill_rows"]
    return came_to_an_end(conclusion) and bool(rows) and all(each.status is not Status.INCONCLUSIVE for each in rows)


def restored(conclusion: Conclusion) -> list[RestoredSecond]:
    """Every second of a run."""
    evidence = Evidence(conclusion.recorded, conclusion.plan, conclusion.target)
    home = Home.LOST if conclusion.plan.faults else Home.RUNS
    figures = {each.id: each for each in conclusion.assessment.drills}
    return [
        RestoredSecond(
            home,
            life,
            figures[life.drill.id],
            tuple(each for each in conclusion.assessment.verdicts if each.scope == f"drill:{life.drill.id}"),
            _per_s(evidence, life),
        )
        for life in drill_lives(evidence)
    ]


def _per_s(evidence: Evidence, life: DrillLife) -> float | None:
    if life.ended is None or life.ended.ended_ns <= life.ended.began_ns:
        return None
    within = (evidence.intended_ns >= life.ended.began_ns) & (evidence.intended_ns < life.ended.ended_ns)
    return int(np.count_nonzero(within & evidence.customers)) / ((life.ended.ended_ns - life.ended.began_ns) / 1e9)


def summary(found: Sequence[RestoredSecond]) -> list[str]:
    """A sentence for each place of a restore: how many are exact, and the RTO and RPO with their split."""
    lines = []
    for home in Home:
        mine = [each for each in found if each.home is home]
        if not mine:
            continue
        exact = sum(each.exact is Status.PASS for each in mine)
        counting = sum(each.counts for each in mine)
        lines.append(
            f"Home region {home.value}: {exact} of {counted(len(mine), 'second')} exact, {counting} of them at {RATE:.0f} requests/s or more."
        )
        if took := [each.figures.duration_s for each in mine if each.figures.duration_s is not None]:
            lines[-1] += (
                f" RTO: median {words.seconds(statistics.median(took))}, longest {words.seconds(max(took))}; median of each step: {_split(mine)}."
            )
        if lost := [each.figures.loss_window_s for each in mine if each.figures.loss_window_s is not None]:
            writes = sum(each.figures.lost_writes or 0 for each in mine)
            lines[-1] += f" RPO: at most {words.seconds(max(lost))}, {counted(writes, 'write')} lost."
    return lines


def _split(mine: Sequence[RestoredSecond]) -> str:
    steps: dict[str, list[float]] = {}
    for each in mine:
        for step in each.figures.steps:
            steps.setdefault(step.name, []).append(step.duration_s)
    return ", ".join(f"{name} {words.seconds(statistics.median(taken))}" for name, taken in steps.items())


def page(found: Sequence[RestoredSecond], seed: int, when: str) -> str:
    """The page for the documentation, in Markdown."""
    lines = [INTRODUCTION, *(f"{line}\n" for line in summary(found)), f"Measured {when}; seed {seed}.", ""]
    rows = [HEADS, ("---",) * len(HEADS), *(each.cells(number) for number, each in enumerate(found, 1))]
    return "\n".join([*lines, *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)]) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Returns 0 when every second is exact at the rate that is asked for, 1 when one is not, 130 when the operator stopped it."""
    told = _parse(arguments)
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 200)
    found: list[RestoredSecond] = []
    try:
        for conclusion in _conclusions(told, console):
            found += restored(conclusion)
            console.print(_table(found))
    except (SeriesStopped, Interrupted):
        console.print("stopped; the next call goes on")
        return 130
    for line in summary(found):
        console.print(line)
    if told.page is not None:
        write_atomically(told.page, page(found, told.seed, f"{datetime.now(UTC):%Y-%m-%d}"))
        console.print(f"written: {told.page}")
    return 0 if found and all(each.counts for each in found) else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="proving.seconds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=_count, default=COUNT, help="how many are restored beside the running shard")
    parser.add_argument("--lost", type=_count, default=COUNT, help="how many while the home region is lost")
    parser.add_argument("--each", type=_count, default=EACH, help="how many in one trial, 1 to 10")
    parser.add_argument("--seed", type=_count, default=SEED, help="from which the seconds are drawn")
    parser.add_argument(
        "--rate-scale", type=_share, help="the share of 14 sessions/s at which customers come, instead of what each calibration finds"
    )
    parser.add_argument("--runs", type=Path, default=RUNS, help="where run directories are created, and kept for the next call")
    parser.add_argument("--of", nargs="+", type=Path, default=[], help="runs to make the table from")
    parser.add_argument(
        "--page", type=Path, nargs="?", const=PAGE, help="where the table is written as Markdown, too; docs/ without a file"
    )
    told = parser.parse_args(arguments)
    if not 1 <= told.each <= 10:
        parser.error(f"--each {told.each}: from 1 to 10 seconds fit into a trial")
    if nowhere := [str(run) for run in told.of if not (run / MANIFEST).is_file()]:
        parser.error(f"--of {', '.join(nowhere)}: not a run directory")
    if not told.of and not told.seconds + told.lost:
        parser.error("--seconds 0 --lost 0: nothing would be restored")
    return told


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def _conclusions(told: argparse.Namespace, console: Console) -> Iterator[Conclusion]:
    if told.of:
        yield from map(conclude, told.of)
        return
    wanted = [
        *trials(Home.RUNS, told.seconds, told.each, told.seed),
        *trials(Home.LOST, told.lost, told.each, told.seed),
    ]
    series = SecondsSeries(told.runs, console, rate_scale=told.rate_scale)
    if all(series.has(trial) for trial in wanted):
        # Nothing has to be started for what is there.
        yield from (series.carry_out(trial) for trial in wanted)
        return
    with interrupts(console.print), watched(series, told.runs):
        for trial in wanted:
            yield series.carry_out(trial)


def _table(found: Sequence[RestoredSecond]) -> Table:
    table = Table(*HEADS)
    for number, each in enumerate(found, 1):
        table.add_row(*each.cells(number), style="" if each.counts else "red")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
