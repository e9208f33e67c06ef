"""``python -m truth.plain_platform``: is the judge right about a platform that shares no code with ours? Writes ``docs/truth-plain.md``; continues an
interrupted call.

A platform that shares no code with ours and behaves like the real application is tested as an unknown one: its operator writes a file with its
address, the doctor completes the file, a shipped plan is fitted by the option that ``validate`` names, and is carried out. Nothing else is set.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from closeshave.trial.interrupts import Interrupted, interrupts
from truth import command, matrix, result
from truth.command import Ended
from truth.plain import file
from truth.plain.defects import Defect
from truth.plain.running import Plain, plain
from truth.result import Result

HERE = Path(__file__).parent
RUNS = HERE.parent / "reports" / "runs" / "truth-plain"
PAGE = HERE.parent / "docs" / "truth-plain.md"
RESULTS = "results.json"
PLAN = "smoke"
ZONES = {"utc": "UTC", "new-york": "America/New_York"}
"""Business zones by their name in cases."""
CLEAN_EACH = 10
"""The number of clean runs in each zone."""
PASSES_MIN = 0.9
Struck = Mapping[str, list[int]]
"""What the platform itself recorded about its defects: by name, the bookings (or starts of slots) that each affected."""


class NotDone(RuntimeError):
    """A step before the run failed; the message says which, and what it printed."""


@dataclass(frozen=True, slots=True)
class Case:
    """A defect, how often it happens, its verdict, and what in a witness of that verdict the platform must have recorded."""

    defect: Defect
    share: float
    verdict: str
    named: Callable[[Mapping[str, Any]], set[int]]
    """What a witness names: bookings, or starts of slots."""


def _booking(witness: Mapping[str, Any]) -> set[int]:
    return {witness["booking"]}


CASES = (
    Case(
        Defect.DOUBLE_BOOKING, 0.3, "integrity/double_booked", lambda witness: {witness["booking"], (witness.get("other") or {})["booking"]}
    ),
    Case(Defect.LOST_BOOKING, 0.1, "integrity/lost", lambda witness: _booking(witness.get("effect") or witness)),
    # A fitted run pays some seven times: at a third of them one run in twelve would have nothing to find.
    Case(Defect.DOUBLE_CHARGE, 0.7, "integrity/duplicate_payments", _booking),
    Case(
        Defect.REFUSED_THOUGH_FREE, 0.2, "integrity/refused_though_free", lambda witness: {(witness.get("effect") or witness)["starts_at"]}
    ),
)


def main() -> int:
    """Returns 0 when every case that was carried out is right, 1 otherwise, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m truth.plain_platform", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="CASE", help="only these cases, again")
    parser.add_argument("--again", action="store_true", help="discard the results so far and run every case")
    parser.add_argument(
        "--runs",
        type=Path,
        default=RUNS,
        help="where run directories and results go; with a value other than the default no page is written",
    )
    options = parser.parse_args()
    console, work = Console(highlight=False), cases()
    wanted = options.only or list(work)
    if unknown := set(wanted) - set(work):
        parser.error(f"there is no {', '.join(sorted(unknown))}; available: {', '.join(work)}")
    options.runs.mkdir(parents=True, exist_ok=True)
    kept = {} if options.again else result.load(options.runs / RESULTS)
    todo = [name for name in work if name in wanted and (options.only or name not in kept)]
    try:
        with interrupts(console.print):
            _carry_out({name: work[name] for name in todo}, kept, options.runs, console)
    except Interrupted:
        console.print("stopped; the next call continues here")
        return 130
    page = render({name: kept[name] for name in work if name in kept})
    if options.runs == RUNS:
        PAGE.write_text(page)
    console.print(page, markup=False)
    return 0 if enough(kept) and all(name in kept for name in wanted) else 1


def _carry_out(todo: Mapping[str, Callable[[Path], Result]], kept: dict[str, Result], runs: Path, console: Console) -> None:
    for name, case in todo.items():
        try:
            found = case(runs / name)
        except NotDone as error:
            console.print(f"{name}: not carried out: {error}", markup=False)
            continue
        kept[name] = found
        result.save(runs / RESULTS, kept)
        console.print(
            f"{name}: {'right' if found.right else 'MISSED'}  {found.status}  {found.verdict}  {found.reason[:160]}", markup=False
        )


def cases() -> dict[str, Callable[[Path], Result]]:
    """All cases by name: the function that carries each out in a directory."""
    work: dict[str, Callable[[Path], Result]] = {}
    for short, zone in ZONES.items():
        for case in CASES:
            name = f"{case.defect}-{short}"
            work[name] = partial(convict, name=name, case=case, zone=zone)
    # One zone after the other, so that an interrupted series has as many of each.
    for number in range(1, CLEAN_EACH + 1):
        for short, zone in ZONES.items():
            name, payments = f"clean-{short}-{number:02}", "provider" if number % 2 else "refused"
            work[name] = partial(acquit, name=name, zone=zone, payments=payments)
    return work


def convict(at: Path, name: str, case: Case, zone: str) -> Result:
    """Test a platform with the defect: its verdict must fail, and the platform must have recorded what each witness names."""
    with _platform(zone, "provider") as platform:
        platform.operate(f"plant/{case.defect}?share={case.share}")
        ended = meet(at, name, platform)
        struck: Struck = platform.ask("struck")
    verdict = ended.verdicts().get(case.verdict, {"status": "not there", "reason": "", "witnesses": []})
    right = verdict["status"] == "fail" and proven(case, verdict["witnesses"], struck)
    others = [other for other in _failed(ended) if other != case.verdict]
    return _result(
        name,
        "defect",
        ended,
        right=right,
        verdict=f"{case.verdict}: {verdict['status']}" + (f"; also {', '.join(others)}" if others else ""),
        reason=verdict["reason"] or "",
        witness=str(verdict["witnesses"][0].get("why", "")) if verdict["witnesses"] else f"{len(struck[case.defect])} affected",
    )


