"""Links: who uses them, which answers come through them, and when a disturbed one counts as observed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from closeshave.clients import patroni, sentinel, wire
from closeshave.clients.toxiproxy import Toxic
from closeshave.clients.wire import WireReply
from closeshave.clock import now_ns
from closeshave.control import sockets
from closeshave.control.processes import poll_until
from closeshave.deployment import LINK_KINDS, Deployment, Link
from closeshave.environments import drivers
from closeshave.environments.definition import read_embedded
from closeshave.environments.layout import lay_out
from closeshave.environments.parts import Etcd, Parts
from closeshave.environments.unprivileged import Wrapper
from closeshave.faults import catalogue, lifecycle, links
from closeshave.faults.cache import slow as cache_slow
from closeshave.faults.data import acknowledgement_lost
from closeshave.faults.dependency import provider
from closeshave.faults.kind import Aim
from closeshave.faults.ledger import Ledger
from closeshave.faults.region import customers_cut, data_links_cut, flapping, lossy, network, slow
from closeshave.faults.shard import replication
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.history import Injection, Sighting
from closeshave.trial import preparation, running
from closeshave.trial.display import Display
from tests.faults import toys

Serve = Callable[[socket.socket], object]


def resets(connection: socket.socket) -> None:
    """Reset each connection, as reset_peer does."""
    connection.recv(64)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def closes(connection: socket.socket) -> None:
    """Read, and go without a word."""
    connection.recv(64)
    connection.close()


def echoes(connection: socket.socket) -> None:
    """Say back what was said."""
    connection.sendall(connection.recv(64))


def is_silent(connection: socket.socket) -> None:
    """Read, and say nothing for as long as the other side stays, or the test."""
    with suppress(OSError):
        while connection.recv(64):
            pass


@contextmanager
def server(serve: Serve) -> Iterator[int]:
    """Something that takes connections on a port, each in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as open_connections:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                open_connections.callback(connection.close)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield int(listening.getsockname()[1])
        # close() alone does not wake a thread that waits in accept().
        listening.shutdown(socket.SHUT_RDWR)


def link(port: int, name: str = "a") -> Link:
    """A link that enters at a port."""
    return Link(name, "app-cache", toys.NEAR, api_port=1, port=port, upstream_port=1)


@pytest.mark.parametrize(
    ("serve", "saw"),
    [(echoes, "answered"), (is_silent, "silent"), (closes, "closed"), (resets, "ConnectionResetError")],
)
def test_question_shows_how_a_connection_ends(serve: Serve, saw: str) -> None:
    """An answer, silence, a close and a reset are four different results."""
    with server(serve) as port:
        assert wire.through(link(port), 0.2).saw == saw


def test_a_closed_port_is_a_refusal() -> None:
    """It is neither silence nor an answer."""
    assert wire.through(link(toys.free_port()), 0.2).saw == "ConnectionRefusedError"


def test_kernel_shows_which_ports_are_in_use() -> None:
    """A port is in use once a client has sent something, and no longer when that client has disconnected."""
    with server(is_silent) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert port not in sockets.heard_ms()
            client.sendall(b"x")
            assert poll_until(lambda: sockets.heard_ms().get(port, 1000) < 1000, 5)
        assert poll_until(lambda: port not in sockets.heard_ms(), 5)


