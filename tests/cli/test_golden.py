"""How the command looks: on terminals of two sizes, in a pipe, without colours, on a dumb terminal, and in a locale that has ASCII only."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from closeshave.trial import board
from closeshave.trial.board import FaultState, State
from closeshave.trial.figures import Figures, Reading
from tests import stored
from tests.cli import screens
from tests.cli.screens import Size

SMALL, LARGE = Size(80, 24), Size(160, 50)
MEDIA = {
    "terminal-80x24": (SMALL, {"TERM": "xterm-256color"}),
    "terminal-160x50": (LARGE, {"TERM": "xterm-256color"}),
    "no-colour": (SMALL, {"TERM": "xterm-256color", "NO_COLOR": "1"}),
    "dumb": (SMALL, {"TERM": "dumb"}),
    "pipe": (None, {}),
    "ascii": (None, {}),
}
"""The size of the terminal, if it is one, and the variables."""
SCREENS = {
    "judge": (["judge", "RUN"], 1),
    "judge-quiet": (["judge", "RUN", "--quiet"], 1),
    "fault": (["list", "faults", "service.hung"], 0),
    "misused": (["run", "smoke", "--sede", "3"], 2),
    "unknown": (["validate", "smkoe"], 2),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that fails."""
    return stored.made(tmp_path_factory.mktemp("runs") / "run", "fail")


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("screen", SCREENS)
def test_a_command_looks_as_it_did(screen, medium, run, command, command_in_ascii, tmp_path):
    """In a pipe no line is broken; without colours no colour is set; in ASCII nothing but ASCII is written."""
    arguments, code = SCREENS[screen]
    arguments = [str(run) if each == "RUN" else each for each in arguments]
    size, variables = MEDIA[medium]
    environ = {"COLUMNS": "", "HOME": str(tmp_path), **variables}
    if size is not None:
        found, shown = screens.on_terminal(
            lambda descriptor: command(*arguments, environ=environ, cwd=tmp_path, stdout=descriptor, stderr=descriptor).code, size
        )
    else:
        in_ascii = medium == "ascii"
        done = (command_in_ascii if in_ascii else command)(*arguments, environ=environ, cwd=tmp_path)
        found, shown = done.code, done.said.decode("ascii" if in_ascii else "utf-8")
    assert found == code
    assert "Traceback" not in shown
    coloured = re.search(r"\x1b\[(\d+;)*[349]\dm", shown)
    assert not coloured or medium.startswith("terminal")
    assert "\x1b" not in shown or size is not None
    screens.compare(f"{screen}.{medium}", shown)


FIGURES = Figures(1184.5, 8.4, 31.0, 0.0004, 1_234)
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
BUSY = State(
    elapsed_s=154.0, total_s=330.0, phase="storm", burnt=0.0061, burnt_max=0.05,
    reading=Reading(1203.0, FIGURES, tuple((region, Figures(296.0 + at, 8.0 + at, 30.0 * (at + 1), 0.0, 300 + at)) for at, region in enumerate(REGIONS))),
    faults=(
        FaultState("shard-primary-killed", "shard.primary-killed shard 1", "healed", in_effect=False, over=True),
        FaultState("cache-lost", "cache.tier-lost tier cache", "in effect for 4 s", in_effect=True, over=False),
        FaultState("region-lost", "region.lost region us-west-2", "in 46 s", in_effect=False, over=False),
    ),
)  # fmt: skip
BEGUN = State(elapsed_s=0.2, total_s=330.0, phase="warm-up", burnt=None, burnt_max=0.05, reading=None, faults=())
CROWDED = State(
    elapsed_s=154.0, total_s=330.0, phase="storm", burnt=0.03, burnt_max=0.05, reading=BUSY.reading,
    faults=tuple(FaultState(f"nemesis-{at}", "service.hung region eu-west-1", f"in {at * 5} s", in_effect=at == 7, over=at < 3) for at in range(12)),
)  # fmt: skip


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x50"])
@pytest.mark.parametrize("state", ["busy", "begun", "crowded"])
def test_the_state_of_a_load_fits_half_of_a_terminal(state, size):
    """Regions where there is room, and of many faults those that matter now."""
    paper = io.StringIO()
    console = Console(file=paper, width=size.columns, height=size.rows, force_terminal=True, color_system="standard", _environ={})
    console.print(board.table({"busy": BUSY, "begun": BEGUN, "crowded": CROWDED}[state], size.rows))
    lines = paper.getvalue().splitlines()
    assert len(lines) <= size.rows // 2
    screens.compare(f"board-{state}.{size.columns}x{size.rows}", paper.getvalue())


@pytest.mark.parametrize("state", ["busy", "begun", "crowded"])
def test_the_state_of_a_load_is_one_line_elsewhere(state):
    """Whoever reads a log finds it whole."""
    line = board.line({"busy": BUSY, "begun": BEGUN, "crowded": CROWDED}[state])
    assert "\n" not in line
    screens.compare(f"board-{state}.line", line + "\n")
