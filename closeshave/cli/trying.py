"""What every command that carries out one trial does before and after it: ``run`` and ``gameday``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from closeshave.cli import settings
from closeshave.cli.saying import Voice, complain_of_judges
from closeshave.files.yamlfile import InvalidFile, Problem

if TYPE_CHECKING:
    import typer

    from closeshave.conclusion import Conclusion
    from closeshave.trial.preparation import Prepared


def noted(context: typer.Context, voice: Voice) -> None:
    """Tell of settings that nothing asks for."""
    for warning in settings.stray(context):
        voice.note(warning)


def prepared(context: typer.Context, plan: str, attach: Path | None, **chosen: Any) -> Prepared:
    """The trial of a plan, with the options of :func:`closeshave.trial.preparation.prepare`. Raises :class:`InvalidFile`."""
    from closeshave.environments import drivers
    from closeshave.trial.preparation import prepare

    found = prepare(plan, taken=settings.taken(context), **chosen)
    settings.forget(context)
    if attach is not None and not drivers.of(found.definition.kind).ours:
        raise InvalidFile(Problem("--attach", 0, "", "a remote platform has no root directory to attach to; leave out --attach"))
    return found


def told(conclusion: Conclusion, directory: Path, voice: Voice) -> None:
    """Say what a run says, and which judges failed."""
    from closeshave.conclusion import summary
    from closeshave.report import terminal

    voice.result(
        summary(conclusion),
        (terminal.sentence(conclusion.assessment, directory).plain,),
        lambda console: terminal.render(conclusion.assessment, directory, console),
    )
    complain_of_judges(conclusion.tracebacks)


def active(directory: Path | None, runs: Path) -> Path:
    """This run directory, or that of the only active run below ``runs``. Raises :class:`InvalidFile`."""
    from closeshave.trial import stopping

    found = (directory,) if directory else stopping.running(runs)
    if len(found) != 1:
        said = f"several runs are active; name one: {', '.join(map(str, found))}" if found else "no run is active"
        raise InvalidFile(Problem(str(runs), 0, "", said))
    return found[0]
