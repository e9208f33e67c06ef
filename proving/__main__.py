"""``python -m proving [FAMILY …] [--of RUN …]``: carry out the plans in ``scenarios/faults``, print the table, write ``docs/faults-measured.md``.

With ``--of`` nothing is carried out: the table is made from runs that are there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from closeshave import trial
from closeshave.conclusion import conclude
from closeshave.display import Display
from closeshave.faults.catalogue import KINDS
from closeshave.files import write_atomically
from closeshave.judge.case import Case
from closeshave.preparation import prepare
from proving import table
from proving.rows import Row, rows

HERE = Path(__file__).parents[1]
PLANS = HERE / "scenarios" / "faults"
RUNS = HERE / "reports" / "runs" / "faults"
WIDTH = 150
"""Of a log, which is no terminal."""
PAGE = HERE / "docs" / "faults-measured.md"


def main(arguments: Sequence[str]) -> int:
    """0 when every kind is as it should be, 1 when one is not, 130 when the operator stopped it."""
    told = _parse(arguments)
    console = Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH)
    found: list[Row] = []
    for run, ending in _runs(told.of, told.families, console):
        found += _rows_of(run)
        console.print(table.terminal(found))
        if ending == "interrupted":
            return 130
    if not told.families:
        write_atomically(told.page, table.page(found, f"{datetime.now(UTC):%Y-%m-%d}"))
        console.print(f"written: {told.page}")
    return 0 if all(row.well for row in found) else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="proving", description=__doc__)
    parser.add_argument("families", nargs="*", help="only these plans; the page is written when there are none")
    parser.add_argument("--of", nargs="+", type=Path, default=[], help="runs to make the table from")
    parser.add_argument("--page", type=Path, default=PAGE)
    return parser.parse_args(arguments)


def _runs(given: Sequence[Path], families: Sequence[str], console: Console) -> Iterator[tuple[Path, str]]:
    """Each run's directory, and in a word how it ended when it did not end by itself."""
    if given:
        yield from ((run, "") for run in given)
        return
    for plan in sorted(PLANS.glob("*.yaml")):
        if not families or plan.stem in families:
            run = trial.run(prepare(str(plan)), RUNS, Display(console))
            ending = run / "ending"
            yield run, ending.read_text().strip() if ending.exists() else ""


def _rows_of(run: Path) -> tuple[Row, ...]:
    said = conclude(run)
    return rows(Case(said.recorded, said.plan, said.target), KINDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