def proven(case: Case, witnesses: Sequence[Mapping[str, Any]], struck: Struck) -> bool:
    """Whether there are witnesses, and each names something that the defect affected. Pure."""
    hit = set(struck[case.defect])
    return bool(witnesses) and all(case.named(witness) & hit for witness in witnesses)


def acquit(at: Path, name: str, zone: str, payments: str) -> Result:
    """Test a correct platform: the whole run must pass."""
    with _platform(zone, payments) as platform:
        ended = meet(at, name, platform)
    summary = ended.summary()
    wrong = [one for one in summary["verdicts"] if one.get("gates", True) and one["status"] != "pass"]
    return _result(
        name,
        "clean",
        ended,
        right=ended.code == 0,
        verdict="; ".join(f"{one['id']}: {one['status']}" for one in wrong[:4]),
        reason=(wrong[0]["reason"] or "") if wrong else "",
        witness="",
    )


def meet(at: Path, name: str, platform: Plain) -> Ended:
    """All steps of a new user, from the operator's first file to a judged run. Raises :class:`NotDone`."""
    shutil.rmtree(at, ignore_errors=True)
    at.mkdir(parents=True)
    path = file.write(at / f"{name}.yaml", platform)
    asked = command.call(at, "doctor", "--environment", path, "--write")
    (at / "doctor.txt").write_text(asked.said)
    proposed = path.with_name(f"{path.name}.proposed")
    if asked.code or not proposed.exists():
        raise NotDone(f"the doctor ended with {asked.code} and proposed {'a' if proposed.exists() else 'no'} file: {asked.said[-300:]}")
    proposed.rename(path)
    fitting = fitted(command.call(at, "validate", PLAN, "--environment", path))
    ended = command.call(at, "run", PLAN, "--environment", path, *fitting, "--runs", at / "runs")
    (at / "said.txt").write_text(ended.said)
    if ended.code not in {0, 1, 3, 5}:
        raise NotDone(f"the run ended with {ended.code}: {ended.said[-300:]}")
    return ended


def fitted(validated: Ended) -> tuple[str, ...]:
    """The option that ``validate`` names, or none if the plan fits as it is. Raises :class:`NotDone` if it refuses the plan and names none."""
    if validated.code == 0:
        return ()
    found = re.search(r"--rate-scale[ =]([0-9.]*[0-9])", validated.said)
    if found is None:
        raise NotDone(f"validate refuses the plan and names no --rate-scale: {validated.said[-300:]}")
    return ("--rate-scale", found[1])


def enough(results: Mapping[str, Result]) -> bool:
    """Every defect detected, no clean run failed, and nine of ten clean runs passed. Pure."""
    clean = [one for one in results.values() if one.sort == "clean"]
    convicted = [one for one in clean if one.status == "fail"]
    passed = sum(one.right for one in clean)
    return all(one.right for one in results.values() if one.sort == "defect") and not convicted and passed >= PASSES_MIN * len(clean)


def render(results: Mapping[str, Result]) -> str:
    """All results as Markdown."""
    of = {sort: [one for one in results.values() if one.sort == sort] for sort in ("defect", "clean")}
    convicted = sum(one.status == "fail" for one in of["clean"])
    lines = [
        "# Is the judge right about a platform that shares no code with ours?",
        "",
        "`make truth-plain` tests a platform that shares no code with the stand-in and behaves like the real application: lists of slots by",
        "barber are always empty, lists are paged, no answer states the business zone, all customers share the limits of one address, an",
        "administrator is listed as a barber, a part of the readiness says `ready` while the whole does not, a log-in takes 300 ms. `closeshave",
        "doctor` completes the operator's file; `smoke` runs with the one option that `closeshave validate` names; nothing else is set. The",
        "platform itself records what its defects affected, and every witness must be one of those.",
        "",
        (
            f"Defects detected with a right witness: **{sum(one.right for one in of['defect'])} of {len(of['defect'])}** "
            f"(of {len(CASES) * len(ZONES)} that exist)."
        ),
        f"Clean runs passed: **{sum(one.right for one in of['clean'])} of {len(of['clean'])}**; failed: **{convicted}**.",
        "",
        "## Planted defects",
        "",
        *matrix.table(
            ("case", "", "verdict", "reason", "first witness"),
            [(one.case, matrix.mark(one), one.verdict, one.reason, one.witness) for one in of["defect"]],
        ),
        "",
        "## Clean platform: both zones, with payments and (even numbers) refusing all payments",
        "",
        *matrix.table(
            ("run", "", "what did not pass", "reason of the first"),
            [(one.case, matrix.mark(one), one.verdict or "everything passed", one.reason) for one in of["clean"]],
        ),
    ]
    return "\n".join(lines) + "\n"


def _platform(zone: str, payments: str) -> AbstractContextManager[Plain]:
    return plain("--as-seen", "--habit", f"zone={zone}", "--habit", f"payments={payments}")


def _failed(ended: Ended) -> list[str]:
    return [name for name, verdict in ended.verdicts().items() if verdict["status"] == "fail"]


def _result(name: str, sort: str, ended: Ended, *, right: bool, verdict: str, reason: str, witness: str) -> Result:
    summary = ended.summary()
    return Result(
        case=name, sort=sort, plan=PLAN, right=right, status=summary["status"], verdict=verdict, reason=reason, witness=witness,
        run=ended.run.name, attempts=1, detection=None, seed=summary["run"]["seed"],
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
