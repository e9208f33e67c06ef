"""The layout in containers: the same parts, ports and files as the embedded one, other addresses, and programs by their names in images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path
from types import MappingProxyType

from closeshave.deployment import Container, Process
from closeshave.environments import layout
from closeshave.environments.containers import inside, networks, zone
from closeshave.environments.containers.networks import NetworkPlan
from closeshave.environments.layout import Layout
from closeshave.environments.parts import Etcd, Parts
from closeshave.environments.pgbouncer import PgBouncer
from closeshave.environments.python import Python
from closeshave.environments.servers import valkey_start
from closeshave.environments.stack import Containers, Images
from closeshave.environments.unprivileged import Wrapper

IMAGES: Mapping[str, str] = MappingProxyType(
    {
        "app": "platform",
        "worker": "platform",
        "payments": "platform",
        "patroni": "database",
        "etcd": "etcd",
        "valkey": "valkey",
        "sentinel": "valkey",
        "haproxy": "haproxy",
        "edge": "haproxy",
        "toxiproxy": "toxiproxy",
        "pooler": "pooler",
    }
)
"""Role → the image of its processes, by its name in environment files; an application may have an image of its own."""

APPLICATION = frozenset({"app", "worker"})
NEVER_ROOT = frozenset({"patroni", "pooler"})
"""Roles whose programs refuse to run as root."""
LAUNCHER = "valkey_start.py"
PREFIX_LENGTH = 8
"""How many characters of the environment's ID are in the names of containers and networks: 32 bits are enough for one machine."""


@dataclass(frozen=True, slots=True)
class Users:
    """The user of the processes in containers, ``UID:GID``: the owner of the files that they share with the harness."""

    everybody: str
    databases: str
    """The user of the databases and poolers: never root, which PostgreSQL and PgBouncer refuse."""


def lay_out(id: str, root: Path, definition: Containers, parts: Parts, first_port: int, *, block: IPv4Network, users: Users) -> Layout:
    """Describe the environment ``id`` below ``root``, on ports from ``first_port`` and on networks inside ``block``."""
    # Which parts exist does not depend on their addresses, but their settings do: therefore this runs twice.
    processes = layout.lay_out(id, root, definition, parts, first_port).deployment.processes
    prefix = f"closeshave-{id[:PREFIX_LENGTH]}"
    plan = networks.plan(prefix, processes, definition.regions, block)
    found = layout.lay_out(id, root, definition, parts, first_port, plan)
    own = definition.application

    def contained(processes: Iterable[Process], other: str | None = None) -> tuple[Process, ...]:
        return tuple(_contained(process, prefix, plan, _image(definition, process, other), users, root) for process in processes)

    releases = {
        name: replace(release, processes=contained(release.processes, own.as_release(name).image))
        for name, release in found.deployment.application.releases.items()
    }
    return replace(
        found,
        deployment=replace(
            found.deployment,
            processes=contained(found.deployment.processes),
            networks=plan.networks,
            application=replace(found.deployment.application, releases=releases),
        ),
        files={**found.files, root / "config" / LAUNCHER: Path(valkey_start.__file__).read_text(encoding="utf-8")},
    )


def size(definition: Containers, parts: Parts) -> tuple[int, int]:
    """How many consecutive ports the environment takes, and the prefix length of the block of addresses that it needs."""
    bare = layout.lay_out("", Path("/"), definition, parts, 0)
    return bare.port_count, networks.prefix_length(len(bare.deployment.processes), len(definition.regions))


def parts_inside(root: Path, images: Images, *, postgres_version: str, etcd_rejoins_empty: bool = False, pooler: bool = False) -> Parts:
    """The programs by their names inside the images, where they are on the PATH. ``pooler``: whether there is one."""
    used = {part: image for part, image in asdict(images).items() if pooler or part != "pooler"}
    return Parts(
        postgres=None,
        postgres_version=postgres_version,
        nobody=Wrapper(),
        valkey=inside.VALKEY,
        haproxy=inside.HAPROXY,
        etcd=Etcd(inside.ETCD, "", etcd_rejoins_empty),
        toxiproxy=inside.TOXIPROXY,
        versions={**used, "postgres": postgres_version},
        missing={},
        pgbouncer=PgBouncer(inside.PGBOUNCER, ""),
        python=Python(inside.PYTHON, {}, str(root / "config" / LAUNCHER), str(inside.PACKAGES)),
    )


def _image(definition: Containers, process: Process, of_release: str | None) -> tuple[str, bool]:
    """The image of a process, and whether it is the application's own. ``of_release``: another image of a release."""
    own = of_release or definition.application.image
    if own is not None and process.role in APPLICATION:
        return own, True
    return getattr(definition.images, IMAGES[process.role]), False


def _contained(process: Process, prefix: str, plan: NetworkPlan, image: tuple[str, bool], users: Users, root: Path) -> Process:
    name, own = image
    container = Container(
        name=f"{prefix}-{process.name}",
        image=name,
        attachments=plan.attachments[process.name],
        user=users.databases if process.role in NEVER_ROOT else users.everybody,
    )
    environ = {**process.environ, zone.VARIABLE: zone.here()}
    # An image of the application's own has a working directory of its own.
    directory = process.directory or ("" if own else str(root))
    return replace(process, environ=environ, container=container, address=plan.told(process.name), directory=directory)
