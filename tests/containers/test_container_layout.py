"""The layout of the shipped environment in containers: that of the embedded one, with other addresses."""

import json
import re
from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from closeshave.deployment import Deployment
from closeshave.environments import layout as embedded_layout
from closeshave.environments.containers.layout import Users, lay_out, parts_inside, size
from closeshave.environments.definition import read_containers, read_definition
from closeshave.environments.stack import Embedded, Stack
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.standin.settings import of_process

ROOT = Path("/state/containers-1")
BLOCK = IPv4Network("10.213.4.0/23")
SHIPPED = locate("environments", "containers")


def parts(definition, **changes):
    """The programs, as they are called inside."""
    return parts_inside(ROOT, definition.images, postgres_version="18.1", **changes)


@pytest.fixture(scope="module")
def definition():
    """The environment file that the project ships."""
    return read_containers(SHIPPED)


@pytest.fixture(scope="module")
def layout(definition):
    """The shipped environment on ports from 20000."""
    users = Users(everybody="0:0", databases="65534:65534")
    return lay_out("0123456789abcdef", ROOT, definition, parts(definition), 20_000, block=BLOCK, users=users)


@pytest.fixture(scope="module")
def bare(definition):
    """The same parts as plain processes."""
    return embedded_layout.lay_out("0123456789abcdef", ROOT, definition, parts(definition), 20_000)


def shape(definition: Stack):
    """All that a definition says of the platform itself, but for what no container can be: workers with their broker, and a spare shard."""
    return (
        replace(definition, name="", description="", spare=None).topology,
        tuple(group for group in definition.tiers if group.tier != "broker"),
        definition.etcd,
        definition.sentinels,
        definition.database,
    )


def test_plans_find_the_same_platform_as_in_the_embedded_environment(definition):
    """So that scenarios, experiments and targets run unchanged."""
    embedded = read_definition(locate("environments", "embedded"))
    assert isinstance(embedded, Embedded)
    assert shape(definition) == shape(embedded)


def test_the_same_parts_have_the_same_ports(layout, bare):
    """Traffic, judges and faults use ports of this machine and do not depend on containers."""
    for name in ("members", "stores", "sentinels", "links", "edges", "payments", "etcd_ports"):
        assert getattr(layout.deployment, name) == getattr(bare.deployment, name)
    ports = {process.name: process.ports for process in layout.deployment.processes}
    assert ports == {process.name: process.ports for process in bare.deployment.processes}


def test_every_port_is_published_once(layout, definition):
    """A port belongs to one process, and all are in the claimed block."""
    published = [port for process in layout.deployment.processes for port in process.ports]
    assert sorted(published) == list(range(20_000, 20_000 + size(definition, parts(definition))[0]))


def test_the_networks_fit_into_the_requested_block(layout, definition):
    """What is reserved is what is used."""
    assert BLOCK.prefixlen == size(definition, parts(definition))[1]
    assert all(IPv4Network(network.subnet).subnet_of(BLOCK) for network in layout.deployment.networks)


def test_every_process_has_a_container_with_an_image_and_a_name_of_its_own(layout, definition):
    """One part each, so that each can be killed, frozen, starved and cut off by itself."""
    containers = [process.container for process in layout.deployment.processes]
    assert all(containers)
    assert max(Counter(container.name for container in containers).values()) == 1
    # The shipped file has no pooler.
    assert {container.image for container in containers} == set(vars_of(definition.images)) - {definition.images.pooler}


def vars_of(images):
    """The images themselves."""
    return [getattr(images, name) for name in images.__slots__]


@pytest.mark.parametrize(
    ("name", "networks"),
    [
        ("app-us-east-1-0", ["front", "us-east-1"]),
        ("shard1-us-east-1", ["front", "us-east-1", "wan"]),
        ("etcd-us-west-2", ["front", "us-west-2", "wan"]),
        ("cache-eu-eu-west-1", ["front", "eu-west-1", "wan"]),
        ("sentinel-ap-southeast-1", ["front", "ap-southeast-1", "wan"]),
        ("haproxy-eu-west-1", ["front", "eu-west-1", "wan"]),
        ("toxiproxy-eu-west-1", ["front", "eu-west-1", "wan"]),
        ("edges", ["front", "us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"]),
        ("payments", ["front", "us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"]),
    ],
)
def test_each_part_is_on_the_networks_that_it_needs(layout, name, networks):
    """A part that is not on the wan is not affected by a partition of its region; a part outside of all regions is on the network of each."""
    attached = [at.network for at in layout.deployment.process(name).container.attachments]
    assert attached == [f"closeshave-01234567-{network}" for network in networks]


