"""``python -m proving [FAMILY …] [--environment containers] [--of RUN …]``: run the plans in ``scenarios/faults``, print and write the table.

On another environment than the embedded one, plans that name that environment are run too. With ``--of`` nothing is run: the table is made from
existing runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from closeshave.conclusion import conclude
from closeshave.faults.catalogue import KINDS
from closeshave.files import write_atomically
from closeshave.judge.evidence.evidence import Evidence
from closeshave.plan import Plan, read_plan
from closeshave.trial import running
from closeshave.trial.display import Display
from closeshave.trial.preparation import prepare
from proving import table
from proving.rows import Row, rows, superseded

HERE = Path(__file__).parents[1]
PLANS = HERE / "scenarios" / "faults"
RUNS = HERE / "reports" / "runs" / "faults"
WIDTH = 150
"""Width of the output if it is not a terminal."""
USUAL = "embedded"
"""The environment that most plans name; they work on others too."""
TLS = "-tls"
"""How the name of the variant of an environment ends whose edges serve HTTPS: plans that name ``embedded-tls`` run on the variant of the others."""
CLUSTERED = "embedded-argentina"
"""The environment with a Valkey cluster. Its plan belongs to the usual table: no other environment has such a part."""
PAGES = HERE / "docs"


def main(arguments: Sequence[str]) -> int:
    """Returns 0 when every kind is as expected, 1 when one is not, 130 when the operator stopped it."""
    told = _parse(arguments)
    console = Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH)
    found: list[Row] = []
    for run, ending in _runs(told, console):
        found = superseded(found, _rows_of(run)) if told.of else [*found, *_rows_of(run)]
        console.print(table.terminal(found))
        if ending == "interrupted":
            return 130
    if not told.families:
        page = told.page or PAGES / ("faults-measured.md" if told.environment == USUAL else f"faults-measured-{told.environment}.md")
        write_atomically(page, table.page(found, told.environment, f"{datetime.now(UTC):%Y-%m-%d}"))
        console.print(f"written: {page}")
    return 0 if all(row.well for row in found) else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="proving", description=__doc__)
    parser.add_argument("families", nargs="*", help="only these plans; the page is written when there are none")
    parser.add_argument(
        "--of", nargs="+", type=Path, default=[], help="runs to make the table from, the newest last: the last run of a kind counts"
    )
    parser.add_argument("--environment", default=USUAL, help="where run directories are created")
    parser.add_argument("--page", type=Path, help="where the page is written, instead of the default for the environment")
    return parser.parse_args(arguments)


def plans(environment: str) -> list[Path]:
    """The plans for an environment: the usual ones whose faults it can have, and those that name this one."""

    def fits(plan: Plan) -> bool:
        named = plan.environment in {USUAL, USUAL + TLS, environment, *([CLUSTERED] if environment == USUAL else [])}
        return named and all(environment in KINDS[fault.kind].environments for fault in plan.faults)

    return [path for path in sorted(PLANS.glob("*.yaml")) if fits(read_plan(path))]


def where(plan: Path, environment: str) -> str:
    """The environment on which a plan is carried out for a table of ``environment``."""
    named = read_plan(plan).environment
    return environment + TLS if named == USUAL + TLS else named if named == CLUSTERED else environment


def _runs(told: argparse.Namespace, console: Console) -> Iterator[tuple[Path, str]]:
    """Each run's directory, and how it ended if it ended early."""
    if told.of:
        yield from ((run, "") for run in told.of)
        return
    for plan in plans(told.environment):
        if not told.families or plan.stem in told.families:
            run = running.run(prepare(str(plan), environment=where(plan, told.environment)), RUNS, Display(console))
            ending = run / "ending"
            yield run, ending.read_text().strip() if ending.exists() else ""


def _rows_of(run: Path) -> tuple[Row, ...]:
    said = conclude(run)
    return rows(Evidence(said.recorded, said.plan, said.target), KINDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
