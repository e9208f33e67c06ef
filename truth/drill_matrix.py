"""What became of sabotaged, disturbed and clean drills, as text: for ``docs/truth-drills.md`` and the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from truth import disturbed, sabotage
from truth.matrix import mark, table
from truth.result import Result

SORTS = ("sabotage", "disturbed", "clean drill")
CLEAN = ("restore",) * 4 + ("rolling", "canary", "scaling", "worker", "migrate", "rotation")
"""The plans of the clean drills; that of the environment of its own comes last."""
CLEAN_NAMES = {f"clean-drill-{number:02}": plan for number, plan in enumerate(CLEAN, 1)}
"""The plan of each clean run, by the name of its case."""


def render(results: Mapping[str, Result]) -> str:
    """All results of drills as Markdown."""
    of = {sort: [result for result in results.values() if result.sort == sort] for sort in SORTS}
    right = {sort: sum(result.right for result in found) for sort, found in of.items()}
    planned = {"sabotage": len(sabotage.CASES), "disturbed": len(disturbed.CASES), "clean drill": len(CLEAN)}
    whats = {case.name: case.what for case in (*sabotage.CASES, *disturbed.CASES)}

    def score(sort: str) -> str:
        return f"**{right[sort]} of {len(of[sort])}** (of {planned[sort]} that exist)"

    rows = {sort: [(whats.get(r.case, r.case), r.plan, mark(r), r.verdict, r.reason) for r in found] for sort, found in of.items()}
    lines = [
        "# Can a drill fail?",
        "",
        "`make truth` makes something wrong with a backup, a restore, a release, a certificate, a worker or a move while its drill is carried out",
        "under load. All of it is done from outside: to files, to processes, by triggers in a database, or by programs that stand before others.",
        "",
        (
            f"Sabotaged drills that failed, for the right reason: {score('sabotage')}. Disturbed drills that were inconclusive: {score('disturbed')}. "
            f"Clean drills that passed: {score('clean drill')}."
        ),
        "",
        "## Sabotage: each must fail, with a right witness",
        "",
        *table(("sabotage", "plan", "", "verdict", "reason"), rows["sabotage"]),
        "",
        "## Disturbed: what the drill does not test kept it from being carried out; each must be inconclusive, with the reason",
        "",
        *table(("disturbance", "plan", "", "verdict", "reason"), rows["disturbed"]),
        "",
        "## Clean: nothing is wrong, and all that is said of the drill must pass",
        "",
        *table(
            ("run", "plan", "", "what did not pass", "runs"),
            [
                (r.case, r.plan, mark(r), f"{r.verdict}: {r.reason}" if r.verdict else "everything passed", str(r.attempts))
                for r in of["clean drill"]
            ],
        ),
        "",
        "*runs* includes runs that the machine disturbed (a late generator, and nothing failed): they are repeated, three runs at most.",
    ]
    return "\n".join(lines) + "\n"