def address_of(deployment: Deployment, name: str, network: str):
    """Where a part is on one network."""
    container = deployment.process(name).container
    assert container is not None
    return next(at.address for at in container.attachments if at.network.endswith(f"-{network}"))


def test_a_standby_streams_from_another_region_over_the_wan_and_from_its_own_on_its_network(layout):
    """Shard 1's members are in two regions, shard 3's in one, which a partition of that region must not separate."""
    told = {name: json.loads(layout.files[ROOT / "config" / f"{name}.json"]) for name in ("shard1-us-east-1", "shard3-eu-west-1")}
    links = {link.name: link for link in layout.deployment.links}
    for name, proxy, network in (
        ("shard1-us-east-1", "toxiproxy-us-east-1", "wan"),
        ("shard3-eu-west-1", "toxiproxy-eu-west-1", "eu-west-1"),
    ):
        port = links[f"{name}-replication"].port
        assert told[name]["postgresql"]["connect_address"] == f"{address_of(layout.deployment, proxy, network)}:{port}"
        assert told[name]["restapi"]["connect_address"].startswith(f"{address_of(layout.deployment, name, network)}:")


def test_databases_admit_only_the_block(layout):
    """Connections through published ports come from the networks' gateways."""
    told = json.loads(layout.files[ROOT / "config" / "shard1-us-east-1.json"])["postgresql"]["pg_hba"]
    assert {line.split()[3] for line in told} == {"127.0.0.1/32", str(BLOCK)}


def test_a_region_reaches_its_own_parts_on_its_network_and_the_others_over_the_wan(layout):
    """A region that is cut off from the others still serves with its own parts."""
    settings = layout.files[ROOT / "config" / "haproxy-us-west-2.cfg"]
    deployment = layout.deployment
    assert f"server shard2-us-west-2 {address_of(deployment, 'shard2-us-west-2', 'us-west-2')}:" in settings
    assert f"server shard2-ap-southeast-1 {address_of(deployment, 'shard2-ap-southeast-1', 'wan')}:" in settings


def test_customers_of_a_region_enter_on_its_own_network(layout):
    """They reach a region that is cut off from the others, and do not reach one that is cut off from them."""
    settings = layout.files[ROOT / "config" / "edges.cfg"]
    for region in layout.deployment.topology.regions:
        assert f"server watch {address_of(layout.deployment, f'toxiproxy-{region}', region)}:" in settings


def test_applications_use_their_regions_proxy(layout):
    """Everything that they need leads through it."""
    for settings in (of_process(process.environ) for process in layout.deployment.processes if process.role == "app"):
        proxy = address_of(layout.deployment, f"toxiproxy-{settings.region}", settings.region)
        assert settings.host == proxy
        assert settings.payments_url.startswith(f"http://{proxy}:")


def test_the_address_that_others_use_is_that_of_the_process(layout):
    """Sentinels know primaries by it, and faults state one part's address to another by it."""
    store = next(store for store in layout.deployment.stores if store.process in layout.declared_primaries)
    address = layout.deployment.process(store.process).address
    assert address == address_of(layout.deployment, store.process, "wan")
    assert f"sentinel monitor {store.group} {address} {store.port} 2\n" in layout.files[ROOT / "config" / "sentinel-us-east-1.conf"]


def test_no_part_gets_an_address_that_only_the_part_itself_can_use(layout):
    """127.0.0.1 in a container is that container: only databases use it, for connections from inside."""
    for path, text in layout.files.items():
        if path.name.startswith("shard") or path.suffix == ".py":
            continue
        assert "127.0.0.1" not in text, path
    assert not [process.name for process in layout.deployment.processes if "127.0.0.1" in " ".join(process.argv)]


