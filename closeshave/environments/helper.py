"""A short program that a start waits for, such as a copy or the making of a template. It is marked like every part, so that clean-up ends it too."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from closeshave.control import variables
from closeshave.control.processes import MARK
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.logs import tail
from closeshave.environments.python import python_environ


class Helper:
    """A running helper program."""

    def __init__(self, root: Path, environment_id: str, name: str, argv: Sequence[str], refusal: Path | None = None) -> None:
        """Start it; what it prints goes to ``logs/NAME.log``. Raises :class:`OSError`.

        ``refusal`` is a file in which it may say why it failed, in a sentence that is enough.
        """
        self._root, self._name, self._refusal = root, name, refusal
        with (root / "logs" / f"{name}.log").open("ab") as output:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=root,
                start_new_session=True,
                env={**variables.for_parts(), **python_environ(), MARK: environment_id},
            )

    def log_end(self) -> str:
        """What it said last."""
        return tail(self._root, self._name)

    def done(self) -> bool:
        """Whether it has ended successfully. Raises :class:`EnvironmentFailed` when it failed."""
        code = self._process.poll()
        if code:
            if self._refusal is not None and self._refusal.exists():
                raise EnvironmentFailed(self._refusal.read_text(encoding="utf-8"))
            raise EnvironmentFailed(f"{self._name} failed (exit {code}):\n{tail(self._root, self._name)}")
        return code == 0
