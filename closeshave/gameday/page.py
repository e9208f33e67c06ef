"""The after-action report as one HTML file that needs no network and no script. What people typed is hostile until proven otherwise: all is escaped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from closeshave.gameday import telling
from closeshave.gameday.account import AfterAction, TimelineEntry
from closeshave.gameday.moments import clock
from closeshave.report import words
from closeshave.report.html import TEMPLATES
from closeshave.vocabulary import HumanMark

LANES = ("customers", "platform", "harness", "people")
"""From the top of the drawing to its bottom."""
LANE_HEIGHT, WIDTH, MARGIN = 34, 1000, 90
NUMBERS = {mark: number for number, mark in enumerate(HumanMark, start=1)}
"""Marks of people are drawn by their numbers, which are their keys on the page of the running game day."""
NEAR, ASIDE = 20, 9
"""Marks nearer than this are drawn above and below each other, so far from the lane's middle."""
ENTRIES_SHOWN = 40
"""A longer table of the timeline is folded: the drawing comes first."""


def render(found: AfterAction) -> str:
    """The page."""
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - the package's own file
    return (
        _environment()
        .get_template("after_action.html.j2")
        .render(
            css=style,
            found=found,
            headline=telling.headline(found),
            figures=telling.figures(found),
            chained=telling.chained(found),
            nothing=telling.NOTHING if found.rehearsal else "",
            status=_status(found),
            unharmed=telling.unharmed(found),
            unwritten=telling.unwritten(found),
            points=points(found.timeline),
            harms=harms(found),
            numbers=[(number, words.spaced(mark)) for mark, number in NUMBERS.items()],
            unfolded=len(found.timeline) <= ENTRIES_SHOWN,
            ticks=ticks(found.timeline),
            lanes=[(name, LANE_HEIGHT * (index + 0.5)) for index, name in enumerate(LANES)],
            height=LANE_HEIGHT * len(LANES) + 24,
            width=WIDTH,
            margin=MARGIN,
        )
    )


def _status(found: AfterAction) -> str:
    """Fail is worse than inconclusive; a rehearsal is neither."""
    if found.failed and not found.rehearsal:
        return "fail"
    return "inconclusive" if found.rehearsal or found.undecided else "pass"


@cache
def _environment() -> Environment:
    """Made once: templates are compiled when they are first used."""
    environment = Environment(
        loader=PackageLoader("closeshave.gameday"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        clean=words.clean, clock=clock, seconds=telling.seconds, signed=telling.signed, count=words.count, share=words.ratio
    )
    return environment


@dataclass(frozen=True, slots=True)
class Drawn:
    """An entry of the timeline as it is drawn; ``number`` of a person's mark, 0 of anything else."""

    x: float
    y: float
    entry: TimelineEntry
    number: int


def points(timeline: tuple[TimelineEntry, ...]) -> list[Drawn]:
    """Where each entry is drawn: all on one axis, a lane for each kind; people's marks last, so that nothing covers them."""
    found: list[Drawn] = []
    before, aside = -float(NEAR), 0
    for each in sorted(timeline, key=lambda one: one.mark is not None):
        x, y = _x(timeline, each.at_s), LANE_HEIGHT * (LANES.index(each.who) + 0.5)
        if each.mark is not None:
            aside = 0 if x - before > NEAR else ASIDE if aside < 0 else -ASIDE
            before, y = x, y + aside
        found.append(Drawn(x, y, each, NUMBERS[each.mark] if each.mark is not None else 0))
    return found


def harms(found: AfterAction) -> list[tuple[float, float, str]]:
    """From when to when each fault harmed customers: x, width and what it is. Until they were served again, or, if that is unknown, until the last one."""
    drawn = []
    for each in found.harm:
        until_s = each.last_at_s if each.restored_s is None else max(each.last_at_s, each.first_at_s + each.restored_s)
        x = _x(found.timeline, each.first_at_s)
        drawn.append((x, max(2.0, _x(found.timeline, until_s) - x), f"{each.fault}{'' if each.sure else ' perhaps'} harms customers"))
    return drawn


def ticks(timeline: tuple[TimelineEntry, ...]) -> list[tuple[float, float]]:
    """Up to six marks of the axis: x, and seconds after the exercise began."""
    begin, length = _span(timeline)
    step = next((each for each in (10, 30, 60, 120, 300, 600, 1200, 1800, 3600) if length / each <= 6), 7200)
    first = -(-begin // step) * step
    found = [first + index * step for index in range(int((begin + length - first) // step) + 1)]
    return [(_x(timeline, at_s), at_s) for at_s in found]


def _x(timeline: tuple[TimelineEntry, ...], at_s: float) -> float:
    begin, length = _span(timeline)
    return MARGIN + min(1.0, max(0.0, (at_s - begin) / length)) * (WIDTH - MARGIN - 20)


def _span(timeline: tuple[TimelineEntry, ...]) -> tuple[float, float]:
    if not timeline:
        return 0.0, 1.0
    return timeline[0].at_s, max(1.0, timeline[-1].at_s - timeline[0].at_s)
