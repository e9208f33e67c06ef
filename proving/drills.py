"""``python -m proving.drills [PLAN …] [--times N] [--of RUN …] [--page FILE]``: carry out the drills of plans and print what each took and cost.

With ``--times`` each plan is carried out so often, and it is counted how often each of its drills passed. With ``--of`` nothing is run: the table is made
from existing runs. With ``--page`` it is written as Markdown, too.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from closeshave.conclusion import conclude
from closeshave.files import write_atomically
from closeshave.judge.verdict import DrillFigures, Status, Verdict, worst
from closeshave.report import views, words
from closeshave.trial import running
from closeshave.trial.display import Display
from closeshave.trial.preparation import prepare

HERE = Path(__file__).parents[1]
RUNS = HERE / "reports" / "runs" / "drills"
PLANS = (
    "drills",
    "backups",
    "members",
    "migrations",
    "deploys",
    "canaries",
    "certificates",
    "files",
    "background",
    "scaling",
    "platform-rebuild",
    "valkey-cluster",
    "dr-quarterly",
)
HEADS = ("kind", "scope", "verdict", "took", "steps", "requests not good", "writes refused", "loss window", "put back", "why")
INTRODUCTION = """# Every drill once, measured

Made by `python -m proving.drills` (`make drills`): every kind of drill once, under load, on the embedded environment.

* *Took*: from the first step until the end state was proven. *Steps*: its split.
* *Requests not good*: of the customers' requests in its scope, from its begin until everything was put back.
* *Writes refused*: the longest time for which its shard acknowledged no write although some were sent.
* *Put back*: from then until it was proven that everything was put back.
"""


@dataclass(frozen=True, slots=True)
class DrillRow:
    """One drill of a run, and its verdicts."""

    plan: str
    figures: DrillFigures
    verdicts: tuple[Verdict, ...]

    @property
    def status(self) -> Status:
        """The worst of its verdicts."""
        return worst(verdict.status for verdict in self.verdicts)

    @property
    def cells(self) -> tuple[str, ...]:
        """Its texts, one for each head."""
        told = views.drill_view(self.figures)
        wrong = [f"{verdict.id}: {verdict.reason}" for verdict in self.verdicts if verdict.status is not Status.PASS]
        back = words.seconds(self.figures.put_back_s) if self.figures.put_back_proven else "not proven"
        return (
            told.kind,
            told.scope,
            self.status.value,
            told.took,
            told.split,
            told.cost,
            words.seconds(self.figures.writes_refused_s),
            words.seconds(self.figures.loss_window_s),
            back,
            "; ".join(wrong),
        )


def main(arguments: Sequence[str]) -> int:
    """Returns 0 when every drill passes, 1 when one does not, 130 when the operator stopped it."""
    parser = argparse.ArgumentParser(prog="proving.drills", description=__doc__)
    parser.add_argument("plans", nargs="*", default=PLANS, help="which plans; all that have every kind by default")
    parser.add_argument("--times", type=int, default=1, help="how often each plan is carried out")
    parser.add_argument("--of", nargs="+", type=Path, default=[], help="runs to make the table from")
    parser.add_argument("--page", type=Path, help="where the table is written as Markdown, too")
    told = parser.parse_args(arguments)
    if told.times < 1:
        parser.error(f"--times {told.times}: at least once")
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 200)
    found: list[DrillRow] = []
    for run, ending in _runs(told, console):
        found += rows(run)
        console.print(_table(found))
        for line in counts(found):
            console.print(line)
        if ending == "interrupted":
            return 130
    if told.page is not None:
        write_atomically(told.page, page(found, f"{datetime.now(UTC):%Y-%m-%d}"))
        console.print(f"written: {told.page}")
    return 0 if found and all(row.status is Status.PASS for row in found) else 1


def _runs(told: argparse.Namespace, console: Console) -> Iterator[tuple[Path, str]]:
    """Each run's directory, and how it ended if it ended early."""
    if told.of:
        yield from ((run, "") for run in told.of)
        return
    for plan in (plan for plan in told.plans for _ in range(told.times)):
        run = running.run(prepare(plan), RUNS, Display(console))
        ending = run / "ending"
        yield run, ending.read_text().strip() if ending.exists() else ""


def rows(run: Path) -> list[DrillRow]:
    """Every drill of a run."""
    conclusion = conclude(run)
    verdicts = conclusion.assessment.verdicts
    return [
        DrillRow(conclusion.plan.name, drill, tuple(verdict for verdict in verdicts if verdict.scope == f"drill:{drill.id}"))
        for drill in conclusion.assessment.drills
    ]


def counts(found: Iterable[DrillRow]) -> list[str]:
    """How often each drill that was carried out more than once passed, one sentence each: ``deploys/roll-back (deploy.rollback): 5 of 5 pass``."""
    ended: dict[tuple[str, str, str], Counter[Status]] = {}
    for row in found:
        ended.setdefault((row.plan, row.figures.id, row.figures.kind), Counter())[row.status] += 1
    return [
        f"{plan}/{drill} ({kind}): {many[Status.PASS]} of {many.total()} pass"
        + "".join(f", {number} {status.value}" for status, number in sorted(many.items()) if status is not Status.PASS)
        for (plan, drill, kind), many in ended.items()
        if many.total() > 1
    ]


def page(found: Iterable[DrillRow], when: str) -> str:
    """The page for the documentation, in Markdown."""
    there = list(found)
    several_times = [f"* {line}" for line in counts(there)]
    lines = [
        INTRODUCTION,
        f"Measured {when}.",
        "",
        *several_times,
        *([""] if several_times else []),
        _line(HEADS),
        _line(["---"] * len(HEADS)),
        *(_line(row.cells) for row in there),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _table(found: Iterable[DrillRow]) -> Table:
    table = Table(*HEADS)
    for row in found:
        table.add_row(*row.cells, style="" if row.status is Status.PASS else "red")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
