"""The layout of a whole environment: failure domains, links, roles and settings, checked without starting anything."""

import dataclasses
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from closeshave.environments import drivers
from closeshave.environments.layout import lay_out, ports_needed
from closeshave.environments.stack import EdgesOf
from closeshave.standin.settings import of_process

CONFIG = Path("/state/embedded-1/config")


def text(layout, name):
    """The settings file ``name``."""
    return layout.files[CONFIG / name]


def told_to(layout, name):
    """The settings of an instance, as it reads its variables."""
    return of_process(layout.deployment.process(name).environ)


def block(settings, header):
    """One section of HAProxy's settings."""
    return next(part for part in settings.split("\n\n") if part.startswith(header))


def test_the_same_site_gives_the_same_layout(definition, found_parts, layout):
    """It does not depend on the clock or on chance."""
    assert lay_out("an-id", Path("/state/embedded-1"), definition, found_parts, 20_000) == layout


def test_ports_are_consecutive_and_none_is_given_twice(definition, found_parts, layout):
    """What is claimed is exactly what is used."""
    used = [port for process in layout.deployment.processes for port in process.ports]
    assert sorted(used) == list(range(20_000, 20_000 + ports_needed(definition, found_parts)))


def test_names_of_processes_are_unique(layout):
    """Records and logs use them."""
    assert max(Counter(process.name for process in layout.deployment.processes).values()) == 1


@pytest.mark.parametrize(
    ("role", "count"),
    [
        ("etcd", 3),
        ("patroni", 10),
        ("backup", 4),
        ("valkey", 14),
        ("sentinel", 3),
        ("haproxy", 4),
        ("toxiproxy", 4),
        ("app", 8),
        ("edge", 1),
        ("payments", 1),
    ],
)
def test_every_part_of_the_platform_is_there(layout, role, count):
    """The layout that docs/architecture.md describes."""
    assert sum(process.role == role for process in layout.deployment.processes) == count


def test_only_shards_between_which_ranges_move_decode_their_log(layout):
    """The spare shard and those with its home; Patroni leaves the slots of a move alone there. Instances reach the spare shard as any other."""
    for member in layout.deployment.members:
        settings = json.loads(text(layout, f"{member.process}.json"))["bootstrap"]["dcs"]
        moves = member.shard in {1, 5}
        assert (settings["postgresql"]["parameters"].get("wal_level") == "logical") is moves
        assert ("ignore_slots" in settings) is moves
    (spare,) = layout.deployment.topology.spares
    assert (spare.id, spare.last < spare.first) == (5, True)
    told = told_to(layout, "app-us-west-2-0")
    assert set(told.primaries) == set(told.replicas) == {1, 2, 3, 4, 5}
    assert told.topology.spares == (spare,)
    assert told.routing == layout.deployment.application.routing != ""


def test_a_backup_server_stands_where_neither_member_does(layout):
    """But for a region that rows may not leave. It finds the primary among both members, and Patroni keeps its slot on both."""
    topology = layout.deployment.topology
    for server in layout.deployment.backups:
        shard = topology.shard(server.shard)
        inside = shard.home in topology.resident
        assert (server.region == shard.home) if inside else (server.region not in {shard.home, shard.standby})
        argv = layout.deployment.process(server.process).argv
        ports = [str(member.port) for member in layout.deployment.members if member.shard == server.shard]
        assert f"port={','.join(ports)} " in argv[-1]
        assert "target_session_attrs=read-write" in argv[-1]
        assert argv[argv.index("--slot") + 1] == "backup"
        for member in (member for member in layout.deployment.members if member.shard == server.shard):
            assert json.loads(text(layout, f"{member.process}.json"))["bootstrap"]["dcs"]["slots"] == {"backup": {"type": "physical"}}


@pytest.mark.parametrize(("uses", "count"), [((), 0), (("rows",), 0), (("backups", "rows"), 4)])
def test_a_run_starts_backup_servers_only_if_a_drill_uses_them(definition, found_parts, uses, count):
    """Without them nothing is different: no slot keeps the log."""
    narrowed = drivers.EMBEDDED.narrow(definition, (), uses)
    found = lay_out("an-id", Path("/state/embedded-1"), narrowed, found_parts, 20_000)
    assert len(found.deployment.backups) == len(found.base_backups) == count
    slots = ["slots" in json.loads(text(found, f"{member.process}.json"))["bootstrap"]["dcs"] for member in found.deployment.members]
    assert set(slots) == {bool(count)}


def test_parts_that_outlive_every_region_belong_to_none(layout):
    """The edges and the payment provider."""
    assert {process.role for process in layout.deployment.processes if process.region is None} == {"edge", "payments"}


