"""The confusion matrix as text: for ``docs/truth.md`` and the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from closeshave.judge.measures import sampling
from closeshave.plurals import counted
from truth import damages, defects
from truth.result import Result

CONFIDENCE = 0.95


def false_alarm_bound(failures: int, n: int) -> float:
    """Upper bound on the rate of false alarms (Clopper and Pearson 1934, one-sided); for no failure about 3/n, the rule of three."""
    return 1 - sampling.share_bounds(n - failures, n, CONFIDENCE)[0]


def render(results: Mapping[str, Result]) -> str:
    """All results as Markdown."""
    of = {sort: [result for result in results.values() if result.sort == sort] for sort in ("defect", "damage", "clean")}
    planned = {"defect": len(defects.CASES), "damage": len(damages.CASES)}
    right = {sort: sum(result.right for result in found) for sort, found in of.items()}
    whats = {case.name: case.what for case in damages.CASES}
    lines = [
        "# Is the judge right?",
        "",
        "`make truth` plants defects in the stand-in platform and damages the harness, one at a time, on one embedded environment. The plan,",
        "the target and the environment are the same files for a clean platform and for a broken one; a judge sees only the history. Defects of",
        "single franchises affect franchises drawn by traffic weight. *Detection* is the probability that the run was long enough to meet one of them.",
        "",
        (f"Defects detected: **{right['defect']} of {len(of['defect'])}** (of {planned['defect']} that exist). "
        f"Damage reported as inconclusive: **{right['damage']} of {len(of['damage'])}** (of {planned['damage']}). "
        f"Clean runs passed: **{right['clean']} of {len(of['clean'])}**."),
        "",
        _clean_line(of["clean"], right["clean"]),
        "",
        "## Platform defects: each must fail its verdict, with a right witness",
        "",
        *table(("defect", "plan", "", "verdict", "reason", "detection", "runs"), [
            (r.case, r.plan, mark(r), r.verdict, r.reason, "" if r.detection is None else f"{r.detection:.1%}", str(r.attempts))
            for r in of["defect"]
        ]),
        "",
        "## Harness damage: each must be inconclusive, for the right reason, and fail nothing",
        "",
        *table(("damage", "plan", "", "verdict", "reason"), [
            (whats.get(r.case, r.case), r.plan, mark(r), r.verdict, r.reason) for r in of["damage"]
        ]),
        "",
        "## Clean platform",
        "",
        *table(("run", "plan", "", "what did not pass", "runs"), [
            (r.case, r.plan, mark(r), r.verdict or "everything passed", str(r.attempts)) for r in of["clean"]
        ]),
        "",
        (f"Seeds: {', '.join(sorted({str(result.seed) for result in results.values()}))} (plans), 1 to 3 (drawn franchises). "
        "*runs* includes runs that the machine disturbed (a late generator, and nothing failed): they are repeated, three runs at most."),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _clean_line(runs: Sequence[Result], passed: int) -> str:
    if not runs:
        return "There was no clean run."
    alarms = sum(result.status == "fail" for result in runs)
    return (
        f"{counted(passed, 'clean run')} passed and {alarms} failed: with {CONFIDENCE:.0%} confidence fewer than "
        f"{false_alarm_bound(alarms, len(runs)):.1%} of a correct platform's runs raise a false alarm (Clopper-Pearson; for none among n about 3/n)."
    )


def mark(result: Result) -> str:
    """A mark for a case: right or wrong."""
    return "✓" if result.right else "**missed**"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows),
    ]
