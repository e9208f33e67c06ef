"""``python -m truth.promises [--only NAME …] [--system LETTER …] [--again]``: does breaking one thing refute exactly the right promises?

The rows are data (:mod:`truth.rows`). Results are kept: the next call continues where this one stopped; the page is ``docs/truth-promises.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console

from closeshave import __version__
from closeshave.environments import registry
from closeshave.files import jsonfile, unexpected, write_atomically
from closeshave.files.shipped import locate
from closeshave.probes import carrying, record
from closeshave.probes.carrying import ProbeQuestion
from closeshave.probes.places import ProbePlace, place
from closeshave.readiness import gathering
from closeshave.readiness.deciding import ledger
from closeshave.readiness.standing import Policy
from closeshave.target import read_target
from closeshave.trial.interrupts import Interrupted, interrupts
from closeshave.trial.preparation import prepare
from closeshave.trial.series import Series, SeriesStopped, watched
from truth.matrix import table
from truth.row_judging import SeenPromise, judge
from truth.rows import ROWS, SYSTEMS, PromiseRow, RowSystem, TextEdit
from truth.stage import HERE

RUNS = HERE.parent / "reports" / "runs" / "promises"
RESULTS = "results.json"
PAGE = HERE.parent / "docs" / "truth-promises.md"
PLANS = HERE / "plans" / "rows"
UNBROKEN = "unbroken"
TEMPORARY = re.compile(r"/tmp/closeshave-row-\w+/")  # noqa: S108 - it is taken out of what is published, and not used
"""The directory in which a row described an environment in another way."""
ROW_NAMES = frozenset(row.name for row in ROWS)
MARK, RIGHT, WRONG, NOT_RUN = 4, "✓", "**wrong**", "not run"
"""Of a row on the page: which cell says whether it is right, and how."""
NOTHING: Mapping[str, tuple[str, ...]] = {}
ATTEMPTS = 2
"""A row that is wrong is asked again: a machine that is busy leaves probes unknown."""

WHAT = """
Does breaking one thing refute exactly the right promises? For each system the probes are asked of the unbroken platform, and the ledger is kept. Then
one thing after the other is broken and mended, and the ledgers are compared. Results are kept: the next call continues where this one stopped.
"""


@dataclass(frozen=True, slots=True)
class RowResult:
    """A row that was carried out, or an unbroken platform."""

    name: str
    right: bool
    reason: str
    ledger: Mapping[str, SeenPromise]
    evidence: tuple[str, ...]
    """Directories of its round and of its run."""
    at: str
    """When, in ISO 8601."""
    took_s: float
    attempts: int = 1


Results = dict[str, RowResult]
_CODEC = TypeAdapter(Results)


def names(rows: Sequence[PromiseRow] = ROWS) -> tuple[str, ...]:
    """All rows, and the unbroken platforms with which they are compared, each before its first row."""
    return tuple(dict.fromkeys(name for row in rows for name in (unbroken_name(row), row.name)))


def unbroken_name(row: PromiseRow) -> str:
    """The name of the unbroken platform with which a row is compared: its system's, with the plan of the row if it has one."""
    return f"{row.system}-{UNBROKEN}" + (f"-{row.plan}" if row.plan else "")


