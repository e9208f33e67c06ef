"""The process of one drill, and what puts drills and the rooms that they need together: the only place that knows both backups and final states.

``python -m closeshave.trial.drilling`` forks a process for each order, of a fault or of a drill, as ``closeshave.faults.forking`` does for faults.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.deployment import Deployment, Member, load
from closeshave.drills import catalogue
from closeshave.drills.kind import DrillWork
from closeshave.drills.lifecycle import carry_out
from closeshave.environments.evidence import final_state
from closeshave.faults import experiment, forking
from closeshave.faults.experiment import UNPROVEN, obey
from closeshave.faults.ledger import Ledger
from closeshave.faults.runmark import RUN_MARK, mark
from closeshave.faults.toolkit import stop_file
from closeshave.files import record_of, write_atomically
from closeshave.history import load_manifest
from closeshave.plan import Drill
from closeshave.target import Measure, Target
from closeshave.vocabulary import DRILLS

DRILL = "drill"
"""The key that only the order of a drill has."""


@dataclass(frozen=True, slots=True)
class DrillOrder:
    """All settings of a drill's process, as a file."""

    drill: str
    kind: str
    scope: Mapping[str, str | int]
    parameters: Mapping[str, str | int | float | bool]
    limit_s: float
    at_ns: int
    deployment: str
    run: str
    bounds_s: tuple[float, ...] = ()


ORDER = TypeAdapter(DrillOrder)


def order(deployment: Deployment, run: Path, drill: Drill, at_ns: int, target: Target) -> Path:
    """Write the order of a drill: begin at ``at_ns`` (monotonic). Returns the file, which lies beside the orders of faults."""
    written = run / "faults" / f"{drill.id}.json"
    written.parent.mkdir(exist_ok=True)
    told = DrillOrder(drill.id, drill.kind, drill.scope, drill.parameters, drill.limit, at_ns, deployment.root, str(run), bounds_of(target))
    write_atomically(written, ORDER.dump_json(told, indent=1))
    return written


def bounds_of(target: Target) -> tuple[float, ...]:
    """The bounds on response times that the target promises in calm, in seconds. Pure."""
    told = (each.at_most for each in target.objectives if each.measure is Measure.LATENCY and each.window == "calm")
    return tuple(sorted({bound for bound in told if bound is not None}))


def main(path: Path) -> int:
    """Carry out the drill or the experiment of the order in this file; returns the exit code. Raises :class:`OSError`, :class:`ValueError`."""
    content = path.read_bytes()
    return _drill(ORDER.validate_json(content)) if DRILL in record_of(content) else experiment.main(path)


def _drill(told: DrillOrder) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # What a drill starts, or starts again, belongs to the environment, not to this run.
    os.environ.pop(RUN_MARK, None)
    run, deployment = Path(told.run), load(Path(told.deployment))
    halt = stop_file(run, told.drill)
    obey(halt)
    # What an operator's hook starts is a helper of the run: it ends with it.
    kind = catalogue.of(told.kind, told.scope, deployment, {RUN_MARK: mark(run)})
    since_s = load_manifest(run).anchor.wall_ns / 1e9

    def read(server: Member, path: Path) -> int:
        return final_state.export_of(deployment, server, run, since_s, path)

    work = DrillWork(
        id=told.drill,
        aim=kind.way_back.aim(deployment, told.scope, told.parameters),
        keeps=run / DRILLS / told.drill,
        deadline_ns=0,
        stop=halt.exists,
        read=read,
        say=logging.info,
        bounds_s=told.bounds_s,
    )
    left = carry_out(Ledger(run), kind, work, told.at_ns, told.limit_s)
    for unproven in left:
        logging.error("not put back: %s", unproven)
    return UNPROVEN if left else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(main(Path(sys.argv[1])))
    given = forking.serve()
    if given is not None:
        forking.detach(Path(given))
        sys.exit(main(Path(given)))
