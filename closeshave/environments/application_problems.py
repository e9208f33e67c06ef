"""What is wrong with the application of an environment file, found before anything starts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from closeshave.environments import placeholders
from closeshave.environments.application import ApplicationOf, Setting, commands, text_of
from closeshave.environments.hooks import Location
from closeshave.environments.stack import Containers, Stack
from closeshave.environments.standin_application import STAND_IN, WITH_WORKERS
from closeshave.files.closest import meant
from closeshave.files.yamlfile import name as called

TIERS: Mapping[str, str] = {
    "cache_url": "cache",
    "cache_urls": "cache",
    "sessions_url": "sessions",
    "sessions_urls": "sessions",
    "ratelimit_url": "ratelimit",
    "broker_url": "broker",
    "broker_urls": "broker",
}
"""Placeholder → the tier that it needs."""
PER_SHARD = frozenset({"database_url", "replica_url"})


def find(definition: Stack) -> Iterator[tuple[Location, str]]:
    """Each problem, and where it stands in the file."""
    if definition.application in (STAND_IN, WITH_WORKERS):
        yield from _of_stand_in(definition)
        return
    for location, message in (*_how_it_starts(definition), *_wrong_placeholders(definition), *_wrong_parts(definition.application)):
        yield ("application", *location), message
    for index, worker in enumerate(definition.application.workers):
        for region in worker.regions:
            if region not in definition.regions:
                message = f"{region!r} is not a region of this environment; available: {', '.join(definition.regions)}"
                yield ("application", "workers", index, "regions"), message


def _of_stand_in(definition: Stack) -> Iterator[tuple[Location, str]]:
    """What the stand-in lacks here. In most files its variables are not written, so none is named."""
    needed = dict.fromkeys(tier for name, tier in TIERS.items() if name in STAND_IN.uses)
    if missing := [tier for tier in needed if not definition.has(tier)]:
        message = (
            f"the stand-in, which runs unless the file describes another application, needs the tiers {', '.join(needed)}; "
            f"missing: {', '.join(missing)}"
        )
        yield ("tiers",), message


def _how_it_starts(definition: Stack) -> Iterator[tuple[Location, str]]:
    own = definition.application
    if isinstance(definition, Containers):
        if not own.command and own.image is None:
            yield (), "needs an image, or a command that is in the image of images.platform"
    else:
        if not own.command:
            yield ("command",), "is needed: the program of an instance and its arguments, such as [python3, -m, shop.server]"
        yield from _images_without_containers(own)
        yield from _no_such_program(own)
    for name in own.names_of_releases:
        one = own.as_release(name)
        if "port" not in placeholders.used(*one.command, *map(text_of, one.variables.values())):
            yield (
                () if name == own.release else ("releases", name),
                "no word of its command and no variable has {port}: every instance must listen on a port of its own, so it must be told which",
            )


def _images_without_containers(own: ApplicationOf) -> Iterator[tuple[Location, str]]:
    images: list[tuple[Location, str | None]] = [(("image",), own.image)]
    images += [(("releases", name, "image"), release.image) for name, release in own.releases.items()]
    for location, image in images:
        if image is not None:
            yield location, "is for environments in containers; this one starts a command"


def _no_such_program(own: ApplicationOf) -> Iterator[tuple[Location, str]]:
    directory = Path(own.directory or ".")
    if not directory.is_dir():
        yield ("directory",), f"{directory} is not a directory"
        return
    for location, command in commands(own):
        of_release = own.releases[str(location[1])].directory if location[0] == "releases" else None
        yield from _missing(location, command, Path(of_release or directory))
    for name, release in own.releases.items():
        if release.directory is None:
            continue
        if not Path(release.directory).is_dir():
            yield ("releases", name, "directory"), f"{release.directory} is not a directory"
        elif not release.command and own.command:
            yield from _missing(("releases", name, "directory"), own.command, Path(release.directory))


def _missing(location: Location, command: tuple[str, ...], directory: Path) -> Iterator[tuple[Location, str]]:
    program = command[0]
    if list(placeholders.used(program)):
        return
    if shutil.which(str(directory / program) if "/" in program else program) is None:
        where = f"in {directory}" if "/" in program else "on the PATH"
        yield location, f"there is no program {program!r} {where}"


def _wrong_placeholders(definition: Stack) -> Iterator[tuple[Location, str]]:
    own = definition.application
    instances: list[tuple[Location, tuple[str, ...], Mapping[str, Setting], frozenset[str]]] = [
        ((), own.command, own.variables, frozenset())
    ]
    instances += [(("releases", name), release.command, release.variables, frozenset()) for name, release in own.releases.items()]
    instances += [
        (("workers", index), worker.command, worker.variables, placeholders.NOT_FOR_WORKERS) for index, worker in enumerate(own.workers)
    ]
    for place, command, variables, without in instances:
        for location, text in _texts(place, command, variables):
            for name in placeholders.used(text):
                if message := _unusable(definition, name, without):
                    yield location, message
    if own.prepare is not None:
        for location, text in _texts(("prepare",), own.prepare.command, own.prepare.variables):
            for name in placeholders.used(text):
                if name not in placeholders.IN_PREPARE:
                    yield location, f"{{{name}}} has no meaning where a database is prepared; available: {_listed(placeholders.IN_PREPARE)}"


def _texts(place: Location, command: tuple[str, ...], variables: Mapping[str, Setting]) -> Iterator[tuple[Location, str]]:
    yield from (((*place, "command", index), word) for index, word in enumerate(command))
    yield from (((*place, "variables", name), text_of(value)) for name, value in variables.items())


def _unusable(definition: Stack, name: str, without: frozenset[str]) -> str:
    """Why a placeholder has no value here; empty when it has one."""
    stem, dot, place = name.partition(".")
    if stem not in placeholders.MEANINGS:
        known = placeholders.MEANINGS
        return f"there is no placeholder {{{name}}}{meant(stem, known)}; available: {_listed(known)}"
    if stem in without:
        return f"{{{name}}} has no meaning for a worker, which serves no customers"
    if stem in PER_SHARD:
        return _not_a_shard(definition, stem, place if dot else None)
    tier = TIERS.get(stem)
    if tier is not None and not definition.has(tier):
        return f"{{{name}}}: this environment has no tier {tier}; available: {', '.join(definition.tier_names) or 'none'}"
    if dot and (tier is None or stem.endswith("s")):
        return f"{{{name}}} has no parts; write {{{stem}}}"
    known_places = ", ".join(definition.regions)
    return f"{{{name}}}: there is no region {place}; available: {known_places}" if dot and place not in definition.regions else ""


def _not_a_shard(definition: Stack, stem: str, place: str | None) -> str:
    shards = [str(shard.id) for shard in definition.shards]
    if place is None:
        several = f"this environment has {len(shards)} shards; write {{{stem}.{shards[0]}}} for one of them, or {{{stem}s}} for all"
        return f"{{{stem}}}: {several}" if len(shards) > 1 else ""
    return "" if place in shards else f"{{{stem}.{place}}}: there is no shard {place}; available: {', '.join(shards)}"


def _listed(names: Mapping[str, str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def _wrong_parts(own: ApplicationOf) -> Iterator[tuple[Location, str]]:
    yield from _wrong_questions(own)
    if len({worker.name for worker in own.workers}) != len(own.workers):
        yield ("workers",), "two workers have the same name"
    yield from _wrong_releases(own)
    if own.read_back.api == "admin" and own.read_back.admin is None and not own.read_back.query:
        yield ("read_back", "admin"), "the name of the environment variable that holds email:password of the administrator"
    if own.read_back.jobs is not None and not own.read_back.jobs.query.strip():
        yield ("read_back", "jobs", "query"), "a query that returns the jobs of bookings; leave jobs out where workers do none"
    if own.accounts.none and own.writes_accounts:
        yield ("accounts", "none"), "prepare writes {accounts_file}, so there are accounts"
    elif own.accounts.wrong and not own.writes_accounts:
        yield ("accounts",), f"{own.accounts.wrong}; or let prepare write {{accounts_file}}"


def _wrong_releases(own: ApplicationOf) -> Iterator[tuple[Location, str]]:
    for name, release in own.releases.items():
        place: Location = ("releases", name)
        try:
            called(name)
        except ValueError as error:
            yield place, str(error)
        if name == own.release:
            yield place, f"{name} is the release that the section itself describes (release: {name}); give this one another name"
        elif own.as_release(name) == own:
            yield place, "changes nothing: state a command, an image, a directory or variables that differ from the section's own"
        if release.version and own.version is None:
            yield (*place, "version"), "version of the application must say where an instance tells it"


def _wrong_questions(own: ApplicationOf) -> Iterator[tuple[Location, str]]:
    """What cannot be asked of an instance."""
    if own.version is not None and bool(own.version.header) == bool(own.version.member):
        yield ("version",), "either a header or a member, which says the version"
    if not 100 <= own.readiness.status <= 599:
        yield ("readiness", "status"), f"{own.readiness.status} is not an HTTP status; write 100 to 599"
    paths: list[tuple[Location, str | None]] = [
        (("readiness", "path"), own.readiness.path),
        (("probe",), own.probe),
        (("webhooks",), own.webhooks),
        (("live_updates", "path"), own.live_updates.path if own.live_updates else None),
    ]
    paths += [(("version", "path"), own.version.path)] if own.version is not None else []
    for where, path in paths:
        if path is not None and (not path.startswith("/") or any(character.isspace() or character == "'" for character in path)):
            yield where, f"{path!r} is not a path; one begins with / and has no spaces and no quotes"
    if "'" in own.readiness.body or not own.readiness.body.isprintable():
        yield ("readiness", "body"), "balancers look for this text: it must be in one line and without single quotes"
