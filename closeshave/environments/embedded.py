"""Start, look at and end the embedded environment: real servers and the stand-in platform as plain processes of this machine."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from closeshave.deployment import Deployment
from closeshave.environments import ports, registry, template
from closeshave.environments.demolition import down
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.helper import Helper
from closeshave.environments.layout import Layout, lay_out, ports_needed
from closeshave.environments.parts import Parts, resolve
from closeshave.environments.stack import Embedded
from closeshave.environments.startup import Startup
from closeshave.environments.status import PartStatus, status
from closeshave.files import write_atomically
from closeshave.processes import poll_until
from closeshave.standin import settings

__all__ = ["EnvironmentFailed", "PartStatus", "down", "status", "up"]

TEMPLATES_S_MAX = 300.0
ROOM_BYTES = 256 << 20
"""Free space beyond the copied templates: WAL, logs, growth during a trial."""


def up(definition: Embedded, *, root: Path | None = None, say: Callable[[str], None]) -> Deployment:
    """Start the environment below ``root`` (a fresh directory by default) and return once every part of it serves.

    Raises :class:`EnvironmentFailed`. Whatever ends it early, an interruption too, leaves nothing running and no directory.
    """
    root = (root or registry.new_root(definition.name)).absolute()
    if root.exists() and any(root.iterdir()):
        raise EnvironmentFailed(f"{root} is not empty: an environment needs a directory of its own")
    try:
        return _up(definition, root, say)
    except BaseException as error:
        left = down(root)
        if left and isinstance(error, EnvironmentFailed):
            raise EnvironmentFailed(f"{error}\ncould not be removed afterwards: {', '.join(left)}") from error
        if isinstance(error, OSError):
            raise EnvironmentFailed(str(error)) from error
        raise


def _up(definition: Embedded, root: Path, say: Callable[[str], None]) -> Deployment:
    began = time.monotonic()
    environment_id = secrets.token_hex(8)
    root.mkdir(parents=True, exist_ok=True)
    registry.write_claim(root, registry.Claim(environment_id, definition.name))
    (root / "logs").mkdir()
    parts = resolve(definition.database.binaries, say)
    found = time.monotonic()
    templates = _templates(definition, root, environment_id, parts, say)
    _check_room(root, templates)
    seeded = time.monotonic()
    layout = _lay_out(definition, root, environment_id, parts)
    _write(layout, parts)
    written = time.monotonic()
    milestones = Startup(layout, templates, parts.nobody).run()
    deployment = layout.deployment
    deployment.save()
    times = {
        "parts": found - began,
        "templates": seeded - found,
        "layout": written - seeded,
        **{f"+ {name}": at for name, at in milestones.items()},
    }
    times["total"] = time.monotonic() - began
    write_atomically(root / "startup.json", json.dumps(times, indent=1))
    say(_summary(times))
    return deployment


def _templates(definition: Embedded, root: Path, id: str, parts: Parts, say: Callable[[str], None]) -> Mapping[int, Path]:
    """The template of every shard, made now where it is missing."""
    recipes = [
        template.Recipe(shard, definition.topology, definition.seed.sizes, parts.postgres, parts.postgres_version, parts.nobody)
        for shard in definition.topology.shards
    ]
    helpers = {}
    for recipe in recipes:
        if recipe.path.exists():
            template.touch(recipe.path)
            continue
        (root / "config").mkdir(exist_ok=True)
        order = root / "config" / f"template-shard{recipe.shard.id}.json"
        order.write_bytes(template.CODEC.dump_json(recipe))
        helpers[recipe.shard] = Helper(root, id, order.stem, template.command(order))
    if helpers:
        franchises = sum(shard.last - shard.first + 1 for shard in helpers)
        say(f"making the templates of {len(helpers)} shards with {franchises:,} franchises, once for this user")
        started = time.monotonic()

        def finished() -> bool:
            for shard in [shard for shard, helper in helpers.items() if helper.done()]:
                del helpers[shard]
                say(f"shard {shard.id}: franchises {shard.first:,} to {shard.last:,} seeded after {time.monotonic() - started:.1f} s")
            return not helpers

        if not poll_until(finished, TEMPLATES_S_MAX):
            raise EnvironmentFailed(f"the templates were not made within {TEMPLATES_S_MAX:.0f} s")
    return {recipe.shard.id: recipe.path for recipe in recipes}


def _check_room(root: Path, templates: Mapping[int, Path]) -> None:
    size = sum(path.stat().st_size for template_path in templates.values() for path in template_path.rglob("*") if path.is_file())
    needed, free = 2 * size + ROOM_BYTES, shutil.disk_usage(root).free
    if free < needed:
        raise EnvironmentFailed(
            f"disk full: {root.parent} has {free >> 20} MiB free, {needed >> 20} MiB are needed; set CLOSESHAVE_STATE_DIR to a roomier directory"
        )


def _lay_out(definition: Embedded, root: Path, id: str, parts: Parts) -> Layout:
    count = ports_needed(definition, parts)
    wanted = None if definition.ports == "auto" else definition.ports
    first = ports.claim(root, count, wanted)
    registry.write_claim(root, registry.Claim(id, definition.name, first, count))
    return lay_out(id, root, definition, parts, first)


def _write(layout: Layout, parts: Parts) -> None:
    root = Path(layout.deployment.root)
    for directory in ("config", "data", *(f"data/{store.process}" for store in layout.deployment.stores), "data/payments"):
        (root / directory).mkdir(exist_ok=True)
    for path, text in layout.files.items():
        path.write_text(text)
    for path, told in layout.settings.items():
        settings.save(path, told)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    layout.signing_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    for directory in ("config", "data", "logs"):
        parts.nobody.own(root / directory)


def _summary(times: Mapping[str, float]) -> str:
    slowest = sorted(((at, name) for name, at in times.items() if name.startswith("+ ")), reverse=True)
    reached = ", ".join(f"{name.removeprefix('+ ')} {at:.1f} s" for at, name in sorted(slowest[:4]))
    return f"up in {times['total']:.1f} s (parts {times['parts']:.1f}, templates {times['templates']:.1f}, layout {times['layout']:.1f}; then {reached})"
