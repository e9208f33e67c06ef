"""Every kind of fault that a cluster can have, against a real API server, its controllers and its scheduler: seen in effect, put back, and proven."""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from closeshave.clients import cluster_lease, kubeconfig
from closeshave.clients.kubernetes import ClusterApi, OutOfBounds, opened, path
from closeshave.cluster import PRESETS, Cluster, Operator
from closeshave.deployment import Deployment
from closeshave.environments.kubernetes import guard, kubernetes
from closeshave.environments.kubernetes.look import look
from closeshave.faults import catalogue, lifecycle
from closeshave.faults.heal import heal_open
from closeshave.faults.kind import Aim, NotSeen
from closeshave.faults.kubernetes import keeper, pods
from closeshave.faults.kubernetes.binding import ACTS
from closeshave.faults.kubernetes.marks import MARK, marked
from closeshave.faults.ledger import Ledger
from closeshave.history import Sighting
from tests.kubernetes import platform
from tests.kubernetes.controlplane import ControlPlane, Kubelets, until
from tests.kubernetes.platform import EAST, HOLDER

pytestmark = pytest.mark.kubernetes
PRESET: Operator = "zalando"
NUMBERS = itertools.count(1)
CASES: list[tuple[str, dict[str, str | int]]] = [
    ("shard.primary-killed", {"shard": 1}),
    ("shard.primary-partitioned", {"shard": 1}),
    ("service.killed", {"region": EAST}),
    ("service.cpu-squeezed", {"region": EAST}),
    ("service.memory-squeezed", {"region": EAST}),
    ("service.node-drained", {"region": EAST}),
    ("region.partitioned", {"region": EAST}),
    ("region.lost", {"region": EAST}),
]


@pytest.fixture(scope="module")
def namespace(plane: ControlPlane) -> Iterator[str]:
    """The platform's, running."""
    name = "booking"
    with ExitStack() as played:
        platform.make(plane, PRESET, name)
        played.enter_context(platform.operated(plane, PRESET, name))
        yield name


@pytest.fixture
def there(plane: ControlPlane, namespace: str, tmp_path: Path) -> Deployment:
    """The platform, whole."""
    found = platform.deployment(tmp_path / "root", platform.cluster(plane, PRESET, namespace))
    whole(found)
    return found


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory."""
    (tmp_path / "run" / "logs").mkdir(parents=True)
    return tmp_path / "run"


def aim(there: Deployment, kind: str, scope: dict[str, str | int]) -> tuple[Any, Aim]:
    """A kind as this platform has it, and its aim."""
    found = catalogue.of(kind, scope, there)
    return found, found.aim(there, scope, {})


def whole(there: Deployment) -> None:
    """Wait until every part is ready as declared."""

    def ready() -> bool:
        return all(not aim(there, kind, scope)[0].unfit(aim(there, kind, scope)[1]) for kind, scope in (CASES[0], CASES[-1]))

    until("the whole platform", ready, 90)


def never() -> bool:
    """Nobody stops it."""
    return False


def quiet(_line: str) -> None:
    """Nobody listens."""


def everything(plane: ControlPlane) -> dict[str, Any]:
    """What faults change, as the administrator sees it."""
    nodes = {node["metadata"]["name"]: node["spec"].get("unschedulable", False) for node in plane.items("/api/v1/nodes")}
    found = [*plane.items("/api/v1/pods"), *plane.items("/api/v1/nodes")]
    marks = [each["metadata"]["name"] for each in found if MARK in each["metadata"].get("labels", {})]
    policies = [each["metadata"]["name"] for each in plane.items("/apis/networking.k8s.io/v1/networkpolicies")]
    limits = sorted(
        {each["resources"]["limits"]["cpu"] for pod in plane.items("/api/v1/namespaces/booking/pods") for each in pod["spec"]["containers"]}
    )
    return {"nodes": nodes, "marks": marks, "policies": policies, "limits": limits}


def test_every_kind_that_a_cluster_has_is_tested_here() -> None:
    """A new act needs a case."""
    assert {kind for kind, _ in CASES} == set(ACTS)


@pytest.mark.parametrize(("name", "scope"), CASES, ids=[name for name, _ in CASES])
def test_a_fault_is_seen_put_back_and_proven(
    name: str, scope: dict[str, str | int], plane: ControlPlane, there: Deployment, run: Path
) -> None:
    """The whole life by the ledger, as an experiment's process goes through it."""
    before = everything(plane)
    kind, aimed = aim(there, name, scope)
    injection = lifecycle.inject(Ledger(run), "broken", kind, aimed, None, 1, never)
    assert injection is not None
    assert injection.touched
    if not kind.lasting:
        assert lifecycle.observe(Ledger(run), "broken", kind, aimed, never) is not None
    else:
        steps = iter(kind.course(aimed))
        seen = until("its sighting", lambda: _look(kind, aimed, injection, steps), 60)
        assert isinstance(seen, Sighting)
        assert everything(plane) != before
        assert not all(proof.holds for proof in kind.prove(aimed)), "while it is in effect nothing may prove its heal"
    assert lifecycle.heal(Ledger(run), "broken", there, quiet) == []
    assert Ledger(run).open() == ()
    assert everything(plane) == before
    assert all(proof.holds for proof in kind.prove(aimed))