def test_the_loss_of_a_region_takes_its_parts_and_leaves_every_other_shard_a_member(layout):
    """us-west-2 owns shard 2's primary and shard 1's standby, one etcd, one sentinel."""
    owned = {process.name for process in layout.deployment.owned_by("us-west-2")}
    assert {"shard2-us-west-2", "shard1-us-west-2", "etcd-us-west-2", "sentinel-us-west-2", "haproxy-us-west-2", "app-us-west-2-0"} <= owned
    assert {member.shard for member in layout.deployment.members if member.process not in owned} == {1, 2, 3, 4, 5}


def test_what_is_resident_stays_in_its_region(layout):
    """Both members of shard 3 and all nodes of the cells for eu-west-1."""
    assert {member.region for member in layout.deployment.members if member.shard == 3} == {"eu-west-1"}
    assert {store.region for store in layout.deployment.stores if store.group.endswith("-eu")} == {"eu-west-1"}


def test_an_application_reaches_caches_by_the_home_of_the_franchise(layout):
    """A visitor in us-east-1 of a franchise in eu-west-1 is served from the cell in eu-west-1."""
    told = told_to(layout, "app-us-east-1-0")
    links = {link.port: link for link in layout.deployment.links}
    assert links[told.caches["eu-west-1"]].name == "us-east-1-cache-eu"
    assert links[told.caches["us-west-2"]].name == links[told.caches["us-east-1"]].name == "us-east-1-cache"
    assert links[told.sessions["eu-west-1"]].name == "us-east-1-sessions-eu"


def test_applications_take_their_own_regions_links_to_everything(layout):
    """So that a fault on a region's links is a fault of that region."""
    links = {link.port: link for link in layout.deployment.links}
    for told in (told_to(layout, process.name) for process in layout.deployment.processes if process.role == "app"):
        ports = [*told.primaries.values(), *told.replicas.values(), *told.caches.values(), *told.sessions.values(), told.ratelimit]
        ports.append(int(told.payments_url.rsplit(":", 1)[1]))
        assert {links[port].region for port in ports} == {told.region}, told.instance


def test_members_are_reached_for_replication_through_their_regions_link_and_serve_on_their_own_port(layout):
    """Standbys stream through Toxiproxy; HAProxy goes straight."""
    member = layout.deployment.members[0]
    told = json.loads(text(layout, "shard1-us-east-1.json"))["postgresql"]
    link = next(link for link in layout.deployment.links if link.name == "shard1-us-east-1-replication")
    assert (link.kind, link.region, link.upstream_port) == ("replication", "us-east-1", member.port)
    assert told["connect_address"] == f"127.0.0.1:{link.port}"
    assert told["listen"] == f"127.0.0.1:{member.port}"
    assert f"127.0.0.1:{member.port} check port {member.api_port}" in text(layout, "haproxy-us-east-1.cfg")


def test_edges_reach_every_region_through_its_ingress_link(layout):
    """Checks and customers alike, so that one link cuts a region's customers off and the edge notices by itself."""
    links = [link for link in layout.deployment.links if link.kind == "ingress"]
    settings = text(layout, "edges.cfg")
    assert [link.region for link in links] == list(layout.deployment.topology.regions)
    for link in links:
        assert settings.count(f"127.0.0.1:{link.port} ") == 1 + len(links)
        assert f"127.0.0.1:{link.upstream_port} " not in settings


def test_sentinels_have_a_user_of_their_own(layout):
    """Taking its rights away is how they are cut off a node that its clients still reach."""
    for process in layout.deployment.processes:
        if process.role == "valkey":
            assert " ".join(process.argv).endswith("--user sentinel on nopass ~* &* +@all")
        if process.role == "sentinel":
            assert text(layout, f"{process.name}.conf").count("sentinel auth-user ") == 7


def test_without_toxiproxy_the_same_parts_are_connected_directly(definition, found_parts):
    """Process faults still work; links that cannot be disturbed are not listed."""
    bare = dataclasses.replace(found_parts, toxiproxy=None, missing={"toxiproxy": "no Go"})
    layout = lay_out("an-id", Path("/state/embedded-1"), definition, bare, 20_000)
    assert layout.deployment.links == ()
    assert layout.deployment.missing == {"toxiproxy": "no Go"}
    assert not [process for process in layout.deployment.processes if process.role == "toxiproxy"]
    listening = {port for process in layout.deployment.processes for port in process.ports}
    told = told_to(layout, "app-us-east-1-0")
    assert {*told.primaries.values(), *told.caches.values(), told.ratelimit} <= listening


