"""A pooler in an environment file: where it stands, what it is told, and what a file may not say."""

from __future__ import annotations

from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.environments import pgbouncer, pooler_settings
from closeshave.environments.commands import CommandFailed
from closeshave.environments.definition import read_embedded
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.layout import Layout, lay_out
from closeshave.environments.parts import Parts
from closeshave.environments.pgbouncer import PgBouncer
from closeshave.environments.stack import Embedded
from closeshave.environments.unprivileged import Wrapper
from closeshave.faults import catalogue
from closeshave.files.yamlfile import InvalidFile
from tests.environments import own

ROOT = Path("/state/shop-1")


def described(directory: Path, pooler: str = "{}") -> Embedded:
    """The definition of a file with this pooler."""
    return read_embedded(own.write(directory, own.PLAIN, f"{own.HEAD}pooler: {pooler}\n"))


def laid_out(definition: Embedded, parts: Parts) -> Layout:
    """Its layout, where PgBouncer is on the PATH."""
    return lay_out("an-id", ROOT, definition, replace(parts, pgbouncer=PgBouncer(Path("/usr/sbin/pgbouncer"), "1.24.0")), 20_000)


def settings(layout: Layout, name: str) -> ConfigParser:
    """The settings file of a pooler."""
    found = ConfigParser(interpolation=None)
    found.read_string(layout.files[ROOT / "config" / f"{name}.ini"])
    return found


def test_it_stands_between_the_application_and_the_way_to_the_primary(tmp_path: Path, found_parts: Parts) -> None:
    """The address of the database is the pooler's; the pooler's is the link that faults disturb; replicas are reached as before."""
    layout = laid_out(described(tmp_path), found_parts)
    pooler = layout.deployment.process("pooler-here-shard1")
    assert (pooler.role, pooler.region) == ("pooler", "here")
    assert pooler.argv == ("/usr/sbin/pgbouncer", "/state/shop-1/config/pooler-here-shard1.ini")
    app = layout.deployment.process("app-here-0")
    assert app.environ["DATABASE_URL"] == f"postgresql://bookings@127.0.0.1:{pooler.ports[0]}/bookings"
    link = next(link for link in layout.deployment.links if link.name == "here-shard1-primary")
    told = settings(layout, "pooler-here-shard1")
    assert told["databases"]["bookings"] == f"host=127.0.0.1 port={link.port} dbname=bookings"
    assert told["pgbouncer"]["listen_port"] == str(pooler.ports[0])
    assert told["pgbouncer"]["server_login_retry"] == "1"
    assert layout.pooler_ports == {"here": {1: pooler.ports[0]}}
    assert layout.files[ROOT / "config" / "pooler.users"] == '"bookings" ""\n"postgres" ""\n'


def test_without_one_nothing_changes(tmp_path: Path, found_parts: Parts) -> None:
    """No process, no file, and the address that leads to the link."""
    plain = read_embedded(own.write(tmp_path))
    layout = lay_out("an-id", ROOT, plain, found_parts, 20_000)
    assert not [process for process in layout.deployment.processes if process.role == "pooler"]
    assert not [path for path in layout.files if "pooler" in path.name]
    assert layout.pooler_ports == {}


def test_every_region_and_shard_has_its_own(definition: Embedded, found_parts: Parts) -> None:
    """Under one name of the database, so that an application with several needs to know nothing."""
    layout = laid_out(replace(definition, pooler={}), found_parts)
    there = {process.name: process for process in layout.deployment.processes if process.role == "pooler"}
    assert set(there) == {f"pooler-{region}-shard{shard.id}" for region in definition.regions for shard in definition.clusters}
    ports = [port for process in layout.deployment.processes for port in process.ports]
    assert len(ports) == len(set(ports))


def test_settings_are_told_as_they_are_stated(tmp_path: Path, found_parts: Parts) -> None:
    """They win over the usual ones; true and false are 1 and 0."""
    told = settings(laid_out(described(tmp_path, "{pool_mode: transaction, server_login_retry: 15, server_fast_close: true}"), found_parts),
                    "pooler-here-shard1")["pgbouncer"]  # fmt: skip
    assert (told["pool_mode"], told["server_login_retry"], told["server_fast_close"]) == ("transaction", "15", "1")
    assert told["ignore_startup_parameters"] == "extra_float_digits"


def test_as_root_it_is_started_like_the_databases_and_with_its_own_libraries(tmp_path: Path, found_parts: Parts) -> None:
    """It refuses root; a program that was unpacked does not find its libraries by itself."""
    unpacked = PgBouncer(Path("/cache/usr/sbin/pgbouncer"), "1.18.0", (Path("/cache/usr/lib"),))
    parts = replace(found_parts, pgbouncer=unpacked, nobody=Wrapper(("unshare", "--user")))
    pooler = lay_out("an-id", ROOT, described(tmp_path), parts, 20_000).deployment.process("pooler-here-shard1")
    assert pooler.argv[:5] == ("unshare", "--user", "env", "LD_LIBRARY_PATH=/cache/usr/lib", "/cache/usr/sbin/pgbouncer")