def _look(kind: Any, aimed: Aim, injection: Any, steps: Iterator[Any]) -> Any:
    found = kind.look(aimed, injection)
    if isinstance(found, NotSeen):
        for step in itertools.islice(steps, 1):
            step.act(aimed, 0, quiet)
    return found if isinstance(found, Sighting) else None


def test_a_policy_that_nobody_enforces_is_not_seen_in_effect(played: Kubelets, there: Deployment, run: Path) -> None:
    """That the API took it proves nothing: on such a cluster the fault did not take effect."""
    kind, aimed = aim(there, "region.partitioned", {"region": EAST})
    played.enforces = False
    try:
        injection = lifecycle.inject(Ledger(run), "broken", kind, aimed, None, 1, never)
        assert injection is not None
        time.sleep(2)
        found = kind.look(aimed, injection)
        assert isinstance(found, NotSeen)
        assert "does the cluster's network plugin enforce NetworkPolicy?" in found.saw
    finally:
        played.enforces = True
        assert lifecycle.heal(Ledger(run), "broken", there, quiet) == []


def test_a_pod_that_was_never_ready_shows_no_partition(played: Kubelets, there: Deployment, run: Path) -> None:
    """One of the region that still starts, beside parts that are whole: where nobody enforces the policy, it is not taken for a victim."""
    at = "/api/v1/namespaces/booking/pods"
    container = {"name": "x", "image": "example.invalid/nothing:1"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "starting"}, "spec": {"nodeName": "zone-a-1", "containers": [container]}}
    kind, aimed = aim(there, "region.partitioned", {"region": EAST})
    played.enforces = False
    played.never_ready.add("starting")
    played.plane.ask("POST", at, pod)
    try:
        until("its start", lambda: played.plane.ask("GET", f"{at}/starting")["status"].get("containerStatuses"))
        injection = lifecycle.inject(Ledger(run), "broken", kind, aimed, None, 1, never)
        assert injection is not None
        assert any(str(each).endswith(", not ready before") and "starting" in str(each) for each in injection.touched)
        time.sleep(2)
        assert isinstance(kind.look(aimed, injection), NotSeen)
    finally:
        played.enforces = True
        played.plane.ask("DELETE", f"{at}/starting", {"gracePeriodSeconds": 0})
        played.never_ready.clear()
        assert lifecycle.heal(Ledger(run), "broken", there, quiet) == []


