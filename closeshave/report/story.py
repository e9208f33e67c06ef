"""``closeshave explain``: the story behind a verdict on a terminal. Text from a history goes there as :class:`rich.text.Text`, never as markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from closeshave.files.closest import meant
from closeshave.history import History
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.explanation.line import Line
from closeshave.judge.explanation.story import tell
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Assessment, Status, Verdict
from closeshave.plan import Plan
from closeshave.plurals import counted
from closeshave.report import ranking, words
from closeshave.report.headline import MARKS, WORDS
from closeshave.report.terminal import STYLES
from closeshave.target import Target

_KINDS = {"sent": "cyan", "answered": "default", "fault": "bold red", "signal": "magenta", "end": "bold"}
_SIGNS = {"sent": "→", "answered": "←", "fault": "⚡", "signal": "⚑", "end": "■"}


@dataclass(frozen=True, slots=True)
class Explained:
    """A verdict and what led to it, in time order."""

    verdict: Verdict
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Stories:
    """Of some verdicts of one run."""

    explained: tuple[Explained, ...]
    target: Target
    zero_ns: int
    """Where the seconds of the run begin, on the monotonic clock."""


class NoVerdict(LookupError):
    """A run has no verdict of that ID; names those that it has."""


def choose(assessment: Assessment, name: str) -> tuple[Verdict, ...]:
    """The verdict of this ID; without a name those that gate and are no pass, worst first. Raises :class:`NoVerdict`."""
    if not name:
        return tuple(one for one in ranking.worst_first(assessment.verdicts) if one.gates and one.status is not Status.PASS)
    if found := tuple(one for one in assessment.verdicts if one.id == name):
        return found
    known = [one.id for one in assessment.verdicts]
    raise NoVerdict(f"this run has no verdict {name}{meant(name, known)}; it has: {', '.join(known)}")


def of(verdicts: Sequence[Verdict], history: History, plan: Plan, target: Target) -> Stories:
    """The story of each verdict. Raises what a judge raises that cannot look up a write."""
    analysis = Analysis(Evidence(history, plan, target))
    zero_ns = min((phase.started_ns for phase in history.manifest.phases), default=history.manifest.anchor.monotonic_ns)
    return Stories(tuple(Explained(one, tuple(tell(analysis, one))) for one in verdicts), target, zero_ns)


def told(stories: Stories) -> list[dict[str, Any]]:
    """As plain values. Instants are seconds of the run; ``null`` is its end."""
    return [
        {
            "verdict": one.verdict.id,
            "status": one.verdict.status.value,
            "measured": words.measured(one.verdict),
            "bound": words.bound(one.verdict),
            "reason": one.verdict.reason,
            "story": [
                {
                    "at_s": None if line.at_ns is None else (line.at_ns - stories.zero_ns) / 1e9,
                    "kind": line.kind,
                    "who": line.who,
                    "what": line.what,
                    "source": line.source,
                    "witness": line.accused,
                }
                for line in one.lines
            ],
        }
        for one in stories.explained
    ]


def show(stories: Stories, console: Console) -> None:
    """Tell each story to a person."""
    for one in stories.explained:
        render(one.verdict, one.lines, stories.target, stories.zero_ns, console)
    if not stories.explained:
        console.print(Text("Every verdict is a pass. Name one to see its evidence.", style="green"))


def render(verdict: Verdict, lines: Sequence[Line], target: Target, zero_ns: int, console: Console) -> None:
    """Print what was promised and measured, why the verdict is what it is, and the story; instants are seconds of the run."""
    console.print(_verdict(verdict, target))
    if not lines:
        console.print(Text("This verdict names no operation, so there is no history to show.", style="dim"))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("second", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("who", no_wrap=True)
    table.add_column("what", ratio=1)
    table.add_column("place in the history", style="dim", overflow="fold")
    for line in lines:
        at = "at the end" if line.at_ns is None else f"{(line.at_ns - zero_ns) / 1e9:,.3f}"
        style = _KINDS[line.kind] + (" bold" if line.accused else "")
        what = Text(words.clean(line.what).replace("\n", " "), style=style)
        if line.accused and line.kind == "sent":
            what.append("  ◀ witness", style=STYLES[verdict.status])
        table.add_row(at, Text(_SIGNS[line.kind], style=style), Text(words.clean(line.who)), what, Text(words.clean(line.source)))
    console.print(table)


def _verdict(verdict: Verdict, target: Target) -> Panel:
    texts = {claim.id: claim.text for claim in target.claims}
    said = Text()
    said.append(f"{words.title(verdict, target)}, {words.clean(words.place(verdict))}\n", style="bold")
    said.append(f"measured {words.measured(verdict)}, the promise is {words.bound(verdict)}")
    interval = words.interval(verdict)
    said.append(f", confidence {interval}" if " to " in interval else "")
    said.append(f", from {counted(verdict.n, 'observation')}\n" if verdict.n else "\n")
    for claim in verdict.claims:
        said.append(f"{claim}  {texts.get(claim, '')}\n", style="dim")
    said.append(words.clean(verdict.reason or "The promise was kept."), style=STYLES[verdict.status])
    for witness in verdict.witnesses:
        said.append(f"\n  {words.clean(witness.why)}", style="default")
    title = f"{MARKS[verdict.status]} {WORDS[verdict.status].lower()}  {words.clean(verdict.id)}"
    return Panel(said, title=Text(title, style=STYLES[verdict.status]), title_align="left", box=box.ROUNDED, expand=False)
