"""A comparison, and a trend, as one HTML file that needs no network and no script.

What runs contain is hostile until proven otherwise: the templates escape everything, and the page's own policy allows neither scripts nor anything
from elsewhere.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from closeshave.comparison import views
from closeshave.comparison.values import Comparison
from closeshave.report import words
from closeshave.report.html import TEMPLATES

STYLE = (TEMPLATES / "report.css").read_text(encoding="utf-8")


def compared(comparison: Comparison, timelines: str | None) -> str:
    """The page of two runs. ``timelines`` is the address of a picture; ``None`` where the requests of a run are not there any more."""
    return rendered(
        "compared.html.j2",
        comparison=comparison,
        conditions=views.conditions(comparison),
        telling=views.telling(comparison),
        verdicts=[views.row(each) for each in comparison.verdicts],
        figures=views.load_rows(comparison),
        timelines=timelines,
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("closeshave.comparison"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["clean"] = words.clean
    return environment


def rendered(template: str, **context: Any) -> str:
    """A template of this folder, with the style of the report."""
    style = Markup(STYLE)  # noqa: S704 - the package's own file
    return _environment().get_template(template).render(css=style, **context)
