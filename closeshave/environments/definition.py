"""Environment files: what an environment consists of, read and checked before anything starts.

``kind`` says how the environment is provided. Every kind is a class of its own with a ``name``, a ``topology`` and the label of its ``evidence``.
Plans are checked against these; the rest concerns only the module that starts that kind.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from closeshave.api import known
from closeshave.api.spoken import SpokenApi
from closeshave.environments import application_problems, pooler_settings
from closeshave.environments.alerting.rules import RULES_FOLDER, read_rules
from closeshave.environments.hooks import Location, wrong_hooks
from closeshave.environments.kubernetes import definition as kubernetes
from closeshave.environments.kubernetes.definition import Kubernetes
from closeshave.environments.ports import FIRST, LAST
from closeshave.environments.remote import definition as remote
from closeshave.environments.remote import speaking
from closeshave.environments.remote.definition import Accounts, Remote
from closeshave.environments.stack import Containers, Embedded, Stack
from closeshave.environments.standin_application import WITH_WORKERS
from closeshave.files import record_of
from closeshave.files.closest import meant
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of, read
from closeshave.vocabulary import MANIFEST

DISTANCE_S_MAX = 5.0
WHOLE_MS = 1e-6
"""Tolerance: a duration in seconds is not exact."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
IMAGE = re.compile(r"[a-z0-9][a-z0-9._:/-]*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?")

Definition = Embedded | Containers | Remote | Kubernetes
"""Any kind of environment, as a union."""

_KINDS: Mapping[str, type[Definition]] = MappingProxyType(
    {"embedded": Embedded, "containers": Containers, "remote": Remote, "kubernetes": Kubernetes}
)


def read_definition(path: Path) -> Definition:
    """Read and check an environment file. Raises :class:`InvalidFile` with every problem found."""
    raw = document(path)
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        message = (
            "is missing"
            if kind is None
            else f"{kind!r} is not a kind of environment{meant(str(kind), _KINDS)}; available: {', '.join(_KINDS)}"
        )
        raise InvalidFile(Problem(str(path), line_of(raw, ("kind",)), "kind", message))
    definition = _with_rules(_from_anywhere(read(path, _KINDS[kind]), path, raw), path, raw)
    if not NAME.fullmatch(definition.name):
        message = "letters, digits, dots, hyphens and underscores, at most 64: directories are named after it"
        raise InvalidFile(Problem(str(path), line_of(raw, ("name",)), "name", message))
    problems = [
        Problem(str(path), line_of(raw, location), ".".join(map(str, location)), message) for location, message in _wrong(definition)
    ]
    if problems:
        raise InvalidFile(*problems)
    if definition.hooks:
        definition = replace(definition, hooks=tuple(hook.below(path.absolute().parent) for hook in definition.hooks))
    if isinstance(definition, Remote) and definition.drill_hooks:
        definition = replace(definition, drill_hooks=tuple(hook.below(path.absolute().parent) for hook in definition.drill_hooks))
    return _speaking(definition, path, raw)


def _wrong(definition: Definition) -> Iterator[tuple[Location, str]]:
    """What is wrong with a well-formed definition: where, and what would be right."""
    if isinstance(definition, Kubernetes):
        yield from kubernetes.inconsistencies(definition)
    yield from remote.inconsistencies(definition) if isinstance(definition, Remote) else _inconsistencies(definition)


def speaks(definition: Definition) -> SpokenApi:
    """The API that customers of this environment speak. Raises :class:`InvalidFile`."""
    return speaking.of(_api(definition))


def api_file(definition: Definition) -> Path:
    """The file of the API that customers of this environment speak. Raises :class:`InvalidFile`."""
    return locate(known.FOLDER, _api(definition))


def _api(definition: Definition) -> str:
    return definition.api if isinstance(definition, Remote) else definition.application.api


def _api_beside(api: str, path: Path) -> str:
    """A relative path of its API profile counts from the environment file, if there is such a file."""
    there = _home(path) / api
    return str(there) if there.suffix and there.is_file() else api


def _speaking(definition: Definition, path: Path, raw: Any) -> Definition:
    """Without the operations that its API lacks. Raises :class:`InvalidFile` with the problems of the API profile, if there is one of that name."""
    api = _api(definition)
    at = ("api",) if isinstance(definition, Remote) else ("application", "api")
    try:
        able = speaking.within(definition.capabilities, api)
    except InvalidFile as error:
        if all(problem.file == api for problem in error.problems):
            raise InvalidFile(
                *(Problem(str(path), line_of(raw, at), ".".join(at), f"{each.file}: {each.message}") for each in error.problems)
            ) from None
        raise
    if able == definition.capabilities:
        return definition
    if isinstance(definition, Remote):
        return replace(definition, capabilities=able)
    return replace(definition, application=replace(definition.application, capabilities=able))