def test_a_drain_waits_for_what_a_budget_forbids(plane: ControlPlane, there: Deployment, run: Path) -> None:
    """The cluster refuses the eviction as long as the budget allows none; asked again afterwards, it grants it. The database's member has no budget."""
    budgets = "/apis/policy/v1/namespaces/booking/poddisruptionbudgets"
    spec = {"minAvailable": 4, "selector": {"matchLabels": {"app.kubernetes.io/name": "api"}}}
    plane.ask("POST", budgets, {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "api"}, "spec": spec})
    kind, aimed = aim(there, "service.node-drained", {"region": EAST})
    try:
        until("the budget to count", lambda: plane.ask("GET", f"{budgets}/api").get("status", {}).get("currentHealthy") == 4)
        injection = lifecycle.inject(Ledger(run), "broken", kind, aimed, None, 1, never)
        assert injection is not None
        steps = iter(kind.course(aimed))
        for step in itertools.islice(steps, 2):
            step.act(aimed, 0, quiet)
            time.sleep(1)
        found = kind.look(aimed, injection)
        assert isinstance(found, NotSeen)
        assert re.search(r"zone-a-\d still has (api-\S+)", found.saw), found.saw
        plane.ask("DELETE", f"{budgets}/api")
        assert isinstance(until("its sighting", lambda: _look(kind, aimed, injection, steps), 60), Sighting)
    finally:
        plane.client.delete(f"{budgets}/api")
        assert lifecycle.heal(Ledger(run), "broken", there, quiet) == []


def test_whoever_finds_the_ledger_heals(plane: ControlPlane, there: Deployment, run: Path) -> None:
    """The ordinary janitor and ``closeshave heal``: nothing of the process that struck is needed."""
    before = everything(plane)
    kind, aimed = aim(there, "service.cpu-squeezed", {"region": EAST})
    assert lifecycle.inject(Ledger(run), "broken", kind, aimed, None, 1, never) is not None
    assert everything(plane) != before
    assert heal_open(run, there, quiet) == []
    assert everything(plane) == before


def test_a_pod_with_a_mark_is_not_struck_again(there: Deployment, run: Path) -> None:
    """Two faults on one pod could not be put back apart."""
    kind, aimed = aim(there, "service.cpu-squeezed", {"region": EAST})
    assert lifecycle.inject(Ledger(run), "broken", kind, aimed, None, 1, never) is not None
    try:
        other, at = aim(there, "service.killed", {"region": EAST})
        assert "heal it first" in other.unfit(at)
    finally:
        assert lifecycle.heal(Ledger(run), "broken", there, quiet) == []


def test_a_fault_that_would_touch_too_much_is_refused(plane: ControlPlane, namespace: str, there: Deployment, tmp_path: Path) -> None:
    """By the caps of the file, before anything is touched."""
    small = platform.deployment(tmp_path / "small", platform.cluster(plane, PRESET, namespace, pods_at_once=1, nodes_at_once=1))
    kind, aimed = aim(small, "region.lost", {"region": EAST})
    assert "cluster.pods_at_once" in kind.unfit(aimed)
    few = platform.deployment(tmp_path / "few", platform.cluster(plane, PRESET, namespace, nodes_at_once=1))
    assert "cluster.nodes_at_once" in aim(few, "region.lost", {"region": EAST})[0].unfit(aim(few, "region.lost", {"region": EAST})[1])


