"""Starts an environment that the harness itself runs: the same steps for plain processes and containers."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from closeshave.clients.address import HOST
from closeshave.control import processes
from closeshave.control.waiting import obstacle
from closeshave.deployment import Deployment, Process
from closeshave.environments import customers, kept, log_keeper, ports, registry, template
from closeshave.environments.driver import Say
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.fingerprint import STARTUP
from closeshave.environments.helper import Helper
from closeshave.environments.layout import Layout
from closeshave.environments.site import SERVER_NICE
from closeshave.environments.stack import Stack
from closeshave.environments.startup import APPLICATION, Starter, Startup
from closeshave.environments.unprivileged import Wrapper
from closeshave.files import certificates, write_atomically
from closeshave.files.certificates import Authority, Validity
from closeshave.plurals import counted

LOG_KEEPER = "log-keeper"
TEMPLATES_S_MAX = 300.0
"""Seconds for all templates; longer where the application's own command may take longer."""
ROOM_BYTES = 256 << 20
"""Free space beyond the copied templates: WAL, logs, growth during a trial."""


@dataclass(frozen=True, slots=True)
class EnvironmentRoot:
    """The directory of an environment, and the ID that marks everything that belongs to it."""

    root: Path
    id: str


@dataclass(frozen=True, slots=True)
class BuildInputs:
    """What is needed to build one kind of environment."""

    recipes: Sequence[template.TemplateRecipe]
    """How the database of each shard is made."""
    port_count: int
    lay_out: Callable[[EnvironmentRoot, int], Layout]
    """Describes the environment, with ports from the given one on, and claims what else it needs of the machine."""
    databases: Wrapper
    """The user that must own the files that databases write."""
    starter: Callable[[EnvironmentRoot, Layout], Starter]


def up(definition: Stack, root: Path, say: Say, gather: Callable[[Say], BuildInputs], down: Callable[[Path], Sequence[str]]) -> Deployment:
    """Start an environment below ``root`` and return once every part of it serves. ``gather`` finds what is needed to build it.

    Raises :class:`EnvironmentFailed`. If it ends early, also by an interruption, ``down`` leaves no process and no directory.
    """
    root = root.absolute()
    if root.exists() and any(root.iterdir()):
        raise EnvironmentFailed(f"{root} is not empty: an environment needs a directory of its own")
    try:
        return _build(definition, EnvironmentRoot(root, secrets.token_hex(8)), say, gather)
    except BaseException as error:
        left = down(root)
        if left and isinstance(error, EnvironmentFailed):
            raise EnvironmentFailed(f"{error}\ncould not be removed afterwards: {', '.join(left)}") from error
        if isinstance(error, OSError):
            raise EnvironmentFailed(str(error)) from error
        raise


def _build(definition: Stack, place: EnvironmentRoot, say: Say, gather: Callable[[Say], BuildInputs]) -> Deployment:
    began = time.monotonic()
    place.root.mkdir(parents=True, exist_ok=True)
    registry.write_claim(place.root, registry.EnvironmentClaim(place.id, definition.name, kind=definition.kind))
    (place.root / "logs").mkdir()
    kept.save(place.root, definition)
    inputs = gather(say)
    found = time.monotonic()
    recipes = [template.fresh(recipe, place.root) for recipe in inputs.recipes]
    templates = _templates(recipes, place, say)
    _check_room(place.root, templates)
    seeded = time.monotonic()
    layout = inputs.lay_out(place, _claim_ports(definition, place, inputs.port_count))
    write_files(layout, inputs.databases)
    _keep_logs_short(layout.deployment)
    written = time.monotonic()
    milestones = Startup(layout, templates, inputs.databases, inputs.starter(place, layout)).run()
    deployment = customers.bring(definition, layout.deployment, [recipe.accounts for recipe in recipes], say)
    deployment.save()
    times = {
        "parts": found - began,
        "templates": seeded - found,
        "layout": written - seeded,
        **{f"+ {name}": at for name, at in milestones.items()},
    }
    times["total"] = time.monotonic() - began
    write_atomically(place.root / STARTUP, json.dumps(times, indent=1))
    say(_summary(times))
    return deployment