def test_kernel_shows_a_server_that_accepts_both_address_families() -> None:
    """One that listens on all addresses by one IPv6 socket, as servers written in Go do, and a client that comes by IPv4."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6 sockets that take IPv4 too")
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, listening.accept()[0]:
            client.sendall(b"x")
            assert poll_until(lambda: port in sockets.heard_ms(), 5)


@pytest.mark.parametrize(
    ("reply", "late", "silent"),
    [
        (WireReply(0.060, "answered"), True, False),
        (WireReply(0.049, "answered"), False, False),
        (WireReply(0.060, "closed"), False, False),
        (WireReply(1.0, "silent"), False, True),
        (WireReply(0.001, "ConnectionResetError"), False, False),
    ],
)
def test_reply_is_late_or_silent_only_if_nothing_else_is_broken(reply: WireReply, late: bool, silent: bool) -> None:
    """A connection that ends is neither late nor silent."""
    assert links.late(0.050)(reply) is late
    assert links.silent(reply) is silent


def looked(tmp_path: Path, ports: dict[str, int], *, used: tuple[str, ...], disturbed: tuple[str, ...]) -> bool:
    """Whether a fault on all these links is seen, when clients have spoken through ``used`` since."""
    deployment = replace(toys.deployment(tmp_path / "root"), links=tuple(link(port, name) for name, port in ports.items()))
    injection = Injection("tier:cache", (), now_ns(), now_ns(), (), links=tuple(ports))
    with ExitStack() as clients:
        spoken = [clients.enter_context(socket.create_connection(("127.0.0.1", ports[name]))) for name in used]
        # The kernel counts in ticks of some milliseconds: what was said just now may seem to be from before the injection.
        assert poll_until(lambda: now_ns() - injection.began_ns > 50_000_000, 5)
        for client in spoken:
            client.sendall(b"x")

        def heard() -> bool:
            ages_ms = sockets.heard_ms()
            return all(ages_ms.get(ports[name], 1e9) < (now_ns() - injection.began_ns) / 1e6 for name in used)

        assert poll_until(heard, 5)
        return isinstance(links.look(Aim(deployment, {"tier": "cache"}, {}), injection, 0.1, links.silent), Sighting)


@pytest.mark.parametrize(
    ("used", "disturbed", "seen"),
    [
        (("a", "b"), ("a", "b"), True),
        (("a",), ("a", "b"), True),
        (("a",), ("a",), True),
        (("a", "b"), ("a",), False),
        (("b",), ("a",), False),
        ((), ("a", "b"), False),
    ],
)
def test_fault_is_observed_on_links_in_use(used: tuple[str, ...], disturbed: tuple[str, ...], seen: bool, tmp_path: Path) -> None:
    """All links in use are disturbed, and at least one is in use; an idle link neither shows a fault nor hides one."""
    with ExitStack() as servers:
        ports = {name: servers.enter_context(server(is_silent if name in disturbed else echoes)) for name in ("a", "b")}
        assert looked(tmp_path, ports, used=used, disturbed=disturbed) is seen


def test_toxic_carries_its_owner() -> None:
    """Two faults may put the same toxic on one link."""
    names = {Toxic("latency", owner=owner).name for owner in ("", "cache.slow@tier:cache", "cache.slow@tier:sessions")}
    assert names == {"latency_downstream", "cache.slow@tier:cache~latency_downstream", "cache.slow@tier:sessions~latency_downstream"}


@pytest.fixture
def paper() -> Deployment:
    """The shipped environment on paper."""
    definition = read_embedded(locate("environments", "embedded"))
    program = Path("/programs/any")
    parts = Parts(program, "18.1", Wrapper(), program, program, Etcd(program, "3.6", rejoins_empty=False), program, {}, {})
    return lay_out("an-id", Path("/state/one"), definition, parts, 20_000).deployment


@pytest.mark.parametrize(
    ("region", "crosses", "stays"),
    [
        (
            "us-west-2",
            {
                "us-west-2-shard1-primary",
                "us-west-2-shard2-replica",
                "us-east-1-shard2-primary",
                "us-west-2-cache",
                "us-west-2-cache-eu",
                "shard1-us-east-1-replication",
                "shard2-us-west-2-replication",
                "us-east-1-shard1-replica",
            },
            {
                "us-west-2-shard1-replica",
                "us-west-2-shard2-primary",
                "us-west-2-payments",
                "us-west-2-ingress",
                "us-east-1-cache",
                "eu-west-1-shard3-primary",
                "shard4-ap-southeast-1-replication",
            },
        ),
        (
            "eu-west-1",
            {"eu-west-1-cache", "us-east-1-cache-eu", "us-east-1-shard3-replica"},
            {"eu-west-1-cache-eu", "shard3-eu-west-1-replication", "shard3-eu-west-1-b-replication", "us-east-1-shard1-primary"},
        ),
    ],
)
def test_links_that_cross_a_regions_border(
    region: str, crosses: set[str], stays: set[str], paper: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One end inside and one outside, by the data's origin; the customers' link and the payment provider belong to no other region."""
    monkeypatch.setattr(patroni, "leader", lambda deployment, shard: patroni.members_of(deployment, shard)[0])
    monkeypatch.setattr(sentinel, "primary", lambda deployment, group: sentinel.stores_of(deployment, group)[0])
    names = {each.name for each in network.crossing(Aim(paper, {"region": region}, {}))}
    assert crosses <= names
    assert not stays & names