def test_programs_have_the_paths_of_the_images(layout):
    """No path of this machine exists inside, except those below the environment's root."""
    for process in layout.deployment.processes:
        paths = re.findall(r"(?<![\w:/])/[\w./-]+", " ".join(process.argv))
        assert all(path.startswith(str(ROOT)) for path in paths), process.name
        assert "PYTHONPATH" not in process.environ


def test_an_etcd_that_must_not_trust_its_data_asks_the_others_by_their_addresses(definition):
    """The fallback of a machine that cannot build a current one; 127.0.0.1 would be itself."""
    users = Users(everybody="0:0", databases="65534:65534")
    old = parts(definition, etcd_rejoins_empty=True)
    deployment = lay_out("0123456789abcdef", ROOT, definition, old, 20_000, block=BLOCK, users=users).deployment
    members = [process for process in deployment.processes if process.role == "etcd"]
    for member in members:
        others = [f"{other.address}:{other.ports[0]}" for other in members if other is not member]
        assert member.argv[:4] == ("python3", "-m", "closeshave.environments.servers.etcd_rejoin", ",".join(others))


def test_only_databases_run_as_another_user(layout):
    """PostgreSQL refuses root; all others own the files that they share with the harness."""
    others = {process.role for process in layout.deployment.processes if process.container.user != "0:0"}
    assert others == {"patroni"}


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("platform: closeshave/platform:local", "platform: 'a b'", "images.platform", "'a b' is not the name of an image"),
        ("platform: closeshave/platform:local", "platform: ''", "images.platform", "'' is not the name of an image"),
        ("  etcd: closeshave/etcd:local", "  etcds: closeshave/etcd:local", "images.etcds", "unknown key"),
        ("apps_per_region: 2", "apps_per_region: 0", "apps_per_region", "at least 1"),
        ("ports: auto", "ports: 40000", "ports", "the kernel uses higher ones"),
        ("kind: containers", "kind: container", "kind", "available: embedded, containers, remote"),
        ("kind: containers", "kind: embedded", "images", "unknown key"),
    ],
)
def test_an_error_in_a_file_is_reported_with_its_line(tmp_path, old, new, key, message):
    """Before anything is started."""
    text = SHIPPED.read_text()
    assert old in text
    path = tmp_path / "changed.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidFile) as caught:
        read_definition(path)
    problem = next(problem for problem in caught.value.problems if problem.key == key)
    assert message in problem.message
    assert problem.line > 0


@pytest.mark.parametrize("image", ["valkey/valkey:9", "localhost:5000/x", "quay.io/a/b:v1.2@sha256:" + "0" * 64, "postgres"])
def test_any_image_of_an_engine_may_be_named(tmp_path, image):
    """From a registry, pinned or not."""
    path = tmp_path / "changed.yaml"
    path.write_text(SHIPPED.read_text().replace("closeshave/valkey:local", image))
    assert read_containers(path).images.valkey == image


def test_parts_without_toxiproxy_are_reached_directly(definition):
    """Caches through the region's Toxiproxy, databases at its HAProxy, the payment provider and customers straight, each by the region's own network."""
    users = Users(everybody="0:0", databases="65534:65534")
    narrow = replace(definition, links=("app-cache",))
    deployment = (layout := lay_out("0123456789abcdef", ROOT, narrow, parts(narrow), 20_000, block=BLOCK, users=users)).deployment
    told = of_process(deployment.process("app-us-west-2-0").environ)
    assert told.tiers_host == address_of(deployment, "toxiproxy-us-west-2", "us-west-2")
    assert told.host == address_of(deployment, "haproxy-us-west-2", "us-west-2")
    assert told.payments_url.startswith(f"http://{address_of(deployment, 'payments', 'us-west-2')}:")
    assert f"server watch {address_of(deployment, 'haproxy-us-west-2', 'us-west-2')}:" in layout.files[ROOT / "config" / "edges.cfg"]
    member = json.loads(layout.files[ROOT / "config" / "shard1-us-east-1.json"])["postgresql"]
    assert member["connect_address"].startswith(f"{address_of(deployment, 'shard1-us-east-1', 'wan')}:")
