"""Where a command runs inside a CI system that has a page of its own: what it writes there by itself, beside its result.

GitHub reads annotations from the log, and a summary from the file that a variable names. GitLab and Jenkins read the files of the run: JUnit and the code
quality report.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from closeshave.report.github import Annotation

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
RUNNING_VARIABLE = "GITHUB_ACTIONS"


def on_github() -> bool:
    """Whether this is a step of a job of GitHub Actions."""
    return os.environ.get(RUNNING_VARIABLE) == "true"


def tell(markdown: Path | str, annotations: Callable[[], Iterable[Annotation]]) -> None:
    """Append Markdown, a file or a text, to the job's summary and print the annotations; nothing anywhere else.

    To standard error, which GitHub reads too: standard output may be one JSON document. What cannot be written there changes no exit code.
    """
    if not on_github():
        return
    from closeshave.cli.saying import complain
    from closeshave.report import github

    for line in github.commands(annotations()):
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
    place = os.environ.get(SUMMARY_VARIABLE, "")
    if not place:
        return
    try:
        with Path(place).open("ab") as file:
            text = markdown if isinstance(markdown, str) else markdown.read_text(encoding="utf-8", errors="replace")
            file.write(github.summary(text) + b"\n")
    except OSError as error:
        complain(f"the job summary could not be written: {error}")
