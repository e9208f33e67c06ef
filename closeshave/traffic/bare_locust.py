"""``python -m closeshave.traffic.bare_locust``: Locust with its arguments only, without configuration files of the user.

Locust itself reads ``~/.locust.conf``, and ``locust.conf`` and ``pyproject.toml`` in its working directory: a ``run-time = 1s`` in one of them would
end a trial's load early, with exit code 0.
"""

from __future__ import annotations

from locust import argument_parser

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

    forget_files()
    main()  # type: ignore[no-untyped-call]  # Locust's own gap
