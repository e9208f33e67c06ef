"""The after-action report as JSON and as Markdown. It decides nothing. Text of people and platforms is text: never markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter

from closeshave.gameday.account import AfterAction
from closeshave.gameday.moments import clock
from closeshave.report import words

_CODEC = TypeAdapter(AfterAction)
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+\-!|~&])")
HARM = ("fault", "severity", "first harm", "not good", "worst minute", "own alert", "noticed by people", "served again", "brought back by")
NOTHING = "A dress rehearsal: it proves nothing."


def told(found: AfterAction) -> dict[str, Any]:
    """Plain values, for ``gameday.json``."""
    plain: dict[str, Any] = _CODEC.dump_python(found, mode="json")
    return {"schema": plain.pop("schema"), **plain}


def headline(found: AfterAction) -> str:
    """The game day in one sentence."""
    if found.rehearsal:
        return f"Dress rehearsal of {found.plan}: nothing was broken, so it proves nothing."
    begun = sum(each.begun_at_s is not None for each in found.injects)
    sure = sum(each.sure for each in found.harm)
    perhaps = f", {len(found.harm) - sure} perhaps" if sure < len(found.harm) else ""
    nobody = "whom they harmed is unknown" if found.harm_unknown else "no customer was harmed by a fault"
    harmed = f"{sure} of them harmed customers{perhaps}" if found.harm else nobody
    judged = f"{len(found.failed)} verdicts failed, {len(found.undecided)} are undecided"
    return f"{found.plan}: {begun} of {len(found.injects)} injects began, {harmed}; {judged}."


def unharmed(found: AfterAction) -> str:
    """What is said where no harm is listed: that there was none, or that it is unknown."""
    if found.harm_unknown:
        return f"Whom the faults harmed is unknown: {found.harm_unknown}"
    return "No customer was harmed by a fault, as far as the history shows."


def unwritten(found: AfterAction) -> str:
    """What is said where no deficiency is listed: that none has been written down, or that it is unknown."""
    if found.deficiencies_unknown:
        return f"Which have been written down is unknown: {found.deficiencies_unknown}"
    return "None has been written down: closeshave gameday deficiency."


def figures(found: AfterAction) -> tuple[tuple[str, str], ...]:
    """The game day in a few figures, each with its name: what a reader wants to know first. None of a rehearsal, which has none."""
    if found.rehearsal:
        return ()
    told = [(f"{sum(each.begun_at_s is not None for each in found.injects)} of {len(found.injects)}", "injects began")]
    if found.harm_unknown:
        told.append(("unknown", "faults that harmed customers"))
    else:
        sure = sum(each.sure for each in found.harm)
        told.append((f"{sure}{f' or {len(found.harm)}' if sure < len(found.harm) else ''}", "faults that harmed customers"))
    longest = ", the longest" if len(found.harm) > 1 else ""
    if found.harm:
        told += [
            (_largest([each.noticed_s for each in found.harm]), f"from the first harm until people noticed{longest}"),
            (_largest([each.restored_s for each in found.harm]), f"from the first harm until served again{longest}"),
        ]
    if found.lost:
        lost = [each.lost_writes for each in found.lost]
        told.append((words.count(None if None in lost else sum(each or 0 for each in lost)), "acknowledged writes lost"))
    return (*told, (str(len(found.failed)), "verdicts failed"), (str(len(found.undecided)), "verdicts undecided"))


def _largest(several: Sequence[float | None]) -> str:
    """What is not known may be the largest."""
    known = [each for each in several if each is not None]
    return seconds(max(known) if len(known) == len(several) else None)


def seconds(value: float | None) -> str:
    """A length of time; *unknown* where there is none."""
    return words.seconds(None if value is None else round(value))


def markdown(found: AfterAction) -> str:
    """The report for a wiki or a ticket. In a rehearsal every line with content says what it is."""
    lines = [*_markdown(found)]
    if found.rehearsal:
        lines = [_rehearsed(line) for line in lines]
    return "\n".join(lines) + "\n"


def _rehearsed(line: str) -> str:
    if not line or set(line) <= set("|- ") or line.endswith(f"| {NOTHING} |"):
        return line
    return f"{line} {NOTHING} |" if line.startswith("|") else f"{line} ({NOTHING})"


def _markdown(found: AfterAction) -> Iterator[str]:
    more = (NOTHING,) if found.rehearsal else ()
    yield f"# After-action report: {escaped(found.plan)}"
    yield from ("", escaped(headline(found)), "")
    yield f"Run {escaped(found.run)}, environment {escaped(found.environment)}, evidence {escaped(found.evidence)}; it ended: {escaped(found.ended)}."
    if told_of := figures(found):
        yield from ("", *(f"* {escaped(name)}: **{escaped(value)}**" for value, name in told_of))
    yield from ("", "## What customers felt", "")
    if found.harm:
        yield from table(
            (*HARM, *more),
            (
                (each.fault, each.severity, clock(each.first_at_s), words.count(each.requests), words.ratio(each.worst_minute), signed(each.alerted_s),
                 seconds(each.noticed_s), seconds(each.restored_s), each.brought_back_by)
                for each in found.harm
            ),
        )  # fmt: skip
        yield from ("", "Times count from the first harmed customer. What would have happened without people is unknown where it says so.")
    else:
        yield escaped(unharmed(found))
    yield from ("", "## What was lost", "")
    lost = [
        (each.fault, "unknown" if each.lost_writes is None else words.count(each.lost_writes), seconds(each.loss_window_s))
        for each in found.lost
    ]
    yield from (
        table(("fault", "acknowledged writes", "loss window", *more), lost) if lost else ("No fault of this game day could cost data.",)
    )
    if found.people:
        yield from ("", "## Verdicts about people", "")
        judged = ((each.id, ", ".join(each.claims), each.status, each.text, each.reason) for each in found.people)
        yield from table(("verdict", "promises", "status", "measured", "why", *more), judged)
    yield from ("", "## Expected and observed", "")
    yield from table(
        ("inject", "status", "began", "expected of the platform", "observed", "expected of people", "observed", *more),
        (
            (f"{each.id}: {each.title}", each.status.value, "never" if each.begun_at_s is None else f"{clock(each.begun_at_s)} ({each.how})",
             each.expected_of_platform or "not stated", each.seen_of_platform, each.expected_of_people or "not stated", each.seen_of_people)
            for each in found.injects
        ),
    )  # fmt: skip
    yield from ("", "## Timeline", "")
    yield from table(("at", "who", "what", *more), ((clock(each.at_s), each.who, each.what) for each in found.timeline))
    yield from ("", "## Runbooks", "")
    yield from _runbooks(found)
    yield from ("", "## Deficiencies", "")
    yield from _deficiencies(found, more)
    yield from ("", "## What is unknown", "")
    yield from listed(found.unknown)
    yield from ("", "## For the register of tests: Articles 25 and 26 of Regulation (EU) 2024/1774 (DORA)", "")
    section = found.dora
    for title, several in (
        ("Scenarios", section.scenarios), ("Plausibility", section.plausibility), ("Switchover", section.switchover),
        ("Staff response", section.staff_response), ("Findings", section.findings), ("Remediation", section.remediation),
        ("Not covered by this test", section.not_covered),
    ):  # fmt: skip
        yield from (f"### {title}", "", *listed(several), "")
    yield from ("## Chain of events", "", escaped(chained(found)))


def chained(found: AfterAction) -> str:
    """What the chain of events is worth."""
    chain = found.chain
    if chain is None:
        return "There is none."
    state = f"WRONG: {chain.wrong}" if chain.wrong else "each entry follows the one before" + ("" if chain.ended else "; it has no end")
    return f"{chain.entries} entries, {state}. The last hash, to be kept elsewhere: {chain.last}"


def listed(several: Sequence[str]) -> Iterator[str]:
    """A list; *nothing* if there is nothing."""
    yield from (f"* {escaped(each)}" for each in several) if several else ("* nothing",)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table of text."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(escaped, row))} |"


def escaped(text: str) -> str:
    """Text that no reader of Markdown takes for markup, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(words.clean(text).split()))


def signed(value: float | None) -> str:
    """When something was, counted from the first harm; *none* where it was not."""
    if value is None:
        return "none"
    return f"{seconds(value)} after" if value >= 0 else f"{seconds(-value)} before"


def _runbooks(found: AfterAction) -> Iterator[str]:
    if not found.runbooks:
        yield "No inject with a runbook began."
    for each in found.runbooks:
        yield escaped(f"{each.name} ({each.inject}): {each.done} of {each.steps} steps were ticked.")
        for what, several in (("not ticked", each.not_ticked), ("ticked out of order", each.out_of_order)):
            if several:
                yield from ("", f"{what.capitalize()}:", "", *listed(several))
        yield ""


def _deficiencies(found: AfterAction, more: Sequence[str]) -> Iterator[str]:
    if found.deficiencies:
        told_of = ((each.id, each.what, each.owner, each.due.isoformat(), each.retest) for each in found.deficiencies)
        yield from table(("", "what", "owner", "until", "re-tested by", *more), told_of)
    else:
        yield escaped(unwritten(found))
    if found.unrecorded:
        yield from ("", "Failed, and no deficiency has been written down:", "", *listed(found.unrecorded))
