"""The janitor is dismissed when nothing of an environment is left, and not before."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from closeshave import private
from closeshave.trial import cleanup, running
from closeshave.trial.display import Display
from closeshave.trial.state import Trial
from closeshave.vocabulary import Ending

GONE = ()
STUCK = ("its containers: the engine is away",)


class Guard:
    """A janitor that only remembers the last instruction."""

    told = ""

    def dismiss(self):
        """All is in order."""
        self.told = "dismissed"

    def leave_to(self):
        """Something is left."""
        self.told = "left to it"


@pytest.mark.parametrize(
    ("answers", "told", "marks"),
    [
        ([GONE], "dismissed", []),
        ([STUCK, GONE], "dismissed", []),
        ([OSError("a segment stays"), GONE], "dismissed", []),
        ([STUCK], "left to it", ["left-behind", "harness-error"]),
        ([OSError("a segment stays")], "left to it", ["left-behind", "harness-error"]),
    ],
    ids=["at once", "when tried again", "after an error", "never", "always an error"],
)
def test_what_could_not_be_removed_is_left_to_the_janitor(tmp_path, monkeypatch, answers, told, marks):
    """The removal is tried again first; the last answer of the environment's kind counts."""
    monkeypatch.setattr(cleanup, "DOWN_AGAIN_S", 0.05 if len(answers) == 1 else 5.0)
    left = list(answers)

    def down(_root, _logs_to):
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    seen, guard = [], Guard()
    trial = SimpleNamespace(
        driver=SimpleNamespace(down=down), guard=guard, followers=None, machines=None, owned=True, lost=True, left=(), root=tmp_path / "root",
        run=tmp_path,
        generators=[], launched={}, sampler=None, children={}, forks=None, deployment=None, loaded=False, receiver=None,
        prepared=SimpleNamespace(plan=SimpleNamespace(alerts=None)),
        say=lambda *_text: None, begin=lambda _what: None, mark=lambda kind, _detail="": seen.append(kind),
    )  # fmt: skip
    (tmp_path / "logs").mkdir()
    cleanup.clean_up(trial, early=True)  # type: ignore[arg-type]  # all that is asked for
    assert (guard.told, seen) == (told, marks)
    # Whoever looks for the cause finds where it was raised.
    kept = tmp_path / "logs" / "harness-error.log"
    assert kept.exists() == ("harness-error" in marks)
    assert not kept.exists() or "Traceback" in kept.read_text()


class Terminal:
    """One that is gone, or that interprets text as markup."""

    def print(self, *_args, **_options):
        raise ValueError("closing tag '[/api/v2/auth/login]' does not match any open tag")


def test_neither_a_lost_terminal_nor_a_full_disk_stops_a_clean_up(tmp_path, monkeypatch):
    """The terminal is gone and the run directory cannot be written: credentials are removed and the environment is taken down in any case."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    down: list[Path] = []
    guard, run = Guard(), tmp_path / "absent" / "run"
    place = private.make(run)
    nothing: Any = None
    terminal: Any = Terminal()
    trial = Trial(prepared=nothing, run=run, manifest=nothing, display=Display(terminal), attach=None, root=tmp_path / "root", lost=True)
    trial.guard = guard  # type: ignore[assignment]  # all that is asked of one

    def take_down(root, _logs_to):
        down.append(root)
        return ()

    monkeypatch.setattr(Trial, "driver", SimpleNamespace(ours=True, down=take_down))
    with pytest.raises((OSError, AttributeError, TypeError)):
        running._end(trial, (Ending.ENVIRONMENT, "POST answered 404 no handler found for uri [/api/v2/auth/login]"))
    assert (down, guard.told, place.exists()) == ([tmp_path / "root"], "dismissed", False)
