"""A game day for a terminal: a line for the clock, one for each inject, mark and note. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from closeshave.gameday.state import GameDayState, InjectShown


def told(state: GameDayState) -> list[str]:
    """The lines."""
    rehearsal = "dress rehearsal, " if state.rehearsal else ""
    stopping = ", stopping" if state.stopping else ""
    lines = [f"{rehearsal}clock {state.clock.state} at {_at(state.clock.elapsed_s)}{stopping}"]
    for each in state.injects:
        lines += _inject(each)
    for index, mark in enumerate(state.marks, start=1):
        corrects = "" if mark.corrects is None else f", corrects {mark.corrects + 1}"
        lines.append(f"mark {index}: {mark.mark} at {_at(mark.at_s)} by {mark.by}{f' ({mark.inject})' if mark.inject else ''}{corrects}")
    for note in state.notes:
        lines.append(f"note at {_at(note.at_s)} by {note.by}: {note.text}{f' [{note.photo}]' if note.photo else ''}")
    return lines


def _inject(one: InjectShown) -> Iterator[str]:
    due = "on the facilitator's word" if one.on_word else "" if one.due_in_s is None else f"due in {_at(one.due_in_s)}"
    hidden = "hidden" if one.hidden else ""
    told = ", ".join(filter(None, (due if one.begun_at_s is None else f"begun at {_at(one.begun_at_s)}", one.why, hidden)))
    yield f"{one.status:8} {one.id}: {one.title}{f' ({told})' if told else ''}"
    for condition in one.conditions:
        yield f"         {'go' if condition.holds else 'no go'}: {condition.text}, {condition.why}"
    if one.runbook is not None and one.begun_at_s is not None:
        for step in one.runbook.steps:
            yield f"         {'[x]' if step.done_at_s is not None else '[ ]'} {step.index + 1}. {step.text}"


def _at(value_s: float) -> str:
    sign = "-" if value_s < 0 else ""
    minutes, seconds = divmod(round(abs(value_s)), 60)
    return f"{sign}{minutes}:{seconds:02d}"
