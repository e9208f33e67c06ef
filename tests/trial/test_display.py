"""The display of a trial: text is data, and an error of the display stops nothing."""

import io

import pytest
from rich.console import Console

from closeshave.control.processes import poll_until
from closeshave.trial import display as shown
from closeshave.trial.board import FaultState, State
from closeshave.trial.display import Display
from closeshave.trial.figures import Figures, Reading

FOREIGN = (
    "no handler found for uri [/api/v2/auth/login] and method [POST]",
    "evening peak [/eu]",
    "[link=http://x]here[/link] [bold]x[/]",
    ":smile: \\[x]",
    "a lone \udcff surrogate",
    "\x1b[2J\x1b]0;title\x07 escapes",
)


@pytest.mark.parametrize("text", FOREIGN, ids=repr)
@pytest.mark.parametrize("as_heading", [False, True])
def test_text_from_elsewhere_is_shown_as_it_is(text, as_heading):
    """Never read as markup, and never obeyed by a terminal."""
    paper = io.StringIO()
    display = Display(Console(file=paper, width=200, force_terminal=False))
    display.say(*(("done", text) if as_heading else (text,)))
    assert "".join("\ufffd" if character < " " or character == "\udcff" else character for character in text) in paper.getvalue()


class Broken(io.StringIO):
    """A terminal that is gone."""

    def write(self, _text):
        raise OSError(5, "Input/output error")

    def isatty(self):
        return True


STATE = State(
    elapsed_s=4.0, total_s=60.0, phase="evening peak [/eu]", burnt=0.001, burnt_max=0.05,
    reading=Reading(120.0, Figures(118.0, 8.0, 31.0, 0.001, 42)),
    faults=(FaultState("kill", "shard.primary-killed shard 1", "in 12 s", in_effect=False, over=False),),
)  # fmt: skip


@pytest.mark.parametrize("error", [BrokenPipeError, OSError, UnicodeEncodeError("ascii", "ü", 0, 1, "no"), ValueError("closed file")])
@pytest.mark.parametrize("terminal", [False, True])
def test_a_display_that_fails_stops_nothing(error, terminal, monkeypatch):
    """Not the lines, not the table: the block inside runs to its end."""
    display, done = Display(Console(file=Broken(), force_terminal=terminal)), []

    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(display.console, "print", fail)
    monkeypatch.setattr(shown, "REFRESH_S", 0.001)
    monkeypatch.setattr(shown, "EVERY_S", 0.001)
    display.say("starting")
    with display.live():
        display.doing("starting the environment")
        display.show(STATE)
        done.append(poll_until(lambda: display._told_at > display._began or terminal, 5))
    assert done == [True]


def seen(terminal, monkeypatch, act, until):
    """What is shown of this by a display that does not wait."""
    # A dumb terminal gets lines, whoever runs the tests.
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(shown, "REFRESH_S", 0.001)
    monkeypatch.setattr(shown, "EVERY_S", 0.001)
    paper = io.StringIO()
    display = Display(Console(file=paper, width=200, height=50, force_terminal=terminal))
    with display.live():
        act(display)
        assert poll_until(lambda: until in paper.getvalue(), 5), paper.getvalue()
    return paper.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_the_state_of_the_load_is_shown_and_names_of_phases_are_as_they_are(terminal, monkeypatch):
    """A phase may be called what it likes."""
    # On a terminal, a line may be told before the table is drawn.
    told = seen(terminal, monkeypatch, lambda display: display.show(STATE), "in 12 s" if terminal else "evening peak [/eu]")
    assert "evening peak [/eu]" in told
    assert all(each in told for each in ("120/s", "118/s", "8 ms", "31 ms", "42"))
    assert ("in 12 s" in told) is terminal


@pytest.mark.parametrize("terminal", [False, True])
def test_no_silence_before_the_load(terminal, monkeypatch):
    """Whoever waits for an environment is told that it starts, and for how long it has."""
    assert "starting the environment" in seen(terminal, monkeypatch, lambda each: each.doing("starting the environment"), "environment")


def test_a_line_is_whole_where_no_person_looks():
    """However long a path is."""
    paper = io.StringIO()
    Display(Console(file=paper, width=80, force_terminal=False)).say("/a very long/path" * 20, "run directory")
    assert len(paper.getvalue().splitlines()) == 1


def test_nothing_is_shown_to_who_wants_quiet(monkeypatch):
    """Neither lines nor a table."""
    monkeypatch.setattr(shown, "REFRESH_S", 0.001)
    paper = io.StringIO()
    display = Display(Console(file=paper, force_terminal=True, quiet=True))
    with display.live():
        display.show(STATE)
        display.say("done")
    assert paper.getvalue() == ""