def main(words: Sequence[str] | None = None) -> int:
    """Returns 0 when every row that was wanted is right, 1 otherwise, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m truth.promises", description=WHAT)
    parser.add_argument("--only", nargs="+", metavar="ROW", default=(), help="only these rows, again")
    parser.add_argument("--system", nargs="+", metavar="LETTER", choices=sorted(SYSTEMS), default=(), help="only the rows of these systems")
    parser.add_argument("--again", action="store_true", help="discard the results so far")
    parser.add_argument(
        "--judge", action="store_true", help="judge what was carried out again, from its rounds and runs; nothing is carried out"
    )
    parser.add_argument("--no-page", action="store_true", help="do not write docs/truth-promises.md")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where rounds, runs and results go")
    options = parser.parse_args(words)
    if strange := set(options.only) - ROW_NAMES:
        parser.error(f"there is no {', '.join(sorted(strange))}; available: {', '.join(row.name for row in ROWS)}")
    wanted = [
        row for row in ROWS if (not options.only or row.name in options.only) and (not options.system or row.system in options.system)
    ]
    console = Console(highlight=False)
    runs = options.runs.resolve()
    kept: Results = {} if options.again else load(runs / RESULTS)
    todo = [row for row in wanted if options.only or row.name not in kept]
    try:
        with interrupts(console.print):
            (judge_again if options.judge else carry_out)(wanted if options.judge else todo, kept, runs, console)
    except (Interrupted, SeriesStopped):
        console.print("stopped; the next call continues here")
        return 130
    page = render(kept, told(PAGE.read_text()) if PAGE.exists() else {})
    console.print(page, markup=False)
    if not options.no_page:
        PAGE.write_text(page)
    return 0 if all(row.name in kept and kept[row.name].right for row in wanted) else 1


def carry_out(todo: Sequence[PromiseRow], kept: Results, runs: Path, console: Console) -> None:
    """Carry the rows out, and save each result at once. Those that need no environment of their own share one for each system."""
    runs.mkdir(parents=True, exist_ok=True)
    for system in SYSTEMS.values():
        shared = [row for row in todo if row.system == system.letter and not row.own_environment]
        while shared:
            over = [shared[0].name]
            _attempt(shared[0].name, runs, console, partial(_shared, system, shared, kept, runs, console, over))
            shared = [row for row in shared if row.name not in over]
        for row in (row for row in todo if row.system == system.letter and row.own_environment):
            _attempt(row.name, runs, console, partial(_alone, row, kept, runs, console))


def judge_again(rows: Sequence[PromiseRow], kept: Results, runs: Path, console: Console) -> None:
    """The rows that were carried out, from the evidence that they left: for a row whose expectation changed, or a judge that did."""
    for row in (row for row in rows if row.name in kept and unbroken_name(row) in kept):
        system = SYSTEMS[row.system]
        for name in (unbroken_name(row), row.name):
            old = kept[name]
            found = _measured(name, partial(_of_evidence, old, runs), system)
            kept[name] = replace(found, at=old.at, took_s=old.took_s, attempts=old.attempts)
        told = judge(kept[unbroken_name(row)].ledger, kept[row.name].ledger, row.refuted, row.shown_by)
        _keep(replace(kept[row.name], right=told.right, reason=told.reason), kept, runs, console)


def _of_evidence(old: RowResult, runs: Path) -> list[Path]:
    return [runs / one for one in old.evidence]


def _attempt(name: str, runs: Path, console: Console, work: Callable[[], None]) -> bool:
    """Whether it could be carried out. What could not is told, and not kept, so that the next call does it; the other rows go on."""
    try:
        work()
    except (Interrupted, SeriesStopped):
        raise
    except Exception as error:  # noqa: BLE001 -- see above
        console.print(f"{name}: [red]did not run[/]: {type(error).__name__}: {error} (traceback in {unexpected.keep(error, runs, name)})")
        return False
    return True


# -- rows that share an environment ----------------------------------------------------------------------------------------------------------------


def _shared(system: RowSystem, rows: Sequence[PromiseRow], kept: Results, runs: Path, console: Console, over: list[str]) -> None:
    """Carry these rows out on one environment; ``over`` gets those that are. It ends with one that could not be carried out: nobody knows what it left."""
    asked = _question(system, runs, ())
    with _place(asked, runs) as found:
        before = unbroken_name(rows[0])
        if before not in kept:
            _keep(_measured(before, partial(_round, asked, found, runs), system), kept, runs, console)

        def carry_out_one(row: PromiseRow) -> None:
            _keep(_judged(row, kept[before], partial(_broken_round, row, asked, found, runs), system), kept, runs, console)

        for row in rows:
            over.append(row.name)
            if not _attempt(row.name, runs, console, partial(carry_out_one, row)):
                return


def _broken_round(row: PromiseRow, asked: ProbeQuestion, found: ProbePlace, runs: Path) -> list[Path]:
    assert row.breaking is not None, "a row without an environment of its own breaks a running platform"
    with row.breaking(found.deployment):
        return _round(asked, found, runs)


def _round(asked: ProbeQuestion, found: ProbePlace, runs: Path) -> list[Path]:
    started = datetime.now(UTC)
    run = record.create(runs, asked.definition.name, secrets.token_hex(2), started)
    carrying.ask(asked, found, run, started, lambda _said: None)
    return [run]


# -- rows with an environment of their own -----------------------------------------------------------------------------------------------------------


def _alone(row: PromiseRow, kept: Results, runs: Path, console: Console) -> None:
    system, before = SYSTEMS[row.system], unbroken_name(row)
    whole = replace(row, breaking=None, environment_edit=None, plan_edit=None)
    if before not in kept:
        _keep(_measured(before, partial(_round_and_run, whole, system, runs), system), kept, runs, console)
    _keep(_judged(row, kept[before], partial(_round_and_run, row, system, runs), system), kept, runs, console)


def _round_and_run(row: PromiseRow, system: RowSystem, runs: Path) -> list[Path]:
    asked = _question(system, runs, tuple(filter(None, (row.environment_also, row.environment_edit))))
    with _place(asked, runs) as found, row.breaking(found.deployment) if row.breaking else contextlib.nullcontext():
        evidence = _round(asked, found, runs)
    return [*evidence, _run(row, asked, system, runs)] if row.plan else evidence


def _run(row: PromiseRow, asked: ProbeQuestion, system: RowSystem, runs: Path) -> Path:
    """One trial of the row's plan; what is broken while the platform runs is broken before the load, and goes with the environment."""
    plan = PLANS / f"{row.plan}.yaml"
    if row.plan_edit is not None:
        plan = _edited(plan, (row.plan_edit,), runs / "files" / f"{row.name}.yaml")
    prepared = prepare(str(plan), target=system.target, environment=str(asked.environment))
    series = Series(runs, Console(file=(runs / "progress.log").open("a")), str(asked.environment))
    with watched(series, runs / "beside"), contextlib.ExitStack() as stack:
        breaking = row.breaking
        concluded = series.trial(prepared, (lambda there: stack.enter_context(breaking(there))) if breaking else None)
    return concluded.run


