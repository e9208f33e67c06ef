"""The display of a trial: text is data, and an error of the display stops nothing."""

import io

import pytest
from rich.console import Console

from closeshave.trial.display import Display

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
    """Never interpreted as markup, nor by a terminal."""
    shown = io.StringIO()
    display = Display(Console(file=shown, width=200, force_terminal=False))
    display.say(*(("done", text) if as_heading else (text,)))
    assert "".join("\ufffd" if character < " " or character == "\udcff" else character for character in text) in shown.getvalue()


class Broken(io.StringIO):
    """A terminal that is gone."""

    def write(self, _text):
        raise OSError(5, "Input/output error")

    def isatty(self):
        return True


@pytest.mark.parametrize("error", [BrokenPipeError, OSError, UnicodeEncodeError("ascii", "ü", 0, 1, "no"), ValueError("closed file")])
def test_a_display_that_fails_stops_nothing(error, monkeypatch):
    """Not the milestones, not the bar: the block inside runs to its end."""
    display, done = Display(Console(file=Broken(), force_terminal=True)), []

    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(display.console, "print", fail)
    display.say("starting")
    with display.bar(1.0) as bar:
        bar.show(0.5, "[/calm]")
        done.append(True)
    assert done


def test_the_bar_shows_names_of_phases_as_they_are():
    """A phase may have any name."""
    shown = io.StringIO()
    display = Display(Console(file=shown, width=200, force_terminal=True))
    with display.bar(1.0) as bar:
        bar.show(0.5, "evening peak [/eu]")
    assert "evening peak [/eu]" in shown.getvalue()
