"""Starts and ends the environment in containers. It is observed like the embedded one, because every port is published under its own number."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from closeshave.control import engine
from closeshave.control.engine import EngineFailed
from closeshave.deployment import Deployment
from closeshave.environments import cache, construction, parts, registry, teardown, template
from closeshave.environments.construction import BuildInputs, EnvironmentRoot
from closeshave.environments.containers import sources
from closeshave.environments.containers.layout import Users, lay_out, parts_inside, size
from closeshave.environments.containers.networks import free_block
from closeshave.environments.containers.starting import ConcurrentStarter
from closeshave.environments.driver import Say
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.layout import Layout
from closeshave.environments.parts import Parts
from closeshave.environments.stack import Containers, Images
from closeshave.environments.unprivileged import NOBODY, Wrapper, wrapper
from closeshave.plurals import counted


def up(definition: Containers, *, root: Path | None = None, say: Say) -> Deployment:
    """Start the environment below ``root`` (a fresh directory by default) and return once every part of it serves.

    Raises :class:`EnvironmentFailed`. If it ends early, also by an interruption, no container, no network and no directory are left.
    """
    root = root or registry.new_root(definition.name)
    own = definition.application
    others = filter(None, (own.image, *(release.image for release in own.releases.values())))
    if problem := obstacle(definition.images, others, pooler=definition.pooler is not None):
        teardown.down(root)
        raise EnvironmentFailed(problem)
    try:
        return construction.up(definition, root, say, _gather(definition), down)
    except EngineFailed as error:
        raise EnvironmentFailed(str(error)) from error


def down(root: Path, *, logs_to: Path | None = None) -> tuple[str, ...]:
    """Remove every container and network of the environment at ``root``, its directory and its claims, in whatever state it is.

    Returns what could not be removed; empty when everything is gone. ``logs_to``: a directory for a copy of its logs.
    """
    try:
        left = engine.sweep(registry.read_claim(root).id)
    except FileNotFoundError:
        # Nothing was claimed, so nothing was started.
        left = []
    except EngineFailed as error:
        left = [f"its containers: {error}"]
    # Processes that still run write there, and are found by the files there.
    return tuple(left) if left else teardown.down(root, logs_to=logs_to)


def obstacle(images: Images, others: Iterable[str] = (), *, pooler: bool = False) -> str | None:
    """Why no environment can be started here from these images, checked before anything starts; ``None`` when one can.

    ``others`` are the images of its application; ``pooler`` says whether it has one.
    """
    if reason := engine.check():
        return reason
    try:
        wanted = [image for part, image in asdict(images).items() if pooler or part != "pooler"]
        missing = [image for image in dict.fromkeys((*wanted, *others)) if not engine.image_exists(image)]
        held = engine.image_sources(images.platform)
    except EngineFailed as error:
        return str(error)
    if images.pooler in missing and images.pooler == Images().pooler:
        return (
            f"the engine has no image {images.pooler}: 'closeshave env images' builds it where PgBouncer is installed; otherwise name an image "
            "with a pgbouncer on its PATH (images.pooler), or leave out 'pooler'"
        )
    if missing:
        return f"the engine has no image {', '.join(missing)}: 'closeshave env images' builds the harness's, 'docker pull' fetches others"
    if held not in {None, sources.digest()}:
        return f"the image {images.platform} holds an older version of the stand-in: build it again with 'closeshave env images'"
    return None


def _gather(definition: Containers) -> Callable[[Say], BuildInputs]:
    def gather(say: Say) -> BuildInputs:
        postgres = parts.find_postgres(definition.database.binaries)
        version = parts.read_postgres_version(postgres)
        # The harness's own image of etcd is made from the etcd of this machine.
        rejoins_empty = definition.images.etcd == Images().etcd and parts.find_etcd(say).rejoins_empty

        def inside(root: Path) -> Parts:
            pooled = definition.pooler is not None
            return parts_inside(root, definition.images, postgres_version=version, etcd_rejoins_empty=rejoins_empty, pooler=pooled)

        port_count, prefix_length = size(definition, inside(Path("/")))
        owner = NOBODY if os.getuid() == 0 else None
        myself = f"{os.getuid()}:{os.getgid()}"
        users = Users(everybody=myself, databases=myself if owner is None else f"{owner}:{owner}")

        def placed(place: EnvironmentRoot, first_port: int) -> Layout:
            # One at a time: a block is free until its networks are made.
            with cache.locked("networks"):
                block = free_block(prefix_length, engine.taken_subnets())
                layout = lay_out(place.id, place.root, definition, inside(place.root), first_port, block=block, users=users)
                for network in layout.deployment.networks:
                    engine.make_network(network, place.id, place.root)
            say(
                f"starting {len(layout.deployment.processes)} containers on {counted(len(layout.deployment.networks), 'network')} in {block}"
            )
            return layout

        return BuildInputs(
            recipes=template.recipes(definition, postgres, version, wrapper([(str(postgres / "postgres"), "--version")])),
            port_count=port_count,
            lay_out=placed,
            databases=Wrapper(owner=owner),
            starter=lambda place, _layout: ConcurrentStarter(place.root, place.id, say),
        )

    return gather