@pytest.mark.parametrize(
    ("pooler", "key", "message"),
    [
        ("{pol_mode: session}", "pooler.pol_mode", "is not a setting of PgBouncer (did you mean pool_mode?)"),
        ("{pool_mode: sesion}", "pooler.pool_mode", "'sesion' is not a mode (did you mean session?)"),
        ("{listen_port: 6432}", "pooler.listen_port", "is set by the environment: leave it out"),
        ("{auth_file: /etc/pgbouncer/userlist.txt}", "pooler.auth_file", "is set by the environment"),
        ("{server_tls_sslmode: require}", "pooler.server_tls_sslmode", "not encrypted"),
        ('{server_reset_query: "DISCARD ALL\\nlisten_port = 1"}', "pooler.server_reset_query", "must be in one line"),
        ("{default_pool_size: true}", "pooler.default_pool_size", "True: must be a number from 1 to 2147483647"),
        ("{max_client_conn: 0}", "pooler.max_client_conn", "0: must be a number from 1 to"),
        ("{server_lifetime: -1}", "pooler.server_lifetime", "-1: must be a number from 0 to"),
        ("{server_lifetime: 1h}", "pooler.server_lifetime", "'1h': must be a number"),
        ("{tcp_keepalive: 30}", "pooler.tcp_keepalive", "30: must be true or false"),
        ("{server_check_query: 1}", "pooler.server_check_query", "1: must be a text"),
        ("true", "pooler", "mapping of keys to values"),
        ("{default_pool_size: [20]}", "pooler.default_pool_size", ""),
    ],
)
def test_what_is_wrong_names_its_key(tmp_path: Path, pooler: str, key: str, message: str) -> None:
    """Before anything starts."""
    with pytest.raises(InvalidFile) as caught:
        described(tmp_path, pooler)
    problem = next(problem for problem in caught.value.problems if problem.key.startswith(key))
    assert message in problem.message
    assert problem.line > 0


@pytest.mark.parametrize(
    ("parameters", "pooled", "message"),
    [
        ({}, False, ""),
        ({"part": "app"}, False, ""),
        ({"part": "pooler"}, True, ""),
        ({"part": "pooler"}, False, "service.killed needs a pooler (pooler of the environment file)"),
    ],
)
def test_a_fault_may_kill_it_where_there_is_one(tmp_path: Path, parameters: dict[str, str], pooled: bool, message: str) -> None:
    """By the kind that kills instances."""
    offers = (described(tmp_path) if pooled else read_embedded(own.write(tmp_path))).offers
    assert catalogue.unserved("service.killed", {"region": "here"}, offers, ("cache",), parameters) == ([message] if message else [])


def test_another_part_is_no_part() -> None:
    """Named with those that are."""
    found = catalogue.KINDS["service.killed"].problems({"region": "here"}, {"part": "poler"})
    assert found == ["service.killed: part: 'poler' is not one of app, pooler (did you mean pooler?)"]


@pytest.mark.parametrize(
    ("stated", "version", "remarked"),
    [
        ({}, "1.18.0", False),
        ({"pool_mode": "session"}, "1.18.0", False),
        ({"pool_mode": "transaction"}, "1.18.0", True),
        ({"pool_mode": "transaction"}, "1.21.0", False),
        ({"pool_mode": "transaction"}, "1.24.1", False),
    ],
)
def test_an_old_version_that_forgets_statements_is_told(stated: dict[str, str], version: str, remarked: bool) -> None:
    """Only where it matters."""
    assert bool(pooler_settings.remark(stated, version)) is remarked


def test_where_there_is_none_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither on the PATH nor as a package; a machine without apt is told at once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(
        EnvironmentFailed, match=r"without apt-get and dpkg-deb none can be unpacked: install PgBouncer .* or leave out 'pooler'"
    ):
        pgbouncer.find(print)

    def refuse(*_: object, **__: object) -> str:
        raise CommandFailed("apt-get download pgbouncer … ended with 100: E: Unable to locate package pgbouncer")

    monkeypatch.setattr("shutil.which", lambda name, path=None: None if name == "pgbouncer" else f"/usr/bin/{name}")
    monkeypatch.setattr(pgbouncer, "run", refuse)
    with pytest.raises(EnvironmentFailed, match=r"its package cannot be had \(.*Unable to locate package pgbouncer\): install PgBouncer"):
        pgbouncer.find(print)
    assert [path.name for path in (tmp_path / "closeshave").iterdir() if not path.name.endswith(".lock")] == []