def _from_anywhere(definition: Definition, path: Path, raw: Mapping[str, object]) -> Definition:
    """Relative paths in the file count from the file, not from the working directory."""
    if isinstance(definition, Remote):
        return replace(definition, accounts=_beside(definition.accounts, path), api=_api_beside(definition.api, path))
    if "application" not in raw:
        return replace(definition, application=WITH_WORKERS) if definition.has("broker") else definition
    own = definition.application
    # In containers it is a path inside the image, which does not depend on this file.
    directory, releases = own.directory, own.releases
    if isinstance(definition, Embedded):
        directory = os.path.normpath(_home(path) / (own.directory or ""))
        releases = {
            name: each if each.directory is None else replace(each, directory=os.path.normpath(_home(path) / each.directory))
            for name, each in own.releases.items()
        }
    accounts, api = _beside(own.accounts, path), _api_beside(own.api, path)
    return replace(definition, application=replace(own, directory=directory, releases=releases, accounts=accounts, api=api))


def _with_rules(definition: Definition, path: Path, raw: Any) -> Definition:
    """Its rule files by absolute paths, read once. Raises :class:`InvalidFile` for those that are missing or wrong."""
    if isinstance(definition, Remote) or definition.alerts is None:
        return definition
    found, problems = [], []
    for index, name in enumerate(definition.alerts.rules):
        beside = _home(path) / name
        try:
            found.append(beside if beside.suffix and beside.is_file() else locate(RULES_FOLDER, name))
            read_rules(found[-1])
        except InvalidFile as error:
            place = ("alerts", "rules", index)
            problems += [
                each if each.line else Problem(str(path), line_of(raw, place), ".".join(map(str, place)), f"{name!r}: {each.message}")
                for each in error.problems
            ]
    if problems:
        raise InvalidFile(*problems)
    return replace(definition, alerts=replace(definition.alerts, rules=tuple(map(str, found))))


def _beside(accounts: Accounts, path: Path) -> Accounts:
    if accounts.file is None:
        return accounts
    # Joined as text: a path object would write it differently, and messages should show it as the file has it.
    return replace(accounts, file=os.path.join(_home(path), accounts.file))  # noqa: PTH118


def _home(path: Path) -> Path:
    """The directory from which relative paths in an environment file count: its own, or for a copy in a run directory that of the original."""
    try:
        original = record_of((path.parent / MANIFEST).read_bytes()).get("sources", {}).get("environment")
    except (OSError, ValueError, AttributeError):
        original = None
    return (Path(original) if isinstance(original, str) else path).absolute().parent


def read_embedded(path: Path) -> Embedded:
    """Read and check an environment file that must be of kind ``embedded``. Raises :class:`InvalidFile`."""
    definition = read_definition(path)
    if not isinstance(definition, Embedded):
        raise _other_kind(path, definition, "embedded")
    return definition


def read_containers(path: Path) -> Containers:
    """Read and check an environment file that must be of kind ``containers``. Raises :class:`InvalidFile`."""
    definition = read_definition(path)
    if not isinstance(definition, Containers):
        raise _other_kind(path, definition, "containers")
    return definition


def read_remote(path: Path) -> Remote:
    """Read and check an environment file that must be of kind ``remote``. Raises :class:`InvalidFile`."""
    definition = read_definition(path)
    if not isinstance(definition, Remote):
        raise _other_kind(path, definition, "remote")
    return definition


def _other_kind(path: Path, definition: Definition, needed: str) -> InvalidFile:
    return InvalidFile(Problem(str(path), line_of(document(path), ("kind",)), "kind", f"is {definition.kind!r}; {needed} is needed here"))


