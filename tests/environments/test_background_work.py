"""Workers and their broker are parts of an environment only where something needs them; and what is read of their jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from closeshave.deployment import Deployment
from closeshave.environments import drivers
from closeshave.environments.definition import read_definition, read_embedded
from closeshave.environments.evidence import jobs
from closeshave.environments.layout import lay_out
from closeshave.environments.parts import Parts
from closeshave.environments.stack import Embedded
from closeshave.faults import catalogue
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.plan import Expected, Fault
from closeshave.vocabulary import BACKGROUND, LIVE
from tests.environments import own

MAIL = "  workers: [{{name: mail, command: [python3, mail.py], starts: {starts}, variables: {{QUEUE: '{{broker_url}}'}}}}]\n"
BROKER = own.HEAD.replace(
    "etcd:", "  - {name: broker, tier: broker, primary: here, replica: here, serves: [here], append_only: true}\netcd:"
)
READ = "  read_back: {jobs: {query: SELECT 1, within: 1m}}\n"


@pytest.fixture
def shipped() -> Embedded:
    """The environment that ships."""
    return read_embedded(locate("environments", "embedded"))


def narrowed(definition: Embedded, *uses: str) -> Embedded:
    """As a run starts it whose faults and drills need this."""
    found = drivers.of("embedded").narrow(definition, (), uses)
    assert isinstance(found, Embedded)
    return found


def described(definition: Embedded, parts: Parts) -> Deployment:
    """What would be started."""
    return lay_out("an-id", Path("/state/e"), definition, parts, 20_000).deployment


def test_a_plan_that_needs_no_workers_has_none(shipped: Embedded, found_parts: Parts) -> None:
    """No process more, no broker, and an application that writes no jobs."""
    deployment = described(narrowed(shipped), found_parts)
    assert not [process.name for process in deployment.processes if process.role == "worker" or "broker" in process.name]
    assert not [store for store in deployment.stores if store.tier == "broker"]
    assert {process.environ["BACKGROUND"] for process in deployment.processes if process.role == "app"} == {"off"}
    assert not jobs.told(deployment)


def test_a_plan_that_needs_workers_has_one_in_each_region(shipped: Embedded, found_parts: Parts) -> None:
    """Those of one broker share its jobs; jobs of eu-west-1 stay there."""
    deployment = described(narrowed(shipped, BACKGROUND), found_parts)
    workers = [process for process in deployment.processes if process.role == "worker"]
    assert [worker.region for worker in workers] == list(shipped.regions)
    assert {store.group: {other.region for other in deployment.stores if other.group == store.group} for store in deployment.stores
            if store.tier == "broker"} == {"broker": {"us-east-1", "us-west-2"}, "broker-eu": {"eu-west-1"}}  # fmt: skip
    assert {process.environ["BACKGROUND"] for process in deployment.processes if process.role == "app"} == {"on"}


@pytest.mark.parametrize(("starts", "left"), [("always", 1), ("used", 0)])
def test_a_worker_that_an_application_always_has_is_always_started(tmp_path: Path, found_parts: Parts, starts: str, left: int) -> None:
    """And its broker with it."""
    path = own.write(tmp_path, own.PLAIN + MAIL.format(starts=starts) + READ, BROKER)
    (tmp_path / "mail.py").touch()
    definition = narrowed(read_embedded(path))
    deployment = described(definition, found_parts)
    assert sum(process.role == "worker" for process in deployment.processes) == left
    assert sum(store.tier == "broker" for store in deployment.stores) == 2 * left
    assert (BACKGROUND in definition.offers) is bool(left)


@pytest.mark.parametrize(
    ("head", "section"),
    [
        (BROKER, own.PLAIN + MAIL.format(starts="used")),  # nothing says what became of the jobs
        (own.HEAD, f"{own.PLAIN}  workers: [{{name: mail, command: [python3, mail.py]}}]\n{READ}"),  # no broker
        (BROKER, own.PLAIN + READ),  # no worker
    ],
)
def test_background_work_needs_all_its_parts(tmp_path: Path, head: str, section: str) -> None:
    """Else faults of it are refused, and say what is missing."""
    definition = read_embedded(own.write(tmp_path, section, head))
    assert BACKGROUND not in definition.offers
    assert BACKGROUND not in drivers.of("embedded").has(definition, {})
    [said] = catalogue.unserved("worker.killed", {"region": "here"}, definition.offers, None)
    assert "needs workers, a broker and a query for their jobs (application.workers, " in said


def test_a_broker_is_named_where_there_is_none(tmp_path: Path) -> None:
    """As any other tier."""
    with pytest.raises(InvalidFile, match="this environment has no tier broker; available: cache"):
        read_definition(own.write(tmp_path, own.PLAIN + MAIL.format(starts="used")))


@pytest.mark.parametrize(
    ("kind", "scope", "needed"),
    [
        ("worker.killed", {"region": "us-east-1"}, True),
        ("broker.lost", {"tier": "broker"}, True),
        ("cache.primary-killed", {"tier": "broker"}, True),
        ("cache.primary-killed", {"tier": "cache"}, False),
        ("region.lost", {"region": "us-east-1"}, False),
    ],
)
def test_faults_say_whether_they_need_workers(kind: str, scope: dict[str, str | int], needed: bool) -> None:
    """A run starts them only then."""
    fault = Fault("f", kind, "storm", 0, 1, Expected.TOLERATES, scope)
    assert (BACKGROUND in catalogue.uses([fault])) is needed


ROW: dict[str, Any] = {
    "job": 7, "booking_id": 3, "franchise_id": 1, "kind": "receipt", "due_at": datetime(2027, 1, 1, tzinfo=UTC), "done_at": None, "worker": None,
}  # fmt: skip


def test_a_row_of_the_query_is_a_job() -> None:
    """Times may be numbers; IDs may be texts; a job that nobody recorded has none."""
    due = ROW["due_at"].timestamp()
    (found,) = jobs._rows([ROW], 2, 30.0, 5.0)
    assert found == {
        "job": 7, "booking": 3, "franchise": 1, "found_on": 2, "kind": "receipt", "due_at": due, "late_at": due + 30, "done_at": None,
        "worker": None, "read_at": 5.0,
    }  # fmt: skip
    (other,) = jobs._rows([ROW | {"job": None, "booking_id": "b-1", "due_at": 1.5, "done_at": 2, "worker": "w"}], 2, 30.0, 5.0)
    assert (other["job"], other["due_at"], other["done_at"], other["worker"]) == (None, 1.5, 2.0, "w")
    assert isinstance(other["booking"], int)


@pytest.mark.parametrize("wrong", [{"booking_id": None}, {"booking_id": 1.5}, {"due_at": datetime(2027, 1, 1)}, {"due_at": "soon"}])  # noqa: DTZ001 - without a zone on purpose
def test_a_row_that_is_no_job_is_refused(wrong: dict[str, Any]) -> None:
    """And never guessed."""
    with pytest.raises((ValueError, TypeError)):
        list(jobs._rows([ROW | wrong], 1, 30.0, 5.0))
    missing = {name: value for name, value in ROW.items() if name != "kind"}
    with pytest.raises(KeyError):
        list(jobs._rows([missing], 1, 30.0, 5.0))


def test_what_is_narrowed_twice_stays_the_same(shipped: Embedded) -> None:
    """A definition that is kept for the end of a run is narrowed already."""
    once = narrowed(shipped)
    assert narrowed(once) == once
    assert replace(once) == once


@pytest.mark.parametrize(("uses", "said"), [((), "off"), ((LIVE,), "on"), ((BACKGROUND,), "off")])
def test_live_updates_are_off_unless_a_plan_needs_them(shipped: Embedded, found_parts: Parts, uses: tuple[str, ...], said: str) -> None:
    """Then nobody follows, and no process listens to the databases."""
    deployment = described(narrowed(shipped, *uses), found_parts)
    assert {process.environ["LIVE_UPDATES"] for process in deployment.processes if process.role == "app"} == {said}
    live = deployment.application.live
    assert (live is not None) is (said == "on")
    assert live is None or (live.path, live.within_s) == ("/api/v2/updates", 5.0)


def test_live_updates_that_an_application_always_has_stay(tmp_path: Path, found_parts: Parts) -> None:
    """A team's own need no placeholder."""
    path = own.write(tmp_path, f"{own.PLAIN}  live_updates: {{path: /updates}}\n")
    live = described(narrowed(read_embedded(path)), found_parts).application.live
    assert live is not None
    assert (live.path, live.within_s) == ("/updates", 5.0)


@pytest.mark.parametrize(
    "wrong", ["{path: updates}", "{path: /updates, within: 0s}", "{path: /updates, starts: sometimes}", "{within: 5s}"]
)
def test_wrong_live_updates_are_refused(tmp_path: Path, wrong: str) -> None:
    """Before anything starts."""
    with pytest.raises(InvalidFile, match="live_updates"):
        read_definition(own.write(tmp_path, f"{own.PLAIN}  live_updates: {wrong}\n"))