def test_nothing_outside_the_named_namespaces_can_be_changed(plane: ControlPlane, namespace: str) -> None:
    """Not even as the cluster's administrator."""
    with opened(kubeconfig.of("admin"), [namespace]) as api:
        for at in (
            path("v1/pods", "kube-system", "x"),
            path("v1/namespaces", name=namespace),
            path("storage.k8s.io/v1/storageclasses", name="x"),
        ):
            with pytest.raises(OutOfBounds):
                api.delete(at)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_primary_is_found_by_the_labels_of_each_operator(preset: Any, plane: ControlPlane) -> None:
    """Pods that carry what the operator's documentation says."""
    name = f"found-{preset}"
    platform.make(plane, preset, name)
    described = platform.cluster(plane, preset, name)
    try:
        with platform.operated(plane, preset, name), opened(kubeconfig.of("admin"), [name]) as api:
            (lead,) = until("the primary", lambda: _ready_primary(api, described), 60)
            assert lead.name in {pod.name for pod in pods.of_shard(api, described, 1)}
            assert len(pods.of_shard(api, described, 1)) == 2
            told = {part.name: part.detail for part in until("its parts", lambda: _settled(described), 60)}
            assert sorted(detail for part, detail in told.items() if part.startswith("shop-1")) == ["primary", "replica"]
    finally:
        plane.ask("DELETE", f"/api/v1/namespaces/{name}")


def _ready_primary(api: ClusterApi, described: Cluster) -> Any:
    found = pods.primaries(api, described, 1)
    return found if [pod.ready for pod in found] == [True] else ()


def _settled(described: Cluster) -> Any:
    told = kubernetes.parts(described)
    return told if all(part.running for part in told) and len(told) == 6 else ()


def test_another_cluster_or_a_fault_that_was_left_is_refused(plane: ControlPlane, there: Deployment, namespace: str, run: Path) -> None:
    """Before anything is loaded."""
    definition = _definition(platform.cluster(plane, PRESET, namespace))
    assert list(guard.unsound(definition, look(definition.cluster, ACTS))) == []
    other = _definition(platform.cluster(plane, PRESET, namespace, uid="00000000-0000-4000-8000-000000000000"))
    (said,) = guard.unsound(other, look(other.cluster, ACTS))
    assert "this is not the cluster of the environment file" in said
    missing = _definition(platform.cluster(plane, PRESET, namespace, namespaces=(namespace, "nowhere")))
    assert "no namespace nowhere" in " ".join(guard.unsound(missing, look(missing.cluster, ACTS)))
    kind, aimed = aim(there, "service.cpu-squeezed", {"region": EAST})
    lifecycle.inject(Ledger(run), "broken", kind, aimed, None, 1, never)
    try:
        (said,) = guard.unsound(definition, look(definition.cluster, ACTS))
        assert "an earlier run left faults in the cluster" in said
    finally:
        assert lifecycle.heal(Ledger(run), "broken", there, quiet) == []


def _definition(described: Cluster) -> Any:
    from closeshave.environments.kubernetes.definition import Kubernetes  # noqa: PLC0415 - for these tests alone
    from closeshave.environments.remote.definition import Caps, Fingerprint  # noqa: PLC0415 - the same

    regions = {EAST: "http://127.0.0.1:1", platform.WEST: "http://127.0.0.1:2"}
    return Kubernetes("kubernetes", "test", regions, Fingerprint("/health", {"a": "b"}), Caps(1, 1, 1), cluster=described)


HOLDING = """
import sys, time
from closeshave.clients import cluster_lease
from closeshave.cluster import Cluster
from closeshave.environments.kubernetes.holding import Hold
cluster_lease.LENGTH_S, cluster_lease.RENEW_S = 8, 1.0
hold = Hold(Cluster(uid="", namespaces=(sys.argv[1],), context="admin"), sys.argv[2])
hold.take()
print("held", flush=True)
time.sleep(3600)
"""
"""The trial's process. Its lease is shorter than usual: whoever reads it goes by the length that stands in it."""
LENGTH_S = 8