def _inconsistencies(definition: Stack) -> Iterator[tuple[Location, str]]:
    yield from _unknown_regions(definition)
    yield from _wrong_shards(definition)
    yield from _wrong_spare(definition)
    yield from _wrong_tiers(definition)
    yield from _wrong_cluster(definition)
    yield from _wrong_entrances(definition)
    yield from _wrong_edges(definition)
    yield from application_problems.find(definition)
    yield from wrong_hooks(definition.hooks)
    yield from _wrong_alerts(definition)
    yield from ((("pooler", name), message) for name, message in pooler_settings.problems(definition.pooler or {}))
    if isinstance(definition, Containers):
        yield from _wrong_images(definition)
    for key, regions in (("etcd", definition.etcd), ("sentinels", definition.sentinels)):
        if len(regions) % 2 == 0 and (regions or key == "etcd" or definition.tiers):
            yield (key,), "an odd number of members is needed, so that a majority survives the loss of one"
    if definition.apps_per_region < 1:
        yield ("apps_per_region",), "must be at least 1"
    if definition.rate_limit_scale <= 0:
        yield ("rate_limit_scale",), "must be above 0"
    if not 1 <= definition.seed.barbers_per_franchise <= 9:
        yield ("seed", "barbers_per_franchise"), "must be from 1 to 9"
    if definition.seed.accounts_per_region < 1:
        yield ("seed", "accounts_per_region"), "must be at least 1"
    if definition.database.ttl < definition.database.loop_wait + 2 * definition.database.retry_timeout:
        yield ("database", "ttl"), "Patroni needs ttl >= loop_wait + 2 * retry_timeout"
    if definition.ports != "auto" and not FIRST <= definition.ports <= LAST:
        yield ("ports",), f"auto, or a number from {FIRST} to {LAST}: the kernel uses higher ones for outgoing connections"


def _wrong_alerts(definition: Stack) -> Iterator[tuple[Location, str]]:
    if definition.alerts is None:
        return
    yield from ((("alerts", key), message) for key, message in definition.alerts.problems())
    if isinstance(definition, Containers):
        yield ("alerts",), "monitoring does not run in containers yet; leave this key out"


def _unknown_regions(definition: Stack) -> Iterator[tuple[Location, str]]:
    if len(set(definition.regions)) != len(definition.regions) or not definition.regions:
        yield ("regions",), "name at least one region, and each once"
    named: list[tuple[Location, str]] = [(("resident",), region) for region in definition.resident]
    named += [(("etcd",), region) for region in definition.etcd]
    named += [(("sentinels",), region) for region in definition.sentinels]
    for index, shard in enumerate(definition.shards):
        named += [(("shards", index, "home"), shard.home), (("shards", index, "standby"), shard.standby)]
        named += [(("shards", index, "backup"), shard.backup)] if shard.backup else []
        named += [(("shards", index, "further_standbys"), region) for region in shard.further_standbys]
    if (spare := definition.spare) is not None:
        named += [(("spare", "home"), spare.home), (("spare", "standby"), spare.standby)]
    for index, group in enumerate(definition.tiers):
        named += [(("tiers", index, "primary"), group.primary), (("tiers", index, "replica"), group.replica)]
        named += [(("tiers", index, "further_replicas"), region) for region in group.further_replicas]
        named += [(("tiers", index, "serves"), region) for region in group.serves]
    if (cluster := definition.valkey_cluster) is not None:
        named += [(("valkey_cluster", "primaries"), region) for region in cluster.primaries]
        named += [(("valkey_cluster", "replicas"), region) for region in cluster.replicas]
    for location, region in named:
        if region not in definition.regions:
            yield location, f"{region!r} is not a region of this environment; available: {', '.join(definition.regions)}"


def _wrong_shards(definition: Stack) -> Iterator[tuple[Location, str]]:
    if not definition.shards:
        yield ("shards",), "name at least one shard"
    if len({shard.id for shard in definition.shards}) != len(definition.shards):
        yield ("shards",), "two shards have the same ID"
    yield from remote.broken_ranges(definition.shards)
    for index, shard in enumerate(definition.shards):
        if shard.home in definition.resident and shard.standby != shard.home:
            yield ("shards", index, "standby"), f"rows of {shard.home} may not leave it, so its standby must be there too"
        if shard.home in definition.resident and set(shard.further_standbys) - {shard.home}:
            yield ("shards", index, "further_standbys"), f"rows of {shard.home} may not leave it, so all its standbys must be there too"
        if shard.backup and isinstance(definition, Containers):
            yield ("shards", index, "backup"), "backup servers do not run in containers yet; leave this key out"
        elif shard.home in definition.resident and shard.backup not in {"", shard.home}:
            yield ("shards", index, "backup"), f"rows of {shard.home} may not leave it, so its backup server must be there too"
        elif shard.backup == shard.home and shard.home not in definition.resident and len(definition.regions) > 1:
            yield ("shards", index, "backup"), f"with {shard.home} the shard would lose its backups too; name another region"


