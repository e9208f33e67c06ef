"""``python -m closeshave.traffic.bare_locust``: Locust with its arguments only, without configuration files of the user, once its load is there.

Locust itself reads ``~/.locust.conf``, and ``locust.conf`` and ``pyproject.toml`` in its working directory: a ``run-time = 1s`` in one of them would
end a trial's load early, with exit code 0.

The trial may start this process before it knows the load: what takes two seconds of a processor to import is imported while customers log in.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from locust import argument_parser

from closeshave.traffic import load, runfiles

NO_FILES: tuple[str, ...] = ()


def forget_files() -> None:
    """Make Locust's parsers read no configuration files. Raises :class:`RuntimeError` for a version of Locust with other parsers."""
    for make in (argument_parser.get_parser, argument_parser.get_empty_argument_parser):
        before = make.__defaults__ or ()
        if argument_parser.DEFAULT_CONFIG_FILES not in before:
            raise RuntimeError(
                f"Locust's {make.__name__} looks for its configuration files in places that this release of closeshave does not know"
            )
        make.__defaults__ = tuple(NO_FILES if each == argument_parser.DEFAULT_CONFIG_FILES else each for each in before)


if __name__ == "__main__":
    from locust.main import main

    if runfiles.VARIABLE in os.environ:
        import closeshave.traffic.generating  # noqa: F401 - the Locust files import it too, but only when the load is there

        if not load.awaited(Path(os.environ[runfiles.VARIABLE]), int(os.environ.get(runfiles.STARTER, os.getppid()))):
            sys.exit("the trial ended before its load began")
    forget_files()
    main()  # type: ignore[no-untyped-call]  # Locust's own gap