def test_toxiproxy_creates_its_links_itself_whenever_it_starts(layout):
    """A restarted one needs no further command."""
    proxies = json.loads(text(layout, "toxiproxy-us-west-2.json"))
    expected = {(link.name, f"127.0.0.1:{link.port}") for link in layout.deployment.links if link.region == "us-west-2"}
    assert {(proxy["name"], proxy["listen"]) for proxy in proxies} == expected
    assert all(proxy["enabled"] for proxy in proxies)


def test_patroni_promotes_whatever_the_lag_and_survives_a_loss_of_etcd(layout):
    """Availability first, loss is measured; failsafe keeps a healthy primary."""
    dcs = json.loads(text(layout, "shard2-us-west-2.json"))["bootstrap"]["dcs"]
    assert (dcs["ttl"], dcs["loop_wait"], dcs["retry_timeout"], dcs["synchronous_mode"]) == (20, 1, 3, False)
    assert dcs["failsafe_mode"] is True
    assert dcs["maximum_lag_on_failover"] >= 1 << 30
    assert dcs["postgresql"]["parameters"]["fsync"] == "on"


@pytest.mark.parametrize(("version", "expected"), [("18.1", True), ("15.4", False)])
def test_parameters_fit_the_version_of_postgresql(definition, found_parts, version, expected):
    """io_method is new in 18; an older server would refuse to start."""
    parts = dataclasses.replace(found_parts, postgres_version=version)
    layout = lay_out("an-id", Path("/state/embedded-1"), definition, parts, 20_000)
    parameters = json.loads(text(layout, "shard1-us-east-1.json"))["bootstrap"]["dcs"]["postgresql"]["parameters"]
    assert ("io_method" in parameters) is expected


def test_a_region_finds_the_primary_of_every_shard_and_group_by_asking_the_servers(layout):
    """Roles are checked, never assumed."""
    settings = text(layout, "haproxy-eu-west-1.cfg")
    primary, replica, cache = (block(settings, f"listen {name}\n") for name in ("shard1-primary", "shard1-replica", "cache"))
    assert "option httpchk OPTIONS /primary" in primary
    assert "option httpchk OPTIONS /replica" in replica
    assert "tcp-check expect string role:master" in cache
    assert all("on-marked-down shutdown-sessions" in part for part in (primary, replica, cache))


def test_an_edge_leads_to_its_region_and_then_to_the_regions_after_it_in_order(layout):
    """The stand-in for DNS failover."""
    servers = [
        line.split()[1:]
        for line in block(text(layout, "edges.cfg"), "backend edge-eu-west-1").splitlines()
        if line.startswith("    server")
    ]
    assert [server[0] for server in servers] == ["eu-west-1", "ap-southeast-1", "us-east-1", "us-west-2"]
    assert ["backup" in server for server in servers] == [False, True, True, True]


def test_no_proxy_repeats_a_request(layout):
    """A repeated POST could book twice."""
    for name in ("edges.cfg", "haproxy-us-east-1.cfg"):
        retried = {line.strip() for line in text(layout, name).splitlines() if "retry-on" in line}
        assert retried == {"retry-on conn-failure"}


def test_sentinels_watch_every_group_at_its_declared_primary_with_a_majority(layout):
    """Two of three must agree."""
    settings = text(layout, "sentinel-us-west-2.conf")
    for group, region in {"cache": "us-east-1", "cache-eu": "eu-west-1", "sessions": "us-east-1", "ratelimit": "ap-southeast-1"}.items():
        store = next(store for store in layout.deployment.stores if (store.group, store.region) == (group, region))
        assert f"sentinel monitor {group} 127.0.0.1 {store.port} 2\n" in settings


def test_only_sessions_and_jobs_are_kept_on_disk(layout):
    """A cache may be lost, a session or a job must not be."""
    kept = {
        process.name
        for process in layout.deployment.processes
        if process.role == "valkey" and process.argv[process.argv.index("--appendonly") + 1] == "yes"
    }
    assert {name.split("-")[0] for name in kept} == {"sessions", "broker"}
    assert len(kept) == 8


def test_the_load_generator_has_the_highest_priority_and_servers_a_higher_one_than_applications(layout):
    """The generator must keep its schedule; etcd must not lack processor time."""
    niceness = {process.role: process.nice for process in layout.deployment.processes}
    assert niceness["app"] > niceness["etcd"] > 0
    assert all(process.nice > 0 for process in layout.deployment.processes)


def test_a_second_member_in_one_region_is_its_second_zone(layout):
    """Names stay unique and say where."""
    assert [member.name for member in layout.deployment.members if member.shard == 3] == ["shard3-eu-west-1", "shard3-eu-west-1-b"]


