"""``python -m benchmarks.power [--short] [--only CASE …]``: does a gate notice what it should? Live gates, kept and continued."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.power import live, recorded, table
from benchmarks.power.cases import CASES, SHORT, PowerCase
from benchmarks.power.live import Place, PowerStopped
from benchmarks.power.table import CaseFound
from closeshave.gate.resampling import Resampled, resample
from closeshave.trial.interrupts import Interrupted, interrupts

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "reports" / "gates" / "power"
PAGE = ROOT / "docs" / "gate.md"
SHORT_BLOCKS = 5
WHAT = """
Live gates on the embedded environment: equal releases, and releases that are slower, dearer or break a promise by a known amount. Every row gets
five of them, one of each row in turn, so that a run that is stopped early has some of each. What is there is kept, and the next call goes on, also
on another machine: every gate with an answer is a file below benchmarks/power/gates, meant to be committed. Further gates are composed of recorded
blocks. The table goes into docs/gate.md.
"""


def main() -> int:
    """Returns 0 when no row is wrong, 1 otherwise, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.power", description=WHAT)
    parser.add_argument("--short", action="store_true", help="one gate of equal releases and one that is 10 %% slower, with few blocks")
    parser.add_argument("--only", nargs="+", metavar="CASE", help=f"only these rows: {', '.join(case.key for case in CASES)}")
    parser.add_argument("--gates", type=int, default=table.LIVE, help="live gates of each row")
    parser.add_argument("--rate-scale", type=float, help="of new gates: the share of the plan's rate, instead of what each warm-up finds")
    parser.add_argument("--place", type=Path, default=PLACE, help="where the gates are; elsewhere no page is written")
    options = parser.parse_args()
    known = {case.key: case for case in CASES}
    names: Sequence[str] = options.only or (SHORT if options.short else tuple(known))
    if unknown := set(names) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; available: {', '.join(known)}")
    there = (options.place / "short" if options.short else options.place).resolve()
    # The short form's gates have other rules, and those of another place are nobody's evidence.
    place = Place(there, there / "records" if options.short or options.place != PLACE else recorded.HOME)
    cases = [known[name] for name in names]
    live.prepare(place, SHORT_BLOCKS if options.short else None)
    try:
        with interrupts(print):
            _carry_out(place, cases, 1 if options.short else options.gates, options.rate_scale)
    except (PowerStopped, Interrupted):
        print("stopped; the next call goes on")
        return 130
    rows = [_found(place, case) for case in CASES]
    machine = {case.key: (live.rates(place, case), live.loads(place, case)) for case in CASES}
    machines = [gate.machine for case in CASES for gate in place.finished(case)]
    text = table.brief(rows, machine) if options.short else table.render(rows, _equal(place), machines)
    print(text)
    if options.place == PLACE:
        page = table.replaced(PAGE.read_text(encoding="utf-8"), text, table.SHORT if options.short else table.FULL)
        PAGE.write_text(page, encoding="utf-8")
    wrong = [one for one in rows if table.right(one) is False or (options.short and one.case in cases and not _as_it_must(one))]
    return 1 if wrong else 0


def _carry_out(place: Place, cases: Sequence[PowerCase], wanted: int, rate_scale: float | None) -> None:
    for number in range(1, wanted + 1):
        for case in cases:
            place.record(case)
            while len(place.finished(case)) < number and live.one_more(place, case, wanted, rate_scale):
                print(f"{case.key}: {len(place.finished(case))} of {wanted}", flush=True)


def _found(place: Place, case: PowerCase) -> CaseFound:
    finished = place.finished(case)
    if not finished:
        return CaseFound(case, (), None)
    results, rules = [gate.result for gate in finished], finished[0].rules
    return table.found(case, results, rules, table.sound(results, rules), live.SEED)


def _equal(place: Place) -> Resampled | None:
    """Ten thousand gates of the recorded blocks of equal releases, for the rate of false alarms."""
    finished = place.finished(CASES[0])
    if not finished:
        return None
    rules = finished[0].rules
    blocks = table.sound([gate.result for gate in finished], rules)
    return resample(rules, blocks, table.RESAMPLED, live.SEED) if len(blocks) >= 2 * rules.blocks else None


def _as_it_must(one: CaseFound) -> bool:
    """Whether the one live gate of the short form says what most must say, or at least nothing false."""
    answers = {table.said(one.case, each) for each in one.live}
    return bool(answers) and not answers & set(one.case.never) and (one.case.at_least == 0 or one.case.answer in answers)


if __name__ == "__main__":
    sys.exit(main())
