"""The after-action report of a run directory, and its files: ``gameday.json``, ``gameday.md`` and ``gameday.html``."""

from __future__ import annotations

import json
from pathlib import Path

from closeshave.comparison.retests import Deficiency
from closeshave.files import write_atomically
from closeshave.files.jsonfile import Damaged
from closeshave.gameday import chain, deficiencies, page, state, telling
from closeshave.gameday.account import AfterAction
from closeshave.gameday.accounting import GameDayRecord, account
from closeshave.gameday.chain import ChainFinding
from closeshave.gameday.state import GameDayState
from closeshave.history import History
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.measures.incidents import Incident
from closeshave.judge.verdict import Assessment
from closeshave.plan import Plan
from closeshave.target import Target

JSON, MARKDOWN, PAGE = "gameday.json", "gameday.md", "gameday.html"


def gather(run: Path, history: History, plan: Plan, target: Target, assessment: Assessment) -> AfterAction:
    """The account of a run. Raises :class:`OSError`."""
    found, unknown = _incidents(history, plan, target)
    written, unread = _deficiencies(run)
    return account(GameDayRecord(history, plan, assessment, found, _state(run), _chain(run), written, unknown, unread))


def write(run: Path, found: AfterAction) -> Path:
    """Write the files; returns the path of the page. Raises :class:`OSError`."""
    write_atomically(run / JSON, json.dumps(telling.told(found), indent=1) + "\n")
    write_atomically(run / MARKDOWN, telling.markdown(found))
    write_atomically(run / PAGE, page.render(found).encode(errors="replace"))
    return run / PAGE


def _incidents(history: History, plan: Plan, target: Target) -> tuple[tuple[Incident, ...], str]:
    try:
        return Analysis(Evidence(history, plan, target, target)).incidents, ""
    except Exception as error:  # noqa: BLE001 - a damaged history must not cost the rest of the report; judges keep the traceback
        return (), f"{type(error).__name__}: {error}"


def _deficiencies(run: Path) -> tuple[tuple[Deficiency, ...], str]:
    """Those that people wrote down, and why they are not known: one damaged line must not cost the whole report."""
    try:
        return deficiencies.of(run), ""
    except Damaged as error:
        return (), str(error)


def _state(run: Path) -> GameDayState | None:
    try:
        return state.load(run)
    except (FileNotFoundError, Damaged):
        return None


def _chain(run: Path) -> ChainFinding | None:
    try:
        return chain.check(run)
    except FileNotFoundError:
        return None
