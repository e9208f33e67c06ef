"""The platform that is asked: one that is started and removed for the round, one that is running, or a remote one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.api.spoken import spoken
from closeshave.caps.pace import Pace
from closeshave.clients import sentinel, valkey_cluster
from closeshave.control import processes
from closeshave.deployment import Account, Deployment, load
from closeshave.environments import drivers, kept, registry
from closeshave.environments.driver import Say
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.remote import guard, speaking
from closeshave.environments.remote.definition import Remote
from closeshave.environments.remote.lock import Lock, PlatformInUse
from closeshave.environments.remote.look import look
from closeshave.environments.remote.remote import REMOTE
from closeshave.environments.stack import Stack
from closeshave.faults import janitor
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.values import ProbeReach
from closeshave.target import Target
from closeshave.traffic import limits

MILD = (ProbeReach.READS, ProbeReach.BOOKS)
EVERYTHING = tuple(ProbeReach)


class PlaceRefused(Exception):
    """The platform must not be asked; the message says why."""


@dataclass(frozen=True, slots=True)
class ProbePlace:
    """A platform that can be asked."""

    deployment: Deployment
    definition: Stack | Remote
    reaches: tuple[ProbeReach, ...]
    """What is permitted."""
    pace: Pace | None = None

    @property
    def administrator(self) -> Account | None:
        """Somebody who may change shops: by the variable that the file names, or the stand-in's own."""
        definition, accounts = self.definition, self.deployment.accounts
        named = definition.read_back.admin if isinstance(definition, Remote) else definition.application.read_back.admin
        email, colon, password = os.environ.get(named, "").partition(":") if named else ("", "", "")
        if colon:
            return Account(email, password, self.deployment.topology.regions[0])
        if isinstance(definition, Stack) and definition.application.tables == "stand-in" and accounts:
            # Of the same shop of accounts, with the same password.
            first = accounts[0]
            return Account(f"admin@{first.email.rpartition('@')[2]}", first.password, first.region)
        return None

    @property
    def rows(self) -> str:
        """A query that counts the franchises of a range; empty if none is known."""
        return self.definition.application.read_back.resident_rows if isinstance(self.definition, Stack) else ""

    def _edge_ttls(self) -> dict[str, float]:
        if isinstance(self.definition, Remote):
            told = self.definition.edge_ttl
            return {edge.region: told for edge in self.deployment.edges if told is not None}
        return {edge.region: edge.cache.ttl_s_max for edge in self.deployment.edges if edge.cache is not None}

    def basis(self, target: Target) -> ProbeBasis:
        """The facts by which a round is judged."""
        deployment, definition = self.deployment, self.definition
        api = spoken(deployment.api)
        able = deployment.capabilities
        cached = definition.application.read_back.cached if isinstance(definition, Stack) else None
        scale = definition.rate_limit_scale if isinstance(definition, Stack) and definition.application.tables == "stand-in" else 1.0
        stated = limits.stated(able.limits, api)
        scaled = {name: limit if name in able.limits else (max(1, int(limit[0] * scale)), limit[1]) for name, limit in stated.items()}
        return ProbeBasis(
            topology=deployment.topology,
            stage=definition.stage if isinstance(definition, Remote) else "development",
            edges={edge.region: edge.url for edge in deployment.edges},
            edge_ttls=self._edge_ttls(),
            capabilities=able,
            offers=tuple(sorted(api.offers - set(able.steps_off))),
            limits=scaled,
            instances=tuple(process.name for process in deployment.processes if process.role == "app"),
            members={member.process: (member.shard, member.region) for member in deployment.members},
            stores={store.process: (store.tier, store.group, store.region) for store in deployment.stores},
            poolers=tuple(process.name for process in deployment.processes if process.role == "pooler"),
            services=definition.services if isinstance(definition, Remote) else {},
            sentinels=len(deployment.sentinels),
            clusters={
                group: len(valkey_cluster.declared(sentinel.stores_of(deployment, group)))
                for group in dict.fromkeys(store.group for store in deployment.stores if store.slots is not None)
            },
            stored=bool(deployment.members or deployment.stores),
            page_prefix=cached.prefix if cached is not None else "",
            rows_counted=bool(self.rows),
            stand_in_tables=isinstance(definition, Stack) and definition.application.tables == "stand-in",
            reaches=self.reaches,
            target=target,
        )


