"""``python -m benchmarks.large [--sizes 1 10 100] [--directory DIR]``: what it takes to convert, load, judge and report so many million operations.

Each size is written by one process, converted by a second one, and judged and reported by a third: time, processor time and memory of each stage. Memory
is what the process itself needs (anonymous), and with the pages of mapped files that happen to be in memory, which the system can take back.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from benchmarks import circumstances, result
from benchmarks.result import Result, Run, at_most

T = TypeVar("T")
_ROOT = Path(__file__).parents[1]
BARS = {10: (8.0, 1.0), 100: (150.0, 3.0)}
"""Million operations → seconds and GiB for all stages together."""
REPORT_MB = 3.0
SAMPLED_S = 0.02


@dataclass(slots=True)
class Stages:
    """The figures of one process, stage by stage."""

    figures: dict[str, float] = field(default_factory=dict)

    def timed(self, name: str, work: Callable[[], T]) -> T:
        """Do ``work`` and note what it took."""
        over = threading.Event()
        peak = [0.0]
        watching = threading.Thread(target=_watch, args=(over, peak))
        watching.start()
        began, busy = time.monotonic(), time.process_time()
        try:
            return work()
        finally:
            self.figures |= {f"{name} s": time.monotonic() - began, f"{name} cpu s": time.process_time() - busy}
            over.set()
            watching.join()
            self.figures[f"{name} GiB"] = peak[0]


def _watch(over: threading.Event, peak: list[float]) -> None:
    while not over.wait(SAMPLED_S):
        peak[0] = max(peak[0], _anonymous_gib())
    peak[0] = max(peak[0], _anonymous_gib())


def _anonymous_gib() -> float:
    told = Path("/proc/self/status").read_text()
    return int(next(line for line in told.splitlines() if line.startswith("RssAnon")).split()[1]) / 2**20


def written(run: Path, count: int) -> Mapping[str, float]:
    """Write what such a run records."""
    from benchmarks import recordings  # noqa: PLC0415 - the measured processes do not need it

    recordings.write(run, count)
    return {}


def converted(run: Path) -> Mapping[str, float]:
    """Reconcile and convert the recorder files."""
    from closeshave.traffic.collect import collect  # noqa: PLC0415 - each process imports what it measures

    stages = Stages()
    done = stages.timed("convert", lambda: collect(run))
    return {**stages.figures, "operations": done.operations, "reconciled": float(done.reconciled), "convert peak GiB": _peak_gib()}


def judged(run: Path) -> Mapping[str, float]:
    """Load, judge and report."""
    from benchmarks.verdicts import PLAN, TARGET  # noqa: PLC0415 - as above
    from closeshave import history, judge, report  # noqa: PLC0415 - as above

    stages = Stages()
    recorded = stages.timed("load", lambda: history.load(run))
    assessment = stages.timed("judge", lambda: judge.assess(recorded, PLAN, TARGET))
    page = stages.timed("report", lambda: report.write(run, recorded, PLAN, TARGET, assessment, judge.exit_code(assessment, None)))
    return {
        **stages.figures,
        "peak GiB": _peak_gib(),
        "verdicts": float(len(assessment.verdicts)),
        "judges that raised": float(len(assessment.tracebacks)),
        "report MB": page.stat().st_size / 1e6,
    }


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measured(millions: float, directory: Path) -> list[Result]:
    """The figures of one size."""
    run = directory / "run"
    _step("write", run, str(round(millions * 1e6)))
    told = {**_step("convert", run), **_step("judge", run)}
    seconds = sum(told[f"{stage} s"] for stage in ("convert", "load", "judge", "report"))
    memory = max(told[f"{stage} GiB"] for stage in ("convert", "load", "judge", "report"))
    bar_s, bar_gib = BARS.get(round(millions), (float("inf"), float("inf")))
    name = f"{millions:g} million operations"
    return [
        at_most(f"{name}, converted to reported: time", seconds, "s", bar_s, tools=told),
        at_most(f"{name}, converted to reported: memory", memory, "GiB", bar_gib),
        at_most(f"{name}: the page", told["report MB"], "MB", REPORT_MB),
        at_most(f"{name}: judges that raised", told["judges that raised"], "judges", 0),
    ]


def _step(name: str, *arguments: object) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.large", "--step", name, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=_ROOT)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> int:
    """Returns 0 when every bar was met, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="benchmarks.large", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=float, default=[1.0, 10.0], help="millions of operations")
    parser.add_argument("--directory", type=Path, help="a disk with room for 250 bytes an operation; emptied afterwards")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        name, run, *rest = options.step
        steps: Mapping[str, Callable[[], Mapping[str, float]]] = {
            "write": lambda: written(Path(run), int(rest[0])),
            "convert": lambda: converted(Path(run)),
            "judge": lambda: judged(Path(run)),
        }
        print(json.dumps(steps[name]()))
        return 0
    told = Run.begin([f"judging {size:g} million" for size in options.sizes])
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.directory, prefix="closeshave-large-") as directory:
            before = circumstances.now()
            found = measured(size, Path(directory))
            around = circumstances.around(before, circumstances.now())
        found = [replace(each, circumstances=around) for each in found]
        print(result.table(found), flush=True)
        told.add(found)
    print(told.path)
    return 0 if all(each.met for each in told.results) else 1


if __name__ == "__main__":
    sys.exit(main())