def _wrong_spare(definition: Stack) -> Iterator[tuple[Location, str]]:
    spare = definition.spare
    if spare is None:
        return
    if any(shard.id == spare.id for shard in definition.shards):
        yield ("spare", "id"), f"{spare.id} is the ID of a shard that holds franchises; the spare shard needs one of its own"
    if isinstance(definition, Containers):
        yield ("spare",), "ranges are not moved in containers yet; leave this key out"
    if not any(shard.home == spare.home for shard in definition.shards):
        yield ("spare", "home"), f"no shard is at home in {spare.home}, so that no franchise could move to the spare shard"
    if spare.home in definition.resident and spare.standby != spare.home:
        yield ("spare", "standby"), f"rows of {spare.home} may not leave it, so its standby must be there too"


def _wrong_tiers(definition: Stack) -> Iterator[tuple[Location, str]]:
    if len({group.name for group in definition.tiers}) != len(definition.tiers):
        yield ("tiers",), "two groups have the same name"
    yield from _wrong_serving(definition)
    if sum(group.tier == "ratelimit" for group in definition.tiers) > 1:
        yield ("tiers",), "the rate limit tier must be one group, because a customer's limit counts in all regions"
    for index, group in enumerate(definition.tiers):
        if group.tier == "ratelimit":
            continue
        for region in definition.resident:
            if region in group.serves and set(group.nodes) != {region}:
                yield ("tiers", index), f"entries of {region} may not leave it, so a group that serves it must have all nodes there"


def _wrong_serving(definition: Stack) -> Iterator[tuple[Location, str]]:
    for tier in ("cache", "sessions", "ratelimit", "broker"):
        if definition.in_cluster(tier) or not definition.has(tier):
            continue
        serving = [region for group in definition.tiers if group.tier == tier for region in group.serves]
        for region in definition.regions:
            if serving.count(region) != 1:
                yield (
                    ("tiers",),
                    f"tier {tier} serves {region} {serving.count(region)} times; it must serve it exactly once, or be left out altogether",
                )


def _wrong_cluster(definition: Stack) -> Iterator[tuple[Location, str]]:
    cluster = definition.valkey_cluster
    if cluster is None:
        return
    place: Location = ("valkey_cluster",)
    if isinstance(definition, Containers):
        yield place, "a Valkey cluster does not run in containers yet; leave this key out"
    yield from ((((*place, key), message)) for key, message in cluster.problems())
    if any(group.name == cluster.name for group in definition.tiers):
        yield (*place, "name"), f"{cluster.name!r} is the name of a group in tiers; the cluster needs one of its own"
    for index, group in enumerate(definition.tiers):
        if group.tier in cluster.holds:
            yield ("tiers", index, "tier"), f"the Valkey cluster {cluster.name} holds {group.tier}; leave it out here, or there"
    abroad = [region for region in definition.resident if {*cluster.nodes} - {region}]
    if abroad and set(cluster.holds) - {"ratelimit"}:
        yield (*place, "holds"), f"entries of {abroad[0]} may not leave it, and a cluster spreads them over all of its nodes"


def _wrong_entrances(definition: Stack) -> Iterator[tuple[Location, str]]:
    for name, entrance in definition.entrances.items():
        if not NAME.fullmatch(name):
            yield ("entrances", name), "letters, digits, dots, hyphens and underscores, at most 64: processes are named after it"
        if name in definition.regions:
            yield ("entrances", name), "is a region of this environment, which has servers; an entrance has none"
        if entrance.region not in definition.regions:
            said = f"{entrance.region!r} is not a region of this environment; available: {', '.join(definition.regions)}"
            yield ("entrances", name, "region"), said
        if entrance.distance > DISTANCE_S_MAX or abs(entrance.distance * 1000 - round(entrance.distance * 1000)) > WHOLE_MS:
            yield ("entrances", name, "distance"), f"must be whole milliseconds, such as 20ms, and at most {DISTANCE_S_MAX:g} s"


def _wrong_edges(definition: Stack) -> Iterator[tuple[Location, str]]:
    if (cache := definition.edges.cache) is not None:
        yield from ((("edges", "cache", key), message) for key, message in cache.problems())


def _wrong_images(definition: Containers) -> Iterator[tuple[Location, str]]:
    for part, image in asdict(definition.images).items():
        if not IMAGE.fullmatch(image):
            yield ("images", part), f"{image!r} is not the name of an image; one looks like valkey/valkey:9 or closeshave/valkey:local"