@contextmanager
def place(
    definition: Stack | Remote, attach: Path | None, run: Path, say: Say, shield: Callable[[], None], *, strain: bool
) -> Iterator[ProbePlace]:
    """A platform for the block. What was started for it is removed at its end, by a janitor if this process is killed. ``shield`` is called before the
    removal, so that no signal disturbs it.

    Raises :class:`PlaceRefused`, :class:`EnvironmentFailed`.
    """
    if isinstance(definition, Remote):
        yield from _remote(definition, say, strain=strain)
    elif (root := attach or registry.find(definition.name)) is not None:
        yield _attached(definition, root, strain=strain)
    else:
        yield from _started(definition, run, say, shield)


def _started(definition: Stack, run: Path, say: Say, shield: Callable[[], None]) -> Iterator[ProbePlace]:
    driver = drivers.of(definition.kind)
    root = driver.place(definition)
    destroy = (sys.executable, "-m", "closeshave", "env", "down", "--root", str(root), "--logs-to", str(run / "logs"))
    with janitor.Heartbeat(run):
        try:
            guardian = janitor.start(run, root, destroy)
        except BaseException:
            driver.down(root, None)
            raise
        try:
            # Without links and backups: no probe disturbs a link.
            deployment = driver.up(driver.narrow(definition, (), ()), root, say, False)
            registry.own(root, run)
            yield ProbePlace(deployment, definition, EVERYTHING)
        finally:
            shield()
            left = driver.down(root, run / "logs")
            (guardian.leave_to if left else guardian.dismiss)()
    if left:
        raise EnvironmentFailed(f"could not be removed afterwards: {', '.join(left)}")


def _attached(definition: Stack, root: Path, *, strain: bool) -> ProbePlace:
    if (owner := registry.owner(root)) is not None:
        raise PlaceRefused(f"the environment at {root} belongs to {owner.name}, which may be loading it; stop that first")
    try:
        deployment = load(root)
    except FileNotFoundError:
        raise PlaceRefused(f"the environment at {root} has not started, or not completely") from None
    if not processes.marked(deployment.id):
        raise PlaceRefused(f"nothing of the environment at {root} runs; 'closeshave env down --root {root}' removes it")
    with suppress(FileNotFoundError):  # one of an older version: then the file says what it was started from
        definition = kept.load(root)
    return ProbePlace(deployment, definition, EVERYTHING if strain else MILD)


def _remote(definition: Remote, say: Say, *, strain: bool) -> Iterator[ProbePlace]:
    if wrong := tuple(guard.unsound(definition, look(definition))):
        raise PlaceRefused("; ".join(wrong))
    pace = Pace(definition.caps.requests_per_s)
    if definition.stage == "production":
        say("production: nothing is booked, registered or changed there; only probes that read are asked")
        yield ProbePlace(_addresses(definition), definition, (ProbeReach.READS,), pace)
        return
    lock = Lock(definition.regions)
    try:
        lock.take(f"process {os.getpid()}, probes")
    except PlatformInUse as error:
        raise PlaceRefused(f"{definition.name} {error}") from None
    try:
        root = REMOTE.place(definition)
        deployment = REMOTE.up(definition, root, say, False)
        try:
            yield ProbePlace(deployment, definition, (*MILD, ProbeReach.STRAINS) if strain else MILD, pace)
        finally:
            REMOTE.down(root, None)
    finally:
        lock.release()


def _addresses(definition: Remote) -> Deployment:
    """A platform of which nothing is known but its addresses: nobody has an account there."""
    bare = Deployment.elsewhere("", definition.name, "", definition.topology, definition.regions)
    able, api = definition.capabilities, speaking.profile(definition.api)
    return replace(bare, capabilities=able, proxy=definition.proxy, api=api)
