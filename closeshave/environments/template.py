"""Builds a shard's database: a cluster with the application's role and what its preparation makes, stopped cleanly, to be copied later. Once for each
user, where the environment file says what the preparation depends on.

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
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.clients import postgres
from closeshave.control.waiting import obstacle
from closeshave.environments import cache, ports, preparing
from closeshave.environments.commands import run
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.preparing import Preparation
from closeshave.environments.servers import patroni
from closeshave.environments.stack import Stack
from closeshave.environments.unprivileged import Wrapper
from closeshave.files import write_atomically
from closeshave.topology import Shard

START_S_MAX = 120.0
"""Seconds for each step of the server: a few on a quiet machine, more than 30 where all shards are made at once on two busy processors."""
INITDB_SETS_SINCE = 16
"""The first version of PostgreSQL whose initdb takes settings."""
UNUSED_DAYS_MAX = 14
ACCOUNTS = ".accounts.csv"
"""After the name of a template: the customers' accounts that its preparation has written."""


@dataclass(frozen=True, slots=True)
class TemplateRecipe:
    """Everything on which the template of one shard depends."""

    shard: Shard
    preparation: Preparation | None
    """How its tables and data are made; ``None``: it stays empty."""
    postgres: Path
    postgres_version: str
    nobody: Wrapper
    only_for: str = ""
    """The directory of the only environment that uses it; empty for a template that others use again."""

    @property
    def parameters(self) -> dict[str, str | int]:
        """PostgreSQL's settings, the same as those of the running shard."""
        return patroni.parameters(self.major)

    @property
    def major(self) -> int:
        """PostgreSQL's major version, like 18."""
        return int(self.postgres_version.split(".")[0])

    @property
    def path(self) -> Path:
        """The directory of the finished template: a different one for every recipe."""
        if self.only_for:
            return Path(self.only_for) / f"shard{self.shard.id}"
        names = (patroni.DATABASE, patroni.USER, patroni.SUPERUSER, patroni.REPLICATION_USER)
        shapers = (self.shard, self.preparation, self.postgres_version, self.parameters, names)
        shaping = hashlib.sha256(repr(shapers).encode())
        for source in (Path(__file__), Path(preparing.__file__)):
            shaping.update(source.read_bytes())
        return cache.directory() / "templates" / f"shard{self.shard.id}-{shaping.hexdigest()[:16]}"

    @property
    def accounts(self) -> Path:
        """The file of the customers' accounts; it is missing where the preparation writes none."""
        return self.path.with_name(self.path.name + ACCOUNTS)

    @property
    def lasts_s(self) -> float:
        """The longest time that making it may take."""
        return 2 * START_S_MAX + (self.preparation.within_s if self.preparation else 0.0)


CODEC = TypeAdapter(TemplateRecipe)


def recipes(definition: Stack, postgres: Path, version: str, nobody: Wrapper) -> list[TemplateRecipe]:
    """One recipe for each shard, with the programs in the directory ``postgres``. Raises :class:`EnvironmentFailed`."""
    # How many standbys copy it makes no difference to a template.
    shards = [replace(shard, further=()) for shard in definition.topology.clusters]
    return [TemplateRecipe(shard, preparing.of(definition, shard), postgres, version, nobody) for shard in shards]


def fresh(recipe: TemplateRecipe, root: Path) -> TemplateRecipe:
    """The recipe for the environment below ``root``: a template of its own, if nothing says when a prepared database is out of date."""
    lasting = recipe.preparation is None or recipe.preparation.sources
    return recipe if lasting else replace(recipe, only_for=str(root / "templates"))


def build(recipe: TemplateRecipe) -> None:
    """Build the template unless it exists: in another directory that is renamed at the end, so that it is never incomplete.

    Raises :class:`CommandFailed`, :data:`postgres.Unavailable`, :class:`RuntimeError` for a server that ends at once, :class:`OSError`, and
    :class:`EnvironmentFailed` when the application's command fails.
    """
    final = recipe.path
    final.parent.mkdir(parents=True, exist_ok=True)
    with cache.locked(f"template-shard{recipe.shard.id}"):
        if final.exists():
            return
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=final.parent))
        try:
            accounts = _fill(recipe, scratch)
            if accounts is not None:
                write_atomically(recipe.accounts, accounts, 0o600)
            scratch.rename(final)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if not recipe.only_for:
            _prune(final)


