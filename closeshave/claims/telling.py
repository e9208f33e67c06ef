"""How findings look: as a document for other programs, and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.claims.finding import ClaimFinding, Promises, Severity
from closeshave.files.plaintext import clean

SCHEMA: Literal["closeshave.claims/1"] = "closeshave.claims/1"
STYLES = {Severity.CONTRADICTION: "red", Severity.REMARK: "yellow"}


@dataclass(frozen=True, slots=True)
class LintedClaims:
    """What ``closeshave lint-claims --json`` prints."""

    schema: Literal["closeshave.claims/1"]
    """Which format this is."""
    targets: tuple[str, ...]
    """Names of the targets whose promises were looked at."""
    plans: tuple[str, ...]
    """Names of the plans that test them."""
    left_out: tuple[str, ...]
    """What is wrong with plans that could not be read; no finding concerns them."""
    contradictions: int
    """How many of the findings are contradictions; the exit code is 1 if there is any."""
    findings: tuple[ClaimFinding, ...]
    """All of them, contradictions first."""


_CODEC = TypeAdapter(LintedClaims)


def linted(several: Iterable[Promises], findings: tuple[ClaimFinding, ...], left_out: tuple[str, ...]) -> LintedClaims:
    """The findings with what was looked at."""
    several = tuple(several)
    return LintedClaims(
        SCHEMA,
        tuple(each.target.name for each in several),
        tuple(one.plan.name for each in several for one in each.plans),
        left_out,
        sum(each.severity is Severity.CONTRADICTION for each in findings),
        findings,
    )


def told(found: LintedClaims) -> dict[str, Any]:
    """Plain values."""
    plain: dict[str, Any] = _CODEC.dump_python(found, mode="json")
    return plain


def sentence(found: LintedClaims) -> str:
    """The result in one sentence."""
    remarks = len(found.findings) - found.contradictions
    return (
        f"{found.contradictions} contradiction{'' if found.contradictions == 1 else 's'} and {remarks} remark{'' if remarks == 1 else 's'} "
        f"about the promises of {', '.join(found.targets) or 'no target'}"
    )


def brief(found: LintedClaims) -> Iterable[str]:
    """A line for each contradiction."""
    for each in found.findings:
        if each.severity is Severity.CONTRADICTION:
            yield f"{each.severity.value} {each.id} {','.join(each.claims)}"


def show(found: LintedClaims, console: Console) -> None:
    """A row for each finding, and the sentence."""
    table = Table("", "rule", "promises", "what follows", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for each in found.findings:
        severity = Text(each.severity.value, style=STYLES[each.severity])
        table.add_row(severity, Text(each.id), Text(clean(", ".join(each.claims))), Text(clean(each.sentence)))
    if found.findings:
        console.print(table)
    console.print(Text(clean(f"{sentence(found)}."), style="bold"), soft_wrap=not console.is_terminal)
