"""Monitoring of real servers: alerts of a real fault arrive, none of them is lost while nobody listens, and each ends when the fault is over."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from closeshave.clients import alerting
from closeshave.clock import Anchor
from closeshave.control import processes
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment, Monitoring
from closeshave.environments import embedded
from closeshave.environments.alerting import engine
from closeshave.environments.alerting.engine import rules_of
from closeshave.environments.alerting.receiver import AlertReceiver
from closeshave.environments.definition import read_embedded
from closeshave.environments.remote.alerts import notes_of
from closeshave.files import read_lines
from closeshave.files.shipped import locate
from closeshave.history import AlertNote, alert_of
from closeshave.judge.measures.alerts import RaisedAlert, incidents, rated
from closeshave.vocabulary import ALERTS_FILE, CATEGORIES, WATCHDOG

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def platform() -> Iterator[Deployment]:
    """The shipped environment with alerts, without backup servers."""
    read = read_embedded(locate("environments", "embedded-alerts"))
    deployment = embedded.up(replace(read, links=(), shards=tuple(replace(shard, backup="") for shard in read.shards)), say=print)
    yield deployment
    assert not embedded.down(Path(deployment.root))


@pytest.fixture(scope="module")
def monitoring(platform: Deployment) -> Monitoring:
    """Its monitoring."""
    assert platform.monitoring is not None
    return platform.monitoring


def told(run: Path) -> list[AlertNote]:
    """Everything that was noted."""
    return [alert_of(line) for line in read_lines(run / ALERTS_FILE)]


def about(run: Path, name: str, instance: str) -> RaisedAlert | None:
    """The alert of a rule about a part."""
    return next((one for one in incidents(told(run)) if one.name == name and one.labels.get("instance") == instance), None)


def test_the_engine_has_every_rule_and_asks_for_metrics_that_there_are(monitoring: Monitoring) -> None:
    """A rule about a metric that nobody serves would be silent for ever."""
    groups = alerting.groups(monitoring.engine_url)
    assert all(group.evaluated for group in groups)
    rules = rated(rules_of(groups))
    assert len(rules) >= 30
    assert {rule.category for rule in rules} == set(CATEGORIES)
    asked = {
        "up", "dependency_up", "http_requests_total", "http_request_duration_seconds_bucket", "process_cpu_seconds_total",
        "process_start_time_seconds", "process_open_fds", "process_max_fds", "haproxy_server_status", "haproxy_backend_connection_errors_total",
        "haproxy_backend_response_errors_total", "patroni_primary", "patroni_postgres_timeline", "patroni_dcs_last_seen", "etcd_server_has_leader",
        "etcd_mvcc_db_total_size_in_bytes", "etcd_server_quota_backend_bytes", "pg_up", "pg_stat_activity_count", "pg_settings_max_connections",
        "pg_stat_activity_max_tx_duration", "pg_locks_waiting", "pg_stat_database_deadlocks", "pg_stat_replication_streaming",
        "pg_replication_lag_seconds", "redis_up", "redis_instance_info", "redis_connected_slaves", "redis_memory_used_bytes",
        "redis_memory_max_bytes", "redis_evicted_keys_total", "probe_success", "probe_ssl_earliest_cert_expiry", "probe_ssl_trusted",
        "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes", "node_filesystem_avail_bytes", "node_filesystem_size_bytes",
    }  # fmt: skip
    missing = set(asked)

    def all_there() -> bool:
        # What was just scraped for the first time is listed some seconds later.
        missing.difference_update(httpx.get(f"{monitoring.store_url}/api/v1/label/__name__/values", trust_env=False).json()["data"])
        return not missing

    assert poll_until(all_there, WITHIN_S, 0.5), missing


def test_an_alert_arrives_although_the_receiver_was_killed_and_ends_with_its_cause(
    platform: Deployment, monitoring: Monitoring, tmp_path: Path
) -> None:
    """The Alertmanager tells again what was not acknowledged, and the engine's own series tell the same alert to whoever asks afterwards."""
    victim = platform.process("app-us-east-1-1")
    receiver = AlertReceiver.start(Path(platform.root), tmp_path, monitoring)
    try:
        assert poll_until(lambda: any(note.name == WATCHDOG for note in told(tmp_path)), WITHIN_S, 0.2)
        os.kill(receiver.process.pid, signal.SIGKILL)
        receiver.process.wait()
        running = processes.find(Path(platform.root), victim)
        assert running is not None
        processes.send([running], signal.SIGKILL)

        def fires() -> bool:
            groups = httpx.get(f"{monitoring.manager_url}/api/v2/alerts", trust_env=False).json()
            return any(each["labels"]["alertname"] == "InstanceDown" for each in groups)

        assert poll_until(fires, WITHIN_S, 0.2)
        assert about(tmp_path, "InstanceDown", victim.name) is None
        assert "started again" in receiver.look()
        assert poll_until(lambda: about(tmp_path, "InstanceDown", victim.name) is not None, WITHIN_S, 0.2)
        found = about(tmp_path, "InstanceDown", victim.name)
        assert found is not None
        assert (found.severity, found.category, found.labels["region"]) == ("high", "infrastructure", "us-east-1")
        processes.start(Path(platform.root), platform.id, victim)

        def over() -> bool:
            found = about(tmp_path, "InstanceDown", victim.name)
            return found is not None and found.ended_ns is not None

        assert poll_until(over, WITHIN_S, 0.2)
        assert receiver.look() == ""
    finally:
        receiver.stop()
    first, *_ = [note for note in told(tmp_path) if note.name == "InstanceDown"]
    began_s = first.started_wall_ns / 1e9

    def asked() -> list[RaisedAlert]:
        stretches = alerting.firing(monitoring.store_url, began_s - 30, began_s + 120, 2)
        return [one for one in incidents(notes_of(stretches, Anchor.take(), began_s + 120, 2)) if one.name == "InstanceDown"]

    assert poll_until(lambda: bool(asked()), WITHIN_S, 0.5)
    (seen,) = asked()
    assert seen.labels["instance"] == victim.name


def test_what_fires_already_when_a_run_begins_is_listed(monitoring: Monitoring) -> None:
    """The Alertmanager does not tell it again."""
    assert WATCHDOG in {note.name for note in engine.firing(monitoring, 0)}


def test_without_the_token_nothing_is_noted(platform: Deployment, monitoring: Monitoring, tmp_path: Path) -> None:
    """Another program of this machine cannot raise an alert."""
    receiver = AlertReceiver.start(Path(platform.root), tmp_path, monitoring)
    try:
        url = f"http://127.0.0.1:{monitoring.webhook_port}/alerts"
        alert = {"status": "firing", "labels": {"alertname": "Forged"}, "startsAt": "2026-11-30T22:51:14Z", "fingerprint": "1"}
        headers = {"Authorization": "Bearer x"}
        assert httpx.post(url, json={"alerts": [alert]}, headers=headers, trust_env=False).status_code == 401
    finally:
        receiver.stop()
    assert [note for note in told(tmp_path) if note.name == "Forged"] == []