@pytest.mark.parametrize("name", ["service.cpu-squeezed", "region.partitioned", "region.lost"])
def test_the_janitor_in_the_cluster_heals_when_the_trial_dies(
    name: str, plane: ControlPlane, there: Deployment, namespace: str, run: Path, tmp_path: Path
) -> None:
    """The trial is killed by SIGKILL together with everything of its pod; the janitor has nothing but the cluster."""
    before = everything(plane)
    trial = subprocess.Popen([sys.executable, "-c", HOLDING, namespace, HOLDER], stdout=subprocess.PIPE)
    assert trial.stdout is not None
    assert trial.stdout.readline() == b"held\n"
    with ExitStack() as ended:
        ended.callback(trial.wait)
        ended.callback(trial.kill)
        janitor = ended.enter_context(_janitor(plane, namespace, tmp_path))
        kind, aimed = aim(there, name, {"region": EAST})
        lifecycle.inject(Ledger(run), "broken", kind, aimed, None, 1, never)
        time.sleep(LENGTH_S + 5)
        assert everything(plane)["marks"] or everything(plane)["policies"], "while the trial renews its lease, nothing is put back"
        trial.send_signal(signal.SIGKILL)
        trial.wait()
        until("the heal", lambda: everything(plane) == before, LENGTH_S + 60)
        whole(there)
        # A kubelet reports the resources that were given back a moment later.
        until("the proofs", lambda: all(proof.holds for proof in kind.prove(aimed)), 20)
        janitor.terminate()
        assert janitor.wait(60) == 0


@contextmanager
def _janitor(plane: ControlPlane, namespace: str, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """As it runs in the cluster, from its environment file."""
    document = f"""
kind: kubernetes
name: test
stage: staging
regions: {{{EAST}: "http://127.0.0.1:1", {platform.WEST}: "http://127.0.0.1:2"}}
fingerprint: {{path: /health, expect: {{a: b}}}}
caps: {{requests_per_s: 1, requests: 1, duration: 1m}}
cluster: {{uid: "{plane.uid}", namespaces: [{namespace}], context: admin, nodes_at_once: 2}}
"""
    (directory / "platform.yaml").write_text(document)
    command = [sys.executable, "-m", "closeshave", "env", "janitor", str(directory / "platform.yaml"), "--alive", str(directory / "alive")]
    started = subprocess.Popen(command)
    try:
        until("the janitor's first look", (directory / "alive").exists, 180)
        yield started
    finally:
        started.kill()
        started.wait()


def test_what_nobody_holds_is_swept(plane: ControlPlane, there: Deployment, namespace: str, run: Path) -> None:
    """By hand: ``closeshave env sweep``."""
    before = everything(plane)
    kind, aimed = aim(there, "region.lost", {"region": EAST})
    lifecycle.inject(Ledger(run), "broken", kind, aimed, None, 1, never)
    assert everything(plane) != before
    assert keeper.sweep(platform.cluster(plane, PRESET, namespace), quiet) == ()
    with opened(kubeconfig.of("admin"), [namespace]) as api:
        assert marked(api, platform.cluster(plane, PRESET, namespace)) == ()
    whole(there)
    assert everything(plane) == before


def test_only_one_run_holds_a_cluster(plane: ControlPlane) -> None:
    """The second is told who has it; a lease that nobody renews any more is taken over."""
    namespace = "leases"
    plane.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    with opened(kubeconfig.of("admin"), [namespace]) as api:
        cluster_lease.take(api, namespace, "one")
        with pytest.raises(cluster_lease.LeaseHeld, match="one"):
            cluster_lease.take(api, namespace, "two")
        watched = cluster_lease.read(api, namespace)
        cluster_lease.renew(api, namespace, "one")
        with pytest.raises(cluster_lease.LeaseHeld, match="one"):
            cluster_lease.take(api, namespace, "two", watched)
        cluster_lease.take(api, namespace, "two", cluster_lease.read(api, namespace))
        with pytest.raises(cluster_lease.LeaseHeld, match="two"):
            cluster_lease.renew(api, namespace, "one")
        cluster_lease.release(api, namespace, "one")
        assert (held := cluster_lease.read(api, namespace)) is not None
        assert held.holder == "two"
        cluster_lease.release(api, namespace, "two")


def test_no_test_left_a_fault(plane: ControlPlane, namespace: str) -> None:
    """The last word of this file."""
    assert everything(plane)["marks"] == everything(plane)["policies"] == []