def _fill(recipe: TemplateRecipe, directory: Path) -> str | None:
    """Make the cluster in ``directory``; returns the text of the accounts' file that the preparation wrote, if it wrote one."""
    accounts = None
    wrapper, programs = recipe.nobody, recipe.postgres
    wrapper.own(directory)
    initdb = [*wrapper.words, str(programs / "initdb"), "-D", str(directory), "-U", patroni.SUPERUSER, "-A", "trust"]
    if recipe.major >= INITDB_SETS_SINCE:
        # A killed initdb would leave shared memory in /dev/shm. With mmap it lies in the directory.
        initdb += ["-c", "dynamic_shared_memory_type=mmap"]
    run([*initdb, "--locale=C.UTF-8", "-E", "UTF8", "--no-sync", "--wal-segsize=4"], timeout_s=START_S_MAX)
    with _server(recipe, directory) as (socket, port):
        with postgres.connect_by_socket(socket, "postgres", patroni.SUPERUSER, port=port) as connection:
            connection.execute(f"CREATE ROLE {patroni.REPLICATION_USER} LOGIN REPLICATION PASSWORD 'trusted'")
            connection.execute(f"ALTER ROLE {patroni.SUPERUSER} PASSWORD 'trusted'")
            # It may read the server's statistics: the harness uses the same role.
            connection.execute(f"CREATE ROLE {patroni.USER} LOGIN IN ROLE pg_monitor")
            # The application owns it, so that its migrations can do in it what they do anywhere.
            connection.execute(f"CREATE DATABASE {patroni.DATABASE} OWNER {patroni.USER}")
        if recipe.preparation is not None:
            url = f"postgresql://{patroni.USER}@127.0.0.1:{port}/{patroni.DATABASE}"
            accounts = preparing.carry_out(recipe.preparation, recipe.shard, url)
        with postgres.connect_by_socket(socket, patroni.DATABASE, patroni.SUPERUSER, port=port) as connection:
            connection.execute("CHECKPOINT")
    run([*wrapper.words, str(programs / "initdb"), "--sync-only", "-D", str(directory)], timeout_s=START_S_MAX)
    return accounts


@contextmanager
def _server(recipe: TemplateRecipe, directory: Path) -> Iterator[tuple[str, int]]:
    """Run PostgreSQL over ``directory``; yields the directory of its Unix socket, and its port on loopback, because not every driver knows sockets."""
    port = ports.free()
    sockets = Path(tempfile.mkdtemp(prefix="closeshave-"))
    recipe.nobody.own(sockets)
    # The directory is synced once at the end; until then no write needs to be durable.
    fast = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "dynamic_shared_memory_type": "mmap"}
    # Log files kept for reuse would be copied with every start.
    small = {"min_wal_size": "8MB", "wal_recycle": "off"}
    # The limits that a standby must match are noted in the cluster itself, so it grows up with those that it will run under.
    options = {**recipe.parameters, "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": str(sockets), **fast, **small}
    argv = [*recipe.nobody.words, str(recipe.postgres / "postgres"), "-D", str(directory)]
    argv += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    server = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        silent = obstacle(lambda: "" if server.poll() is not None else _silent(str(sockets), port), START_S_MAX)
        if (code := server.poll()) is not None:
            raise RuntimeError(f"PostgreSQL ended while it was starting (exit code {code}); see above")
        if silent:
            raise TimeoutError(f"PostgreSQL does not answer {START_S_MAX:g} s after its start: {silent}")
        yield str(sockets), port
    finally:
        server.send_signal(signal.SIGINT)  # a fast, clean shutdown
        server.wait(START_S_MAX)
        shutil.rmtree(sockets, ignore_errors=True)


def _silent(socket: str, port: int) -> str:
    """Why there is no session to be had behind a socket; empty when there is."""
    try:
        postgres.connect_by_socket(socket, "postgres", patroni.SUPERUSER, port=port, connect_timeout_s=2).close()
    except postgres.NotConnected as error:
        return postgres.first_line(error)
    return ""


def _prune(kept: Path) -> None:
    """Remove templates that were not used for a while; ``kept`` is the current one."""
    for other in kept.parent.iterdir():
        if other != kept and other.is_dir() and time.time() - other.stat().st_mtime > UNUSED_DAYS_MAX * 86_400:
            shutil.rmtree(other, ignore_errors=True)
            other.with_name(other.name + ACCOUNTS).unlink(missing_ok=True)


def touch(template: Path) -> None:
    """Note that the template was used."""
    os.utime(template)


def command(order: Path) -> list[str]:
    """The command that builds the recipe in the file ``order``."""
    return [sys.executable, "-m", "closeshave.environments.template", str(order)]


def refusal(order: Path) -> Path:
    """Where the program that builds the recipe in ``order`` says what the application's command did wrong."""
    return order.with_suffix(".refusal")


def main() -> None:
    """Build the template of the recipe that the command line names."""
    order = Path(sys.argv[1])
    try:
        build(CODEC.validate_json(order.read_bytes()))
    except EnvironmentFailed as error:
        # The application's command failed: whoever wrote it needs no traceback of this program, and no log of the database.
        write_atomically(refusal(order), str(error))
        sys.exit(str(error))


if __name__ == "__main__":
    main()