# -- what both have in common ------------------------------------------------------------------------------------------------------------------------


def _question(system: RowSystem, runs: Path, edits: Sequence[TextEdit]) -> ProbeQuestion:
    """All probes, as ``closeshave probe`` asks them without names; of an edited environment file if something of it is changed."""
    edits = (*filter(None, (system.edit,)), *edits)
    path = locate("environments", system.environment)
    if edits:
        path = _edited(path, edits, runs / "files" / f"{system.environment}.yaml")
    return carrying.question(str(path), system.target, (), ())


def _edited(path: Path, edits: Sequence[TextEdit], copy: Path) -> Path:
    """A copy of a file with changes. Raises :class:`LookupError` if there is nothing to change."""
    text = path.read_text()
    for edit in edits:
        if edit.old not in text:
            raise LookupError(f"{path} has no {edit.old!r}")
        text = text.replace(edit.old, edit.new)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text)
    return copy


@contextlib.contextmanager
def _place(asked: ProbeQuestion, runs: Path) -> Iterator[ProbePlace]:
    """The environment, started for these rows, which may do everything to it."""
    if (other := registry.find(asked.definition.name)) is not None:
        raise RuntimeError(f"an environment {asked.definition.name} runs already, at {other}: it is not broken; stop it first")
    beside = runs / "beside"
    beside.mkdir(parents=True, exist_ok=True)
    with place(asked.definition, None, beside, lambda _said: None, lambda: None, strain=True) as found:
        yield found


def _judged(row: PromiseRow, before: RowResult, evidence: Callable[[], list[Path]], system: RowSystem) -> RowResult:
    """The row, carried out; again if it is wrong, and the last one counts."""
    for attempt in range(1, ATTEMPTS + 1):
        found = _measured(row.name, evidence, system)
        told = judge(before.ledger, found.ledger, row.refuted, row.shown_by)
        found = replace(found, right=told.right, reason=told.reason, attempts=attempt)
        if told.right:
            break
    return found


