"""The after-action report as one HTML file that needs no network and no script. What people typed is hostile until proven otherwise: all is escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from closeshave.gameday import telling
from closeshave.gameday.account import AfterAction, TimelineEntry
from closeshave.report import words
from closeshave.report.html import TEMPLATES

LANES = ("customers", "platform", "harness", "people")
"""From the top of the drawing to its bottom."""
LANE_HEIGHT, WIDTH, MARGIN = 34, 1000, 90


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
            chained=telling.chained(found),
            nothing=telling.NOTHING if found.rehearsal else "",
            status=_status(found),
            unharmed=telling.unharmed(found),
            unwritten=telling.unwritten(found),
            points=points(found.timeline),
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
    environment.filters.update(clean=words.clean, clock=telling.clock, seconds=telling.seconds, count=words.count)
    return environment


def points(timeline: tuple[TimelineEntry, ...]) -> list[tuple[float, float, TimelineEntry]]:
    """Where each entry is drawn, x and y: all on one axis, a lane for each kind."""
    begin, length = _span(timeline)
    return [
        (MARGIN + (each.at_s - begin) / length * (WIDTH - MARGIN - 20), LANE_HEIGHT * (LANES.index(each.who) + 0.5), each)
        for each in timeline
    ]


def ticks(timeline: tuple[TimelineEntry, ...]) -> list[tuple[float, float]]:
    """Up to six marks of the axis: x, and seconds after the exercise began."""
    begin, length = _span(timeline)
    step = next((each for each in (10, 30, 60, 120, 300, 600, 1200, 1800, 3600) if length / each <= 6), 7200)
    first = -(-begin // step) * step
    found = [first + index * step for index in range(int((begin + length - first) // step) + 1)]
    return [(MARGIN + (at_s - begin) / length * (WIDTH - MARGIN - 20), at_s) for at_s in found]


def _span(timeline: tuple[TimelineEntry, ...]) -> tuple[float, float]:
    if not timeline:
        return 0.0, 1.0
    return timeline[0].at_s, max(1.0, timeline[-1].at_s - timeline[0].at_s)
