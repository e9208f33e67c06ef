"""How a round looks: on a terminal, as Markdown, as JSON. It decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.files.plaintext import clean
from closeshave.probes.result import ProbeResult, ProbeRow
from closeshave.probes.values import ProbeOutcome
from closeshave.report.github import Annotation, Level
from closeshave.vocabulary import EVIDENCE_WORDS, EvidenceGrade

MARKS: Mapping[ProbeOutcome, str] = MappingProxyType({ProbeOutcome.HOLDS: "✔", ProbeOutcome.BROKEN: "✘", ProbeOutcome.UNKNOWN: "?"})
STYLES: Mapping[ProbeOutcome, str] = MappingProxyType(
    {ProbeOutcome.HOLDS: "bold green", ProbeOutcome.BROKEN: "bold red", ProbeOutcome.UNKNOWN: "yellow"}
)
WITNESSES_MOST = 2
_CODEC = TypeAdapter(ProbeResult)


def told(found: ProbeResult) -> dict[str, Any]:
    """Plain values, for ``--json`` and ``result.json``."""
    plain: dict[str, Any] = _plain(_CODEC.dump_python(found, mode="json"))
    return {"schema": plain.pop("schema"), **plain}


def brief(found: ProbeResult) -> Iterator[str]:
    """In as few words as possible: what does not hold, and the sentence."""
    yield from (f"{row.name} {row.outcome.value}: {row.why}" for row in found.probes if row.outcome is not ProbeOutcome.HOLDS)
    yield found.sentence


def conditions(found: ProbeResult) -> str:
    """What was asked, and what it can show."""
    words = EVIDENCE_WORDS.get(EvidenceGrade(found.evidence), found.evidence) if found.evidence in set(EvidenceGrade) else found.evidence
    return f"{found.environment}, for the promises of {found.target}; evidence: {words}"


def show(found: ProbeResult, console: Console) -> None:
    """A row a probe, what does not hold with its witnesses, and the sentence last."""
    whole = not console.is_terminal
    console.print(Text(clean(conditions(found)), style="dim"), soft_wrap=whole)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("probe", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("promises")
    table.add_column("what", min_width=20)
    for row in found.probes:
        mark = Text(f"{MARKS[row.outcome]} {row.outcome.value}", style=STYLES[row.outcome])
        table.add_row(Text(row.name), mark, Text(", ".join(row.claims)), Text(_line(row.why)))
    console.print(table)
    for row in found.probes:
        if row.outcome is ProbeOutcome.BROKEN:
            for line in testimony(row):
                console.print(Text(f"  {line}"), soft_wrap=whole)
    for name, why in found.left_out.items():
        console.print(Text(_line(f"  {name} is left out: {why}"), style="dim"), soft_wrap=whole)
    for one in found.left:
        console.print(Text(_line(f"  could not be removed: {one}"), style="red"), soft_wrap=whole)
    style = {0: "bold green", 1: "bold red"}.get(found.exit_code, "bold yellow")
    console.print(Text(clean(found.sentence), style=style), soft_wrap=whole)


def testimony(row: ProbeRow) -> Iterator[str]:
    """A probe's witnesses: request, answer, values read."""
    for one in row.witnesses[:WITNESSES_MOST]:
        saw = one.trouble or json.dumps(_plain(one.saw), ensure_ascii=False)
        yield _line(f"{row.name}: {one.subject}: {one.asked} → {saw}")


def markdown(found: ProbeResult) -> str:
    """What fits the summary page of a CI job."""
    lines = [f"## {_cell(found.sentence)}", "", _cell(conditions(found)), "", "| probe | outcome | promises | what |", "|---|---|---|---|"]
    lines += [
        f"| {row.name} | {MARKS[row.outcome]} {row.outcome.value} | {_cell(', '.join(row.claims))} | {_cell(row.why)} |"
        for row in found.probes
    ]
    seen = [f"- {_cell(line)}" for row in found.probes if row.outcome is ProbeOutcome.BROKEN for line in testimony(row)]
    return "\n".join([*lines, "", *(["### Witnesses", "", *seen, ""] if seen else [])])


def annotated(found: ProbeResult, target: str) -> Iterator[Annotation]:
    """What a CI job shows at the target; ``target`` is its path."""
    for row in found.probes:
        if row.outcome is ProbeOutcome.BROKEN:
            yield Annotation(Level.ERROR, f"{row.name}: broken", row.why, target, 1)


def _line(text: str) -> str:
    return clean(text).replace("\n", " ")


def _cell(text: str) -> str:
    """Text that is no Markdown of its own."""
    said = " ".join(clean(text, 400).split())
    for letter in "\\`*_<>|[]":
        said = said.replace(letter, f"\\{letter}")
    return said


def _plain(value: Any) -> Any:
    """JSON has no half of a surrogate, and nobody's terminal gets control characters."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