def _templates(recipes: Sequence[template.TemplateRecipe], place: EnvironmentRoot, say: Say) -> Mapping[int, Path]:
    """The template of every shard, made now if it is missing."""
    helpers = {}
    for recipe in recipes:
        if recipe.path.exists():
            template.touch(recipe.path)
            continue
        (place.root / "config").mkdir(exist_ok=True)
        order = place.root / "config" / f"template-shard{recipe.shard.id}.json"
        order.write_bytes(template.CODEC.dump_json(recipe))
        helpers[recipe.shard] = Helper(place.root, place.id, order.stem, template.command(order), template.refusal(order))
    if helpers:
        franchises = sum(shard.last - shard.first + 1 for shard in helpers)
        say(
            f"preparing the databases of {counted(len(helpers), 'shard')} with {counted(franchises, 'franchise')}"
            f"{'' if any(recipe.only_for for recipe in recipes) else ' (once for this user)'}"
        )
        started = time.monotonic()

        def unfinished() -> str:
            for shard in [shard for shard, helper in helpers.items() if helper.done()]:
                del helpers[shard]
                holds = f"franchises {shard.first:,} to {shard.last:,}" if shard.first <= shard.last else "no franchise yet,"
                say(f"shard {shard.id}: {holds} prepared after {time.monotonic() - started:.1f} s")
            return ", ".join(f"shard {shard.id}" for shard in helpers)

        if left := obstacle(unfinished, max(TEMPLATES_S_MAX, *(recipe.lasts_s for recipe in recipes))):
            logs = "\n".join(helper.log_end() for helper in helpers.values())
            raise EnvironmentFailed(f"the templates of {left} were not ready within {TEMPLATES_S_MAX:.0f} s:\n{logs}")
    return {recipe.shard.id: recipe.path for recipe in recipes}


def _check_room(root: Path, templates: Mapping[int, Path]) -> None:
    size = sum(path.stat().st_size for template_path in templates.values() for path in template_path.rglob("*") if path.is_file())
    needed, free = 2 * size + ROOM_BYTES, shutil.disk_usage(root).free
    if free < needed:
        raise EnvironmentFailed(
            f"disk full: {root.parent} has {free >> 20} MiB free, {needed >> 20} MiB are needed; set CLOSESHAVE_STATE_DIR to a directory with more space"
        )


def _claim_ports(definition: Stack, place: EnvironmentRoot, count: int) -> int:
    wanted = None if definition.ports == "auto" else definition.ports
    first = ports.claim(place.root, count, wanted)
    registry.write_claim(place.root, registry.EnvironmentClaim(place.id, definition.name, first, count, definition.kind))
    return first


def write_files(layout: Layout, databases: Wrapper) -> None:
    """Write every settings file and make every directory of an environment. ``databases``: the user that must own them. Raises :class:`OSError`."""
    root = Path(layout.deployment.root)
    stores = (f"data/{store.process}" for store in layout.deployment.stores)
    for place in (*(root / name for name in ("config", "data", *stores, *_backups(layout), "data/payments")), layout.scratch):
        place.mkdir(exist_ok=True)
    for path, text in layout.files.items():
        path.write_text(text, encoding="utf-8")
    for directory in ("config", "data", "logs"):
        databases.own(root / directory)
    # Last: the user of the databases must not read it.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_atomically(layout.private_key, pem, 0o600)
    if layout.certificates is not None:
        _certify(layout.deployment, layout.certificates)


def _certify(deployment: Deployment, directory: Path) -> None:
    """Make the authority of the environment, and a certificate for each edge."""
    directory.mkdir(mode=0o700)
    now, authority = datetime.now(UTC), Authority.within(directory)
    certificates.found(authority, deployment.name, now)
    for edge in deployment.edges:
        if edge.tls is not None:
            pem = certificates.issue(authority, edge.frontend, HOST, Validity.of_edges(now))
            certificates.keep(Path(edge.tls.certificate), pem)


def _backups(layout: Layout) -> list[str]:
    """The directories of the backup servers, below the root, the outer ones first."""
    root = Path(layout.deployment.root)
    places = [place for server in layout.deployment.backups for place in (server.directory, server.log, server.bases)]
    return [str(Path(place).relative_to(root)) for place in places]


def _keep_logs_short(deployment: Deployment) -> None:
    """Start the program that does it; like every part it is found by its mark and ends with the environment."""
    names = [process.name for process in deployment.processes if process.role in APPLICATION]
    logs = str(Path(deployment.root) / "logs")
    argv = (sys.executable, "-I", "-S", log_keeper.__file__, logs, *names)
    processes.start(Path(deployment.root), deployment.id, Process(LOG_KEEPER, "helper", None, argv, nice=SERVER_NICE))


def _summary(times: Mapping[str, float]) -> str:
    slowest = sorted(((at, name) for name, at in times.items() if name.startswith("+ ")), reverse=True)
    reached = ", ".join(f"{name.removeprefix('+ ')} {at:.1f} s" for at, name in sorted(slowest[:4]))
    return f"up in {times['total']:.1f} s (parts {times['parts']:.1f}, templates {times['templates']:.1f}, layout {times['layout']:.1f}; then {reached})"
