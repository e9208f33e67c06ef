"""An environment that is started only to walk through its application: for ``closeshave doctor`` and ``closeshave init``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from closeshave.cli.saying import Voice
    from closeshave.environments.remote.examination import Examined
    from closeshave.environments.stack import Stack


def walked(definition: Stack, voice: Voice, *, books: bool = True) -> Examined:
    """Start it, examine its application, and remove it, also where it does not start and where somebody stops the command.

    Without ``books`` only what anybody may ask. Raises :class:`closeshave.environments.errors.EnvironmentFailed`.
    """
    from closeshave.environments import walk
    from closeshave.trial.display import Display
    from closeshave.trial.interrupts import interrupts

    display = Display(voice.progress)
    with interrupts(display.say, lambda: "the environment is being removed") as stop, display.live():
        display.doing("starting the environment and walking through its application")
        return walk.walk(definition, display.say, stop.shield, books=books)
