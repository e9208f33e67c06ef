"""The page: one HTML document with everything in it. It holds no data, and what runs in it carries the nonce of this answer alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from closeshave.report import vendor

HERE = Path(__file__).parent
TEMPLATES = vendor.HERE.parent / "templates"
"""Of the report."""
OF_THE_REPORT = ("base", "charts", "strip", "bands")
"""Parts of the report's script that are used as they are: elements, figures as people write them, one chart, what lies above and behind it."""
SCRIPTS = ("state", "charted", "tables", "gameday", "lanes", "ask")
"""The page's own, in the order of its parts: they are joined into one function."""


def render(nonce: str) -> str:
    """The page, for one answer."""
    return _template().render(nonce=nonce, css=_style(), library=Markup(vendor.script()), script=_script(), licence=vendor.licence())  # noqa: S704 - the package's own files


def policy(nonce: str) -> str:
    """Nothing runs, and nothing is asked for, but what is the page's own."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _template() -> Template:
    within = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return within.get_template("live.html.j2")


@cache
def _style() -> Markup:
    return Markup(vendor.style() + _read(TEMPLATES / "report.css") + _read(HERE / "live.css"))  # noqa: S704 - the package's own files


@cache
def _script() -> Markup:
    parts = [
        *(_read(TEMPLATES / "script" / f"{name}.js") for name in OF_THE_REPORT),
        *(_read(HERE / "script" / f"{name}.js") for name in SCRIPTS),
    ]
    return Markup('(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n")  # noqa: S704 - the package's own files


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
