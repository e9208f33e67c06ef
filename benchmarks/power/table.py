"""The table of ``docs/gate.md``: what live gates said, and gates that were composed of their blocks. Pure."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.power.cases import PowerCase
from closeshave.gate.decision import Changes, GateAnswer
from closeshave.gate.resampling import Resampled, resample
from closeshave.gate.result import GateResult
from closeshave.gate.rules import Rules
from closeshave.gate.running import changes
from closeshave.plan import GATE_SHARES

FULL, SHORT = "python -m benchmarks.power", "python -m benchmarks.power --short"
"""What stands in the marks of the page, between which a table is."""
LIVE = 5
"""Live gates of a row at least."""
RESAMPLED = 10_000
_HEAD = (
    "| case | live gates | composed gates | smallest noticeable change | must be | |",
    "|---|---|---|---|---|---|",
)


@dataclass(frozen=True, slots=True)
class CaseFound:
    """What is known of a case."""

    case: PowerCase
    live: tuple[GateResult, ...]
    composed: Resampled | None
    """``None`` where too few blocks are recorded."""


def found(case: PowerCase, live: Sequence[GateResult], rules: Rules, blocks: Sequence[Changes], seed: int) -> CaseFound:
    """Count, and compose the gates that the row lacks; each block is used once in a gate."""
    missing = case.gates - len(live)
    composed = resample(rules, blocks, missing, seed) if missing > 0 and len(blocks) >= 2 * rules.blocks else None
    return CaseFound(case, tuple(live), None if case.witness else composed)


def sound(results: Iterable[GateResult], rules: Rules) -> list[Changes]:
    """What every block says that was not thrown away."""
    return [
        each for one in results for stage in sorted({block.stage for block in one.blocks}) for each in changes(rules, one.blocks, stage)
    ]


def said(case: PowerCase, one: GateResult) -> GateAnswer:
    """The answer of a live gate, as the row counts it."""
    if case.witness:
        return GateAnswer.WORSE if any(each.side == "candidate" for each in one.broken) and one.exit_code == 1 else one.answer
    worse = {each.metric for each in one.metrics if each.answer is GateAnswer.WORSE}
    if case.metric and worse and (case.metric not in worse or (case.alone and worse != {case.metric})):
        # It noticed something, but not what is there.
        return GateAnswer.UNKNOWN
    return one.answer


def right(one: CaseFound) -> bool | None:
    """Whether the row is as it must be; ``None`` where there are too few gates to say."""
    counts = _counts(one)
    if len(one.live) < LIVE or counts.total() < one.case.gates:
        return None
    return counts[one.case.answer] >= one.case.at_least and not any(counts[each] for each in one.case.never)


def _counts(one: CaseFound) -> Counter[GateAnswer]:
    composed: Mapping[GateAnswer, int] = one.composed.answers if one.composed else {}
    return Counter(said(one.case, each) for each in one.live) + Counter(dict(composed))


def render(rows: Sequence[CaseFound], equal: Resampled | None, machines: Iterable[str] = ()) -> str:
    """The table, as Markdown, and the rate of false alarms. ``machines``: on which each live gate ran."""
    lines = list(_HEAD)
    for one in rows:
        if not one.live:
            continue
        lines.append(
            f"| {one.case.told} | {_live(one)} | {_composed(one.composed)} | {_noticeable(one.live)} | {_must(one.case)} | {_sign(right(one))} |"
        )
    if equal is not None:
        low, high = equal.bounds(GateAnswer.WORSE)
        rate = equal.answers.get(GateAnswer.WORSE, 0) / equal.gates
        lines += [
            "",
            f"False alarms: {rate:.2%} of {equal.gates:,} gates composed of {equal.blocks} blocks of equal releases ({low:.2%} to {high:.2%}).",
        ]
    if counts := Counter(machines):
        lines += ["", f"Live gates by machine: {'; '.join(f'{machine}: {number}' for machine, number in sorted(counts.items()))}."]
    if left := [one.case.told for one in rows if not one.live]:
        lines += ["", f"Not run yet: {'; '.join(left)}."]
    return "\n".join(lines)


def brief(rows: Sequence[CaseFound], machine: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> str:
    """The table of the short form, whose few gates show that the rules work, and no rate.

    ``machine``: by case, the shares of the plan's rate, and the load averages before each call.
    """
    lines = [
        "| case | live gates | blocks | smallest noticeable change | share of the plan's rate | disturbed by other programs | load average before |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        if not one.live:
            continue
        rates, loads = machine[one.case.key]
        blocks = [block for each in one.live for block in each.blocks]
        spoilt = sum(bool(block.spoilt) for block in blocks)
        counted = f"{len(blocks) - spoilt}{f' and {spoilt} thrown away' if spoilt else ''}"
        disturbed = [leg.disturbed for block in blocks for leg in block.legs]
        noise = f"{statistics.median(disturbed):.0%} of a leg (median), {max(disturbed):.0%} at most" if disturbed else "not known"
        cells = (
            # What the machine did stands in its own columns.
            *(one.case.told.removesuffix(", quiet"), _live(one), counted, _noticeable(one.live)),
            *(", ".join(f"{each:.0%}" for each in rates), noise, ", ".join(f"{each:g}" for each in loads)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def replaced(page: str, table: str, mark: str = FULL) -> str:
    """The page with this table between its marks. Raises :class:`ValueError` when it has none."""
    first, last = f"<!-- begin: {mark} -->", f"<!-- end: {mark} -->"
    head, begin, rest = page.partition(first)
    _, end, tail = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"the page has no lines {first} and {last}")
    return f"{head}{first}\n\n{table}\n\n{last}{tail}"


def _live(one: CaseFound) -> str:
    counts = Counter(said(one.case, each).value for each in one.live)
    return f"{len(one.live)}: {', '.join(f'{number} {name}' for name, number in sorted(counts.items()))}"


def _composed(found: Resampled | None) -> str:
    if found is None:
        return "none"
    told = {("neither" if answer is GateAnswer.SAME else answer.value): number for answer, number in found.answers.items() if number}
    return f"{found.gates}: {', '.join(f'{number} {name}' for name, number in sorted(told.items()))}"


def _noticeable(live: Sequence[GateResult]) -> str:
    """The range over the live gates and their ratios: times and processor time."""
    known = [each for one in live for each in one.metrics if each.noticeable is not None and each.metric not in GATE_SHARES]
    sizes = [math.expm1(each.noticeable or 0.0) for each in known]
    return f"{min(sizes):.1%} to {max(sizes):.1%}" if sizes else "not known"


def _must(case: PowerCase) -> str:
    what = f"{case.answer.value} in ≥ {case.at_least}" if case.at_least else "printed"
    never = "".join(f", 0 {each.value}" for each in case.never)
    return f"{what}{f' on {case.metric}' if case.metric else ''}{never} of {case.gates}"


def _sign(found: bool | None) -> str:
    return {True: "✔", False: "✘", None: "too few gates"}[found]