def _measured(name: str, evidence: Callable[[], list[Path]], system: RowSystem) -> RowResult:
    began = time.monotonic()
    directories = evidence()
    target = read_target(locate("environments/targets", system.target))
    now = datetime.now(UTC)
    policy = Policy(__version__)
    runs = gathering.gather(directories, target, now, policy, lambda _said: None)
    if wrong := [f"{run.path}: {run.trouble or run.stopped}" for run in runs if run.trouble or run.stopped]:
        raise RuntimeError(f"it does not count: {'; '.join(wrong)}")
    seen = {row.id: SeenPromise(row.outcome.value, row.why) for row in ledger(target, runs, now, policy).rows}
    refuted = sorted(promise for promise, one in seen.items() if one.outcome == "refuted")
    told = f"refuted without anything broken: {', '.join(refuted)}" if refuted else ""
    return RowResult(
        name, not refuted, told, seen, tuple(path.name for path in directories), now.isoformat(timespec="seconds"),
        round(time.monotonic() - began, 1),
    )  # fmt: skip


def _keep(found: RowResult, kept: Results, runs: Path, console: Console) -> None:
    kept[found.name] = found
    write_atomically(runs / RESULTS, _CODEC.dump_json(kept, indent=1).decode() + "\n")
    sign = "[green]right[/]" if found.right else "[red]WRONG[/]"
    console.print(f"{found.name} ({found.took_s:.0f} s): {sign}  [dim]{found.reason[:600]}[/]")


def load(path: Path) -> Results:
    """The results so far, by name. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    return jsonfile.read(path, _CODEC) if path.exists() else {}


def told(page: str) -> Mapping[str, tuple[str, ...]]:
    """The cells of each row that an earlier page tells of, by the row's name. Pure."""
    lines = (line.strip("|").split(" | ") for line in page.splitlines() if line.startswith("| "))
    cells = (tuple(cell.strip() for cell in line) for line in lines)
    return {line[0]: line for line in cells if line[0] in ROW_NAMES}


def render(results: Mapping[str, RowResult], earlier: Mapping[str, tuple[str, ...]] = NOTHING) -> str:
    """All rows as Markdown; those that were not carried out are named. Pure.

    A row without a result is as the earlier page tells it, if it is the same row: results stay on the machine that made them, and pages do not.
    """
    table_rows = {row.name: _cells(row, results, earlier) for row in ROWS}
    done = [name for name, cells in table_rows.items() if cells[MARK] != NOT_RUN]
    right = sum(table_rows[name][MARK] == RIGHT for name in done)
    missing = [name for name in table_rows if name not in done]
    lines = [
        "# Does breaking one thing refute exactly the right promises?",
        "",
        "`python -m truth.promises` (or `python -m truth --only ROW`) asks all probes of an unbroken platform, and keeps the",
        "[ledger](readiness.md). Then it breaks one thing: a release's variables, an environment file, a certificate, a process, or a planted",
        "defect of the stand-in. A row is right if the ledger then refutes exactly the promises of the row, for the right reason, and says of",
        "every other promise what it said before. A row with a plan is decided by a run of that plan as well.",
        "",
        f"**{right} of {len(done)}** rows are right (of {len(ROWS)} that exist).",
        *([f"Not carried out yet: {', '.join(missing)}."] if missing else []),
        "",
    ]
    for system in SYSTEMS.values():
        rows = [row for row in ROWS if row.system == system.letter]
        lines += [f"## {system.letter.upper()}: {system.target} on {system.environment}", ""]
        lines += table(("row", "what is broken", "must refute", "plan", "", "why it is refuted"), [table_rows[row.name] for row in rows])
        lines += [""]
    return "\n".join(lines[:-1]) + "\n"


def _cells(row: PromiseRow, results: Mapping[str, RowResult], earlier: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    found = results.get(row.name)
    same = (row.name, row.what, " ".join(sorted(row.refuted)), row.plan or "probes alone")
    if found is None:
        before = earlier.get(row.name, ())
        return before if before[:MARK] == same and len(before) == len(same) + 2 else (*same, NOT_RUN, "")
    return (*same, RIGHT if found.right else WRONG, TEMPORARY.sub("", found.reason))


if __name__ == "__main__":
    sys.exit(main())
