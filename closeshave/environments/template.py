"""Builds a shard's database once for each user: a cluster with the application's role and the seeded franchises, stopped cleanly, to be copied later.

One template for each shard, because shards with the same system identifier would accept each other's WAL. Run as a program
(``python -m closeshave.environments.template RECIPE``) so that waiting for it can be interrupted, and it can be killed like any other part.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.clients import postgres
from closeshave.control.waiting import obstacle
from closeshave.environments import cache
from closeshave.environments.commands import run
from closeshave.environments.servers import patroni
from closeshave.environments.stack import Stack
from closeshave.environments.unprivileged import Wrapper
from closeshave.standin import seed
from closeshave.standin.settings import SeedSizes
from closeshave.topology import Shard, Topology

START_S_MAX = 30.0
UNUSED_DAYS_MAX = 14

SHAPERS = ("seed.py", "schema.sql", "passwords.py", "regions.py")
"""The stand-in's sources on which the contents of a template depend."""


@dataclass(frozen=True, slots=True)
class TemplateRecipe:
    """Everything on which the template of one shard depends."""

    shard: Shard
    topology: Topology
    sizes: SeedSizes
    postgres: Path
    postgres_version: str
    nobody: Wrapper

    @property
    def parameters(self) -> dict[str, str | int]:
        """PostgreSQL's settings, the same as those of the running shard."""
        return patroni.parameters(int(self.postgres_version.split(".")[0]))

    @property
    def path(self) -> Path:
        """The directory of the finished template: a different one for every recipe."""
        names = (patroni.DATABASE, patroni.USER, patroni.SUPERUSER, patroni.REPLICATION_USER)
        shapers = (self.shard, self.topology, self.sizes, self.sizes.password, self.postgres_version, self.parameters, names)
        shaping = hashlib.sha256(repr(shapers).encode())
        for source in (Path(__file__), *(Path(seed.__file__).with_name(name) for name in SHAPERS)):
            shaping.update(source.read_bytes())
        return cache.directory() / "templates" / f"shard{self.shard.id}-{shaping.hexdigest()[:16]}"


CODEC = TypeAdapter(TemplateRecipe)


def recipes(definition: Stack, postgres: Path, version: str, nobody: Wrapper) -> list[TemplateRecipe]:
    """One recipe for each shard, with the programs in the directory ``postgres``."""
    return [
        TemplateRecipe(shard, definition.topology, definition.seed.sizes, postgres, version, nobody) for shard in definition.topology.shards
    ]


def build(recipe: TemplateRecipe) -> None:
    """Build the template unless it exists: in another directory that is renamed at the end, so that it is never incomplete.

    Raises :class:`CommandFailed`, :data:`postgres.Unavailable`, :class:`RuntimeError` for a server that ends at once, :class:`OSError`.
    """
    final = recipe.path
    final.parent.mkdir(parents=True, exist_ok=True)
    with cache.locked(f"template-shard{recipe.shard.id}"):
        if final.exists():
            return
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=final.parent))
        try:
            _fill(recipe, scratch)
            scratch.rename(final)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _prune(final)


def _fill(recipe: TemplateRecipe, directory: Path) -> None:
    wrapper, programs = recipe.nobody, recipe.postgres
    wrapper.own(directory)
    initdb = [*wrapper.words, str(programs / "initdb"), "-D", str(directory), "-U", patroni.SUPERUSER, "-A", "trust"]
    run([*initdb, "--locale=C.UTF-8", "-E", "UTF8", "--no-sync", "--wal-segsize=4"], timeout_s=START_S_MAX)
    with _server(recipe, directory) as socket:
        with postgres.connect_by_socket(socket, "postgres", patroni.SUPERUSER) as connection:
            connection.execute(f"CREATE ROLE {patroni.REPLICATION_USER} LOGIN REPLICATION PASSWORD 'trusted'")
            connection.execute(f"ALTER ROLE {patroni.SUPERUSER} PASSWORD 'trusted'")
            # It may read the server's statistics: the harness uses the same role.
            connection.execute(f"CREATE ROLE {patroni.USER} LOGIN IN ROLE pg_monitor")
            connection.execute(f"CREATE DATABASE {patroni.DATABASE}")
        with postgres.connect_by_socket(socket, patroni.DATABASE, patroni.SUPERUSER) as connection:
            seed.build(connection, recipe.shard, recipe.topology, recipe.sizes)
            connection.execute("CHECKPOINT")
    run([*wrapper.words, str(programs / "initdb"), "--sync-only", "-D", str(directory)], timeout_s=START_S_MAX)


@contextmanager
def _server(recipe: TemplateRecipe, directory: Path) -> Iterator[str]:
    """Run PostgreSQL over ``directory`` on a Unix socket, so that it needs no port; yields the socket's directory."""
    sockets = Path(tempfile.mkdtemp(prefix="closeshave-"))
    recipe.nobody.own(sockets)
    # The directory is synced once at the end; until then no write needs to be durable.
    fast = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "dynamic_shared_memory_type": "mmap"}
    # Log files kept for reuse would be copied with every start.
    small = {"min_wal_size": "8MB", "wal_recycle": "off"}
    # The limits that a standby must match are noted in the cluster itself, so it grows up with those that it will run under.
    options = {**recipe.parameters, "listen_addresses": "", "unix_socket_directories": str(sockets), **fast, **small}
    argv = [*recipe.nobody.words, str(recipe.postgres / "postgres"), "-D", str(directory)]
    argv += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    server = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        silent = obstacle(lambda: "" if server.poll() is not None else _silent(str(sockets)), START_S_MAX)
        if (code := server.poll()) is not None:
            raise RuntimeError(f"PostgreSQL ended while it was starting (exit code {code}); see above")
        if silent:
            raise TimeoutError(f"PostgreSQL does not answer {START_S_MAX:g} s after its start: {silent}")
        yield str(sockets)
    finally:
        server.send_signal(signal.SIGINT)  # a fast, clean shutdown
        server.wait(START_S_MAX)
        shutil.rmtree(sockets, ignore_errors=True)


def _silent(socket: str) -> str:
    """Why there is no session to be had behind a socket; empty when there is."""
    try:
        postgres.connect_by_socket(socket, "postgres", patroni.SUPERUSER, connect_timeout_s=2).close()
    except postgres.NotConnected as error:
        return postgres.first_line(error)
    return ""


def _prune(kept: Path) -> None:
    """Remove templates that were not used for a while; ``kept`` is the current one."""
    for other in kept.parent.iterdir():
        if other != kept and time.time() - other.stat().st_mtime > UNUSED_DAYS_MAX * 86_400:
            shutil.rmtree(other, ignore_errors=True)


def touch(template: Path) -> None:
    """Note that the template was used."""
    os.utime(template)


def command(order: Path) -> list[str]:
    """The command that builds the recipe in the file ``order``."""
    return [sys.executable, "-m", "closeshave.environments.template", str(order)]


def main() -> None:
    """Build the template of the recipe that the command line names."""
    build(CODEC.validate_json(Path(sys.argv[1]).read_bytes()))


if __name__ == "__main__":
    main()
