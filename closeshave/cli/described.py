"""What a person says of an application of one's own, by options and on a terminal, for ``closeshave init``."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.environments.application_proposal import TIERS, Described
from closeshave.environments.remote import examination
from closeshave.files.closest import meant
from closeshave.files.yamlfile import InvalidFile, Problem

Ask = Callable[[str, str], str]
"""Asks a question on the terminal; the second text is the answer of whoever only presses the key."""
NONE = "none"
DATABASES_MAX, INSTANCES_MAX = 8, 100
OPTIONS: Mapping[str, str] = {
    "application.command": "--command",
    "application.prepare": "--prepare",
    "application.workers": "--worker",
    "application.variables": "--variables",
    "application.readiness": "--ready",
    "application.probe": "--ready",
    "application.version": "--version-path",
    "application.api": "--api",
}
"""Key of the environment file → the option from which it comes."""


@dataclass(frozen=True, slots=True)
class ApplicationOptions:
    """The options of ``closeshave init`` that describe an application; ``None`` and empty texts were not given."""

    command: str = ""
    image: str = ""
    variables: str = ""
    prepare: str = ""
    databases: int | None = None
    caches: str = ""
    instances: int | None = None
    worker: str = ""
    ready: str = ""
    version_path: str = ""
    payments: bool | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The names of those that were given."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return tuple(f"--{name.replace('_', '-')}" for name, value in values.items() if value not in {None, ""})

    @property
    def starts(self) -> bool:
        """Whether it is said how an instance is started."""
        return bool(self.command or self.image)


def ask(said: ApplicationOptions, api: str, asking: Ask) -> tuple[ApplicationOptions, str]:
    """The options, with answers for those that were not given; and the API profile."""
    command = said.command or asking(
        "Command that starts an instance, like: .venv/bin/python -m shop serve (empty: an image has its own)", ""
    )
    image = said.image or asking("Image of an instance, for an environment in containers (empty: the command is started as it is)", "")
    said = replace(said, command=command, image=image)
    if not said.starts:
        return said, api
    said = replace(
        said,
        prepare=said.prepare or asking("Command that makes tables and first data, and ends (empty: none)", ""),
        databases=said.databases if said.databases is not None else _number(asking("How many databases (PostgreSQL)", "1"), "--databases"),
        caches=said.caches or asking(f"Which caches (Valkey, Redis), of {', '.join(TIERS)}, or {NONE}", "cache"),
        instances=said.instances if said.instances is not None else _number(asking("How many instances", "2"), "--instances"),
        worker=said.worker or asking("Command of a worker beside the instances (empty: none)", ""),
        ready=said.ready or asking("Path by which an instance says that it is ready", Described().ready),
        version_path=said.version_path or asking("Path whose JSON has the release as version (empty: none)", ""),
    )
    return said, api or asking("API profile, a name or a file (empty: BookedBarber V2, which ships)", "")


def read(said: ApplicationOptions) -> Described:
    """What the options say. Paths are not here yet: they depend on where the files are written. Raises :class:`InvalidFile` with everything wrong."""
    problems = list(_wrong(said))
    if problems:
        raise InvalidFile(*problems)
    usual = Described()
    return Described(
        command=tuple(shlex.split(said.command)),
        image=said.image,
        variables=dict(_pairs(said)),
        prepare=tuple(shlex.split(said.prepare)),
        worker=tuple(shlex.split(said.worker)),
        databases=usual.databases if said.databases is None else said.databases,
        caches=_caches(said),
        instances=usual.instances if said.instances is None else said.instances,
        ready=said.ready or usual.ready,
        version=said.version_path,
        payments=bool(said.payments),
    )


def _wrong(said: ApplicationOptions) -> Iterator[Problem]:
    if not said.starts:
        message = "is missing: give the command that starts an instance, or --image for an environment in containers"
        yield Problem("--command", 0, "", message)
    yield from _unsplittable(said)
    for name in _caches(said):
        if name not in TIERS:
            yield Problem("--caches", 0, "", f"{name!r} is not a cache{meant(name, TIERS)}; available: {', '.join(TIERS)}, or {NONE}")
    for option, number, most in (("--databases", said.databases, DATABASES_MAX), ("--instances", said.instances, INSTANCES_MAX)):
        if number is not None and not 1 <= number <= most:
            yield Problem(option, 0, "", f"{number} is not a number from 1 to {most}")


def _unsplittable(said: ApplicationOptions) -> Iterator[Problem]:
    for name in ("command", "prepare", "worker", "variables"):
        text = getattr(said, name)
        try:
            words = shlex.split(text)
        except ValueError as error:
            yield Problem(f"--{name}", 0, "", f"{text!r} cannot be split into words as a shell does it: {error}")
            continue
        if name == "variables":
            for word in words:
                if not re.fullmatch(r"[^=]+=.*", word, re.DOTALL):
                    yield Problem(f"--{name}", 0, "", f"{word!r} is not NAME=TEXT, such as PORT={{port}}")


def _pairs(said: ApplicationOptions) -> Iterator[tuple[str, str]]:
    for word in shlex.split(said.variables):
        name, _, value = word.partition("=")
        yield name, value


def _caches(said: ApplicationOptions) -> tuple[str, ...]:
    names = said.caches.replace(",", " ").split() if said.caches else Described().caches
    return tuple(dict.fromkeys(name for name in names if name != NONE))


def placed(told: Described, api: str, home: Path) -> Described:
    """The same for a file in the directory ``home``: its programs run in the directory where the command was given; in an image, in its own."""
    directory = "" if told.image else os.path.relpath(Path.cwd(), home.absolute())
    return replace(told, directory=directory, api=examination.beside(api, home))


def by_options(error: InvalidFile, environment: Path) -> InvalidFile:
    """The same problems; those of the environment file, which was not written, name the option that is wrong."""
    return InvalidFile(*dict.fromkeys(_by_option(problem) if problem.file == str(environment) else problem for problem in error.problems))


def _by_option(problem: Problem) -> Problem:
    # About the section as a whole there is one thing to say: nothing of it tells an instance its port.
    option = "--variables" if problem.key == "application" else OPTIONS.get(".".join(problem.key.split(".")[:2]))
    return problem if option is None else Problem(option, 0, "", problem.message)


def _number(text: str, option: str) -> int:
    """Raises :class:`InvalidFile`."""
    if not text.isdecimal() or len(text) > 3:
        raise InvalidFile(Problem(option, 0, "", f"{text!r} is not a whole number"))
    return int(text)