def test_parts_on_one_machine_use_only_its_loopback_address(layout):
    """They cannot be reached from outside, and send nothing outside."""
    told = [*layout.files.values(), *(" ".join(process.argv) for process in layout.deployment.processes)]
    told += [" ".join(process.environ.values()) for process in layout.deployment.processes]
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", " ".join(told))) == {"127.0.0.1"}


def test_every_link_leads_to_a_process_that_listens_there(layout):
    """What a proxy leads to is known by name, wherever it lives."""
    for link in layout.deployment.links:
        assert link.upstream_port in layout.deployment.process(link.upstream).ports


def test_links_without_faults_are_direct_and_need_no_toxiproxy(definition, found_parts):
    """Each hop costs processor time; omitted links are listed, so that no fault is requested for them."""
    layout = lay_out("an-id", Path("/state/embedded-1"), dataclasses.replace(definition, links=()), found_parts, 20_000)
    assert layout.deployment.links == ()
    assert set(layout.deployment.straight) == {"app-database", "app-cache", "app-payments", "replication", "ingress"}
    assert layout.deployment.missing == {}
    assert not [process for process in layout.deployment.processes if process.role == "toxiproxy"]


def test_only_the_kinds_of_links_that_are_named_lead_through_toxiproxy(definition, found_parts):
    """Caches may be disturbed, databases and customers are connected directly, all by ports at which a server listens."""
    layout = lay_out("an-id", Path("/state/embedded-1"), dataclasses.replace(definition, links=("app-cache",)), found_parts, 20_000)
    assert {link.kind for link in layout.deployment.links} == {"app-cache"}
    assert sum(process.role == "toxiproxy" for process in layout.deployment.processes) == 4
    told = told_to(layout, "app-us-east-1-0")
    listening = {port: process.role for process in layout.deployment.processes for port in process.ports}
    assert {listening[port] for port in (*told.caches.values(), *told.sessions.values(), told.ratelimit)} == {"toxiproxy"}
    assert {listening[port] for port in (*told.primaries.values(), *told.replicas.values())} == {"haproxy"}
    assert listening[int(told.payments_url.rpartition(":")[2])] == "payments"
    member = json.loads(text(layout, "shard1-us-east-1.json"))["postgresql"]
    assert member["connect_address"] == member["listen"]


def test_edges_serve_http_unless_the_file_says_otherwise(definition, found_parts, layout):
    """Then nothing of TLS is there: no certificate, no authority. The runtime API is there all the same: a region that is scaled to nothing needs it."""
    assert {edge.url.partition(":")[0] for edge in layout.deployment.edges} == {"http"}
    assert (layout.certificates, layout.deployment.authority) == (None, "")
    assert "ssl" not in text(layout, "edges.cfg")
    assert f"stats socket ipv4@127.0.0.1:{layout.deployment.edge_balancers[0].admin_port} level admin" in text(layout, "edges.cfg")
    secure = dataclasses.replace(definition, edges=EdgesOf(tls=True))
    assert ports_needed(secure, found_parts) == ports_needed(definition, found_parts)


def test_each_edge_with_tls_has_a_certificate_of_its_own(definition, found_parts):
    """Below the root and apart from the settings, which the databases' user may read; sessions are not resumed; the application learns of it."""
    root = Path("/state/embedded 1")
    layout = lay_out("an-id", root, dataclasses.replace(definition, edges=EdgesOf(tls=True)), found_parts, 20_000)
    edges, told = layout.deployment.edges, [edge.tls for edge in layout.deployment.edges if edge.tls is not None]
    assert len(told) == len(edges)
    assert layout.certificates == root / "tls"
    assert layout.deployment.authority == "/state/embedded 1/tls/authority.pem"
    assert {edge.url.partition(":")[0] for edge in edges} == {"https"}
    assert [each.certificate for each in told] == [f"/state/embedded 1/tls/edge-{edge.region}.pem" for edge in edges]
    assert len({each.closing for each in told}) == len(edges)
    (serving,) = [process for process in layout.deployment.processes if process.role == "edge"]
    assert {each.admin_port for each in told} <= set(serving.ports)
    settings = layout.files[root / "config" / "edges.cfg"]
    assert "ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets" in settings
    assert "tune.ssl.cachesize 0" in settings
    for edge, tls in zip(edges, told, strict=True):
        frontend = block(settings, f"frontend {edge.frontend}")
        assert f"ssl crt '{tls.certificate}' alpn http/1.1" in frontend
        assert "http-request set-header X-Forwarded-Proto https" in frontend
        assert "option http-ignore-probes" in frontend
        assert f"var({tls.closing})" in frontend
    assert layout.deployment.configuration == ("/state/embedded 1/config", "/state/embedded 1/tls")
    assert layout.deployment.files == "/state/embedded 1/data/application"
