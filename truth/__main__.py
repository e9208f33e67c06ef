"""``python -m truth [--short] [--only NAME …] [--again]``: carry out the matrix, print it, write its pages; continues an interrupted matrix."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from closeshave.trial.interrupts import Interrupted, interrupts
from truth import damages, defects, disturbed, drill_matrix, judging, matrix, promises, result, sabotage
from truth.result import Result
from truth.stage import HERE, SeriesStopped, Stage, stage

RUNS = HERE.parent / "reports" / "runs" / "truth"
RESULTS = "results.json"
"""The file of results in the directory of the runs."""
PAGE = HERE.parent / "docs" / "truth.md"
DRILLS_PAGE = HERE.parent / "docs" / "truth-drills.md"
CLEAN = ("calm",) * 11 + ("failover",) * 5 + ("europe",) * 2 + ("region",) * 2
"""The plans of the consecutive clean runs."""
HOME = "embedded"
"""The environment of the page."""
SHORT = ("clean-01", "double-booking", "wrong-shard", "double-charge", "dropped-records", "worker-killed")
"""The cases in CI: three defects, two damages, one clean run."""

WHAT = """
Is the judge right? Plants defects in the stand-in platform, damages the harness and sabotages drills, one case at a time on one environment, and
says whether each was judged as it must be. Prints the matrix and writes docs/truth.md, and docs/truth-drills.md of drills. Results are kept: the
next call continues where this one stopped.
"""

Work = Callable[[Stage], Result]


def main() -> int:
    """Returns 0 when every case that was carried out is right, 1 otherwise, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m truth", description=WHAT)
    parser.add_argument("--short", action="store_true", help="three defects, two damages, one clean run; writes nothing")
    parser.add_argument(
        "--only", nargs="+", metavar="CASE", help="only these cases, again; also rows of promises (python -m truth.promises)"
    )
    parser.add_argument("--again", action="store_true", help="discard the results so far and run every case")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where run directories and results go")
    parser.add_argument("--environment", default=HOME, help="run on this environment instead of embedded; writes no page")
    options = parser.parse_args()
    if options.only and (rows := [name for name in options.only if name in promises.ROW_NAMES]):
        if len(rows) < len(options.only):
            parser.error(f"rows of promises ({', '.join(rows)}) are carried out by themselves, without cases of the matrix")
        return promises.main(["--only", *rows, *(["--again"] if options.again else [])])
    console = Console(highlight=False)
    work = cases(options.runs)
    wanted = options.only or (SHORT if options.short else tuple(work))
    if unknown := set(wanted) - set(work):
        parser.error(f"there is no {', '.join(sorted(unknown))}; available: {', '.join(work)}")
    keeping = not options.short and options.environment == HOME
    kept = result.load(options.runs / RESULTS) if keeping and not options.again else {}
    todo = [name for name in work if name in wanted and (options.only or name not in kept)]
    try:
        with interrupts(console.print):
            found = carry_out(todo, work, kept, options, console, save=keeping)
    except (SeriesStopped, Interrupted):
        console.print("stopped; the next call continues here")
        return 130
    ordered = {name: found[name] for name in work if name in found}
    for place, page in pages(ordered):
        console.print(page, markup=False)
        if keeping:
            place.write_text(page)
    return 0 if all(name in found and found[name].right for name in wanted) else 1


def pages(found: Mapping[str, Result]) -> list[tuple[Path, str]]:
    """The pages on these results: the one on drills by itself, and none that would have no result."""
    of_drills = {name: one for name, one in found.items() if one.sort in drill_matrix.SORTS}
    others = {name: one for name, one in found.items() if name not in of_drills}
    return [*([(PAGE, matrix.render(others))] if others else ()), *([(DRILLS_PAGE, drill_matrix.render(of_drills))] if of_drills else ())]


def cases(runs: Path) -> dict[str, Work]:
    """All cases by name, in order."""
    work: dict[str, Work] = {
        f"clean-{number:02}": partial(judging.clean, name=f"clean-{number:02}", plan=plan) for number, plan in enumerate(CLEAN, 1)
    }
    work |= {case.defect: partial(judging.defect, case=case) for case in defects.CASES}
    work |= {case.name: partial(_damage, case=case, runs=runs) for case in damages.CASES}
    work |= {case.name: partial(judging.sabotage, case=case) for case in sabotage.CASES}
    work |= {case.name: partial(judging.disturbed, case=case) for case in disturbed.CASES}
    work |= {name: partial(judging.clean_drill, name=name, plan=plan) for name, plan in drill_matrix.CLEAN_NAMES.items()}
    return work


def carry_out(
    todo: list[str], work: dict[str, Work], kept: dict[str, Result], options: argparse.Namespace, console: Console, *, save: bool
) -> dict[str, Result]:
    """Carry out cases on one environment, and save each result at once."""
    runs: Path = options.runs
    if not todo:
        return kept
    runs.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for place, names in placed(todo, options.environment).items():
        with stage(runs, Console(file=(runs / "progress.log").open("a")), place) as environment:
            for name in names:
                number = todo.index(name) + 1
                try:
                    environment.mend()
                    found = work[name](environment)
                except SeriesStopped:
                    raise
                except Exception as error:  # noqa: BLE001 -- an hour's matrix goes on without the case; it is not kept, so the next call does it
                    environment.spoil()
                    kept.pop(name, None)
                    kept_in = result.keep_traceback(error, runs, name)
                    console.print(
                        f"{number}/{len(todo)}  {name}: [red]did not run[/]: {type(error).__name__}: {error} (traceback in {kept_in})"
                    )
                    continue
                kept[name] = found
                if save:
                    result.save(runs / RESULTS, kept)
                sign = "[green]right[/]" if found.right else "[red]MISSED[/]"
                spent = f"{(time.monotonic() - began) / 60:.1f} min"
                console.print(
                    f"{number}/{len(todo)} {spent}  {name} ({found.sort}, {found.plan}): {sign}  {found.verdict}  [dim]{found.reason[:160]}[/]"
                )
    return kept


def placed(todo: Sequence[str], usual: str) -> dict[str, list[str]]:
    """Which cases are carried out on which environment, in order: nearly all on the usual one."""
    elsewhere = {case.name: case.environment for case in sabotage.CASES if case.environment}
    of_plans = {case.plan: case.environment for case in sabotage.CASES}
    elsewhere |= {name: of_plans[plan] for name, plan in drill_matrix.CLEAN_NAMES.items() if of_plans.get(plan)}
    found: dict[str, list[str]] = {}
    for name in sorted(todo, key=lambda name: name in elsewhere):
        found.setdefault(elsewhere.get(name, usual), []).append(name)
    return found


def _damage(environment: Stage, case: damages.Damage, runs: Path) -> Result:
    """Carry out a case of damage. Files are damaged in a copy of the last clean run; if there is none, one is made."""
    clean = None
    if case.spoil is not None:
        if not (passed := _clean_runs(runs, case.plan)):
            judging.clean(environment, "clean", case.plan)
            passed = _clean_runs(runs, case.plan)
        clean = passed[-1] if passed else None
    return judging.damage(environment, case, clean)


def _clean_runs(runs: Path, plan: str) -> list[Path]:
    return sorted(path.parent for path in runs.glob(f"*-truth-{plan}-*/{judging.CLEAN}") if not path.parent.name.endswith("-spoilt"))


if __name__ == "__main__":
    sys.exit(main())