def test_crossing_links_follow_the_roles(paper: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failover the same link leads to another region."""
    monkeypatch.setattr(patroni, "leader", lambda deployment, shard: patroni.members_of(deployment, shard)[1])
    monkeypatch.setattr(sentinel, "primary", lambda deployment, group: sentinel.stores_of(deployment, group)[1])
    names = {each.name for each in network.crossing(Aim(paper, {"region": "us-west-2"}, {}))}
    assert {"us-west-2-shard2-primary", "us-east-1-cache"} <= names
    assert not {"us-west-2-shard1-primary", "us-west-2-cache"} & names


ON_LINKS = {
    "region.slow": slow.FAULT.links,
    "region.lossy": lossy.FAULT.links,
    "region.flapping": flapping.FAULT.links,
    "region.data-links-cut": data_links_cut.FAULT.links,
    "region.customers-cut": customers_cut.FAULT.links,
    "region.partitioned": lambda aim: [each for each in network.crossing(aim) if each.kind != "replication"],
    "cache.slow": cache_slow.FAULT.links,
    "data.acknowledgement-lost": acknowledgement_lost.FAULT.links,
    "dependency.payments-slow": lambda aim: provider.ways(aim.deployment),
    "shard.replication-cut": lambda aim: replication.links_from(aim, patroni.members_of(aim.deployment, 1)[0]),
    "shard.replication-delayed": lambda aim: replication.links_from(aim, patroni.members_of(aim.deployment, 1)[0]),
}


@pytest.mark.parametrize("kind", catalogue.KINDS)
def test_a_kind_names_every_sort_of_link_that_it_works_on(kind: str, paper: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run gives Toxiproxy to the links of these kinds: with one too few, the fault would not take effect."""
    monkeypatch.setattr(patroni, "leader", lambda deployment, shard: patroni.members_of(deployment, shard)[0])
    monkeypatch.setattr(sentinel, "primary", lambda deployment, group: sentinel.stores_of(deployment, group)[0])
    aim = Aim(paper, {"region": "us-west-2", "shard": 1, "tier": "cache"}, {})
    used = {each.kind for each in ON_LINKS[kind](aim)} if kind in ON_LINKS else set()
    assert set(catalogue.KINDS[kind].links) == used
    assert set(ON_LINKS) <= set(catalogue.KINDS)


def test_a_fault_on_links_without_toxiproxy_is_refused(paper: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every way in which it is started: it is not injected, and the reason is stated."""
    monkeypatch.setattr(lifecycle, "FIT_WITHIN_S", 0.0)
    straight = replace(paper, root=str(tmp_path), links=(), straight=("app-cache", "ingress"))
    kind = catalogue.KINDS["cache.slow"]
    aim = kind.aim(straight, {"tier": "cache"}, {})
    now = now_ns()
    with pytest.raises(lifecycle.Unfit, match=r"app-cache links have no Toxiproxy here, because the environment was started for a plan"):
        lifecycle.inject(Ledger(tmp_path), "slow", kind, aim, now, 1.0, lambda: False)


def plan_with(tmp_path: Path, environment: str) -> Path:
    """A plan with one fault on links."""
    fault = "{id: far, kind: region.slow, phase: broken, at: 5s, hold: 5s, expected: degrades, scope: {region: us-west-2}}"
    phases = "[{name: calm, role: calm, duration: 20s, sessions_per_s: 1}, {name: broken, role: fault, duration: 30s, sessions_per_s: 1}]"
    path = tmp_path / "plan.yaml"
    limits = "limits: {duration: 2m, requests: 60000}"
    path.write_text(
        f"name: far\nenvironment: {environment}\ntarget: bookedbarber-smoke\nseed: 1\n{limits}\nphases: {phases}\nfaults: [{fault}]\n",
        encoding="utf-8",
    )
    return path


def test_a_plan_that_breaks_links_without_toxiproxy_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """The file says which kinds of links may be disturbed."""
    shipped = locate("environments", "embedded").read_text(encoding="utf-8")
    (tmp_path / "narrow.yaml").write_text(f"{shipped}\nlinks: [app-database, app-cache, ingress]\n", encoding="utf-8")
    with pytest.raises(InvalidFile, match=r"fault far: region\.slow disturbs app-payments and replication links, which have no Toxiproxy"):
        preparation.prepare(str(plan_with(tmp_path, "narrow.yaml")))


def test_a_plan_that_breaks_links_is_not_carried_out_on_an_environment_that_was_started_for_another(tmp_path: Path) -> None:
    """Nothing is made, not even a run directory."""
    prepared = preparation.prepare(str(plan_with(tmp_path, "embedded")))
    definition = drivers.EMBEDDED.narrow(prepared.definition, catalogue.links_of(()), ())
    program = Path("/programs/any")
    parts = Parts(program, "18.1", Wrapper(), program, program, Etcd(program, "3.6", rejoins_empty=False), program, {}, {})
    root = tmp_path / "running"
    root.mkdir()
    lay_out("an-id", root, definition, parts, 20_000).deployment.save()
    with pytest.raises(InvalidFile, match=r"fault far: region\.slow disturbs .*ingress and replication links.*closeshave env up"):
        running.run(prepared, tmp_path / "runs", Display(Console()), attach=root)
    assert not list((tmp_path / "runs").glob("*"))


def test_a_run_starts_toxiproxy_on_the_links_that_its_faults_disturb_and_on_no_other(tmp_path: Path) -> None:
    """All of them for a region that is slow, none for a plan that kills processes only."""
    slow_plan, smoke = preparation.prepare(str(plan_with(tmp_path, "embedded"))), preparation.prepare("smoke")
    wanted = [drivers.EMBEDDED.narrow(each.definition, catalogue.links_of(each.plan.faults), ()).links for each in (slow_plan, smoke)]
    assert wanted == [LINK_KINDS, ()]
