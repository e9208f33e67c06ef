"""For each shipped rule: an input for which it fires, and one close to it for which it stays silent.

Values are in the notation of ``promtool test rules``: ``0x5`` is six zeros, ``0+2x5`` counts up by two five times; one value every two seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Series = Mapping[str, str]
DAY_S = 86_400
FLAT, ZERO = "1x60", "0x60"


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule is shown, and what it should raise."""

    alert: str
    fires: Series
    silent: Series
    labels: tuple[Mapping[str, str], ...]
    """Of each alert that should fire, without those of the rule."""
    at_s: int = 60
    """When it is looked at."""


def counter(per_s: float, until: int = 60) -> str:
    """A counter that grows at this rate."""
    return f"0+{2 * per_s:g}x{until}"


def braced(labels: Mapping[str, str]) -> str:
    """Labels as they stand behind a name."""
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def app(name: str, **labels: str) -> str:
    """A series of an instance of the application."""
    told = {"instance": "app-east-0", "job": "application", "region": "east", **labels}
    return name + braced(told)


def requests(status: str, route: str = "/api/v2/locations/", method: str = "GET") -> str:
    """The counter of requests with this end."""
    return app("http_requests_total", method=method, route=route, status=status)


BOOK, SLOTS, CANCEL = "/api/v2/appointments/", "/api/v2/appointments/slots", "/api/v2/appointments/{id}/cancel"
LOGIN, CONFIRM = "/api/v2/auth/login", "/api/v2/payments/confirm"
INSTANCE = {"instance": "app-east-0", "job": "application", "region": "east"}
EAST = {"region": "east"}
ETCD = [f'{{instance="etcd-{name}",job="etcd"}}' for name in "abc"]
NODE = '{instance="machine"}'
CACHE = '{group="cache",instance="cache-east",tier="cache"}'
CACHES = {"group": "cache", "instance": "cache-east", "tier": "cache"}
PRIMARY, REPLICA = (f'redis_instance_info{CACHE[:-1]},role="{role}"}}' for role in ("master", "slave"))
SHARD = '{instance="shard1-east",shard="1"}'
SHARDS = {"instance": "shard1-east", "shard": "1"}
MEMBER = {"instance": "shard1-east", "job": "patroni", "shard": "1"}
PATRONI = '{instance="shard1-east",job="patroni",shard="1"}'
OTHER = '{instance="shard1-west",job="patroni",shard="1"}'
EDGE = '{instance="edge-east",job="certificates"}'
EDGES = {"instance": "edge-east", "job": "certificates"}


def slow(seconds: str, *, share: float) -> Series:
    """A histogram in which this share of the requests took longer than ``seconds``, and the others less than 5 ms."""
    return {
        app("http_request_duration_seconds_bucket", le="0.005"): counter(10 * (1 - share)),
        app("http_request_duration_seconds_bucket", le=seconds): counter(10 * (1 - share)),
        app("http_request_duration_seconds_bucket", le="2.5"): counter(10),
        app("http_request_duration_seconds_bucket", le="+Inf"): counter(10),
    }


def etcd(*leader: str) -> Series:
    """Three members, of which these have a leader."""
    return {
        **{f"up{name}": FLAT for name in ETCD},
        **{f"etcd_server_has_leader{name}": value for name, value in zip(ETCD, leader, strict=False)},
    }


def ha(name: str, proxy: str, **labels: str) -> str:
    """A series of a proxy."""
    told = {"instance": "haproxy-east", "job": "haproxy", "proxy": proxy, **labels}
    return name + braced(told)


def share(bad: str, good: str, per_s: float, of: float = 10, **where: str) -> Series:
    """Of ``of`` requests a second this many end with ``bad``."""
    return {requests(bad, **where): counter(per_s), requests(good, **where): counter(of - per_s)}


INFRASTRUCTURE = (
    Case("InstanceDown", {app("up"): "1x9 0x50"}, {app("up"): "1x26 0x30"}, (INSTANCE,)),
    Case("InstanceDownForMinutes", {app("up"): "1x5 0x200"}, {app("up"): "1x105 0x100"}, (INSTANCE,), at_s=400),
    Case(
        "RegionDown",
        {app("up"): "1x20 0x50", app("up", instance="app-east-1"): "1x20 0x50"},
        {app("up"): "1x20 0x50", app("up", instance="app-east-1"): FLAT},
        (EAST,),
    ),
    Case(
        "ProxyDown",
        {'up{instance="edges",job="haproxy"}': "1x20 0x50"},
        {'up{instance="edges",job="etcd"}': "1x20 0x50"},
        ({"instance": "edges", "job": "haproxy"},),
    ),
    Case("EtcdMemberDown", {f"up{ETCD[0]}": "1x20 0x50"}, {f"up{ETCD[0]}": "1x26 0x50"}, ({"instance": "etcd-a", "job": "etcd"},)),
    Case("EtcdWithoutLeader", etcd("1x20 0x50", "1x20 0x50", FLAT), etcd("1x20 0x50", FLAT, FLAT), ({},)),
    Case(
        "EtcdDatabaseLarge",
        {f"etcd_mvcc_db_total_size_in_bytes{ETCD[0]}": "81x60", f"etcd_server_quota_backend_bytes{ETCD[0]}": "100x60"},
        {f"etcd_mvcc_db_total_size_in_bytes{ETCD[0]}": "79x60", f"etcd_server_quota_backend_bytes{ETCD[0]}": "100x60"},
        ({"instance": "etcd-a", "job": "etcd"},),
    ),
    Case(
        "CpuHigh",
        {app("process_cpu_seconds_total"): counter(0.85)},
        {app("process_cpu_seconds_total"): counter(0.75)},
        (INSTANCE,),
    ),
    Case(
        "MemoryHigh",
        {f"node_memory_MemAvailable_bytes{NODE}": "14x60", f"node_memory_MemTotal_bytes{NODE}": "100x60"},
        {f"node_memory_MemAvailable_bytes{NODE}": "16x60", f"node_memory_MemTotal_bytes{NODE}": "100x60"},
        ({"instance": "machine"},),
    ),
    Case(
        "DiskAlmostFull",
        {'node_filesystem_avail_bytes{mountpoint="/"}': "19x60", 'node_filesystem_size_bytes{mountpoint="/"}': "100x60"},
        {'node_filesystem_avail_bytes{mountpoint="/"}': "21x60", 'node_filesystem_size_bytes{mountpoint="/"}': "100x60"},
        ({"mountpoint": "/"},),
    ),
    Case("CacheDown", {f"redis_up{CACHE}": "1x20 0x50"}, {f"redis_up{CACHE}": "1x28 0x50"}, (CACHES,)),
    Case(
        "CacheWithoutPrimary",
        {f"redis_up{CACHE}": FLAT, REPLICA: FLAT},
        {f"redis_up{CACHE}": FLAT, PRIMARY: FLAT},
        ({"group": "cache", "tier": "cache"},),
    ),
    Case(
        "CacheReplicaMissing",
        {f"redis_connected_slaves{CACHE}": ZERO, PRIMARY: FLAT},
        # A replica has none either.
        {f"redis_connected_slaves{CACHE}": ZERO, REPLICA: FLAT},
        (CACHES,),
    ),
    Case(
        "CacheMemoryHigh",
        {f"redis_memory_used_bytes{CACHE}": "86x60", f"redis_memory_max_bytes{CACHE}": "100x60"},
        # Without a limit there is no share of it.
        {f"redis_memory_used_bytes{CACHE}": "86x60", f"redis_memory_max_bytes{CACHE}": ZERO},
        (CACHES,),
    ),
    Case("CacheEvicts", {f"redis_evicted_keys_total{CACHE}": counter(2)}, {f"redis_evicted_keys_total{CACHE}": counter(0.5)}, (CACHES,)),
)
APPLICATION = (
    Case("ErrorRateHigh", share("503", "200", 0.6), share("503", "200", 0.4), (EAST,)),
    Case(
        "ErrorRateElevated",
        share("500", "200", 0.12),
        # The answers of health checks are no customers' requests.
        {requests("200"): counter(10), requests("503", route="/health/ready"): counter(5)},
        (EAST,),
        at_s=100,
    ),
    Case("ResponseTimeHigh", slow("1", share=0.2), slow("1", share=0.04), (EAST,)),
    Case("ResponseTimeElevated", slow("1", share=0.1), slow("0.5", share=0.04), (EAST,), at_s=100),
    Case(
        "InstanceNotReady",
        {ha("haproxy_server_status", "apps", server="app-east-0", state="UP"): "1x20 0x50"},
        {ha("haproxy_server_status", "shard1-replica", server="shard1-east", state="UP"): "1x20 0x50"},
        ({"instance": "haproxy-east", "job": "haproxy", "proxy": "apps", "server": "app-east-0", "state": "UP"},),
    ),
    Case(
        "RegionOutOfRotation",
        {ha("haproxy_server_status", "region-east", server="watch", state="UP"): "1x20 0x50"},
        {ha("haproxy_server_status", "region-east", server="watch", state="DOWN"): "1x20 0x50"},
        ({"instance": "haproxy-east", "job": "haproxy", "proxy": "region-east", "server": "watch", "state": "UP"},),
    ),
    Case(
        "BalancerCannotConnect",
        {ha("haproxy_backend_connection_errors_total", "apps"): counter(0.5)},
        {ha("haproxy_backend_connection_errors_total", "apps"): counter(0.1)},
        ({"instance": "haproxy-east", "job": "haproxy", "proxy": "apps"},),
    ),
    Case(
        "BalancerGivesUp",
        {ha("haproxy_backend_response_errors_total", "apps"): counter(1)},
        {ha("haproxy_backend_response_errors_total", "apps"): counter(0.25)},
        ({"instance": "haproxy-east", "job": "haproxy", "proxy": "apps"},),
    ),
    Case(
        "TierLost",
        {app("dependency_up", dependency="cache"): "1x20 0x50"},
        {app("dependency_up", dependency="shard1-primary"): "1x20 0x50"},
        ({**INSTANCE, "dependency": "cache"},),
    ),
    Case(
        "InstanceRestarted",
        {app("process_start_time_seconds"): "10x25 50x50"},
        {app("process_start_time_seconds"): "10x5 50x60"},
        (INSTANCE,),
    ),
    Case(
        "FileDescriptorsHigh",
        {app("process_open_fds"): "81x60", app("process_max_fds"): "100x60"},
        {app("process_open_fds"): "79x60", app("process_max_fds"): "100x60"},
        (INSTANCE,),
    ),
)
DATABASE = (
    Case("DatabaseDown", {f"pg_up{SHARD}": "1x20 0x50"}, {f"pg_up{SHARD}": "1x28 0x50"}, (SHARDS,)),
    Case(
        "ShardWithoutPrimary",
        {f"up{PATRONI}": FLAT, f"up{OTHER}": ZERO, f"patroni_primary{PATRONI}": ZERO},
        {f"up{PATRONI}": FLAT, f"up{OTHER}": ZERO, f"patroni_primary{PATRONI}": FLAT},
        ({"shard": "1"},),
    ),
    Case(
        "DatabaseConnectionFailure",
        {app("dependency_up", dependency="shard1-primary"): "1x20 0x50"},
        {app("dependency_up", dependency="sessions"): "1x20 0x50"},
        ({**INSTANCE, "dependency": "shard1-primary"},),
    ),
    Case(
        "ReplicaMissing",
        {f"pg_stat_replication_streaming{SHARD}": ZERO, f"patroni_primary{PATRONI}": FLAT},
        # Nobody streams from a standby.
        {f"pg_stat_replication_streaming{SHARD}": ZERO, f"patroni_primary{PATRONI}": ZERO},
        (SHARDS,),
    ),
    Case("ReplicationLagHigh", {f"pg_replication_lag_seconds{SHARD}": "16x60"}, {f"pg_replication_lag_seconds{SHARD}": "14x60"}, (SHARDS,)),
    Case(
        "DatabaseFailover",
        {f"patroni_postgres_timeline{PATRONI}": "1x25 2x50"},
        {f"patroni_postgres_timeline{PATRONI}": "1x5 2x60"},
        (MEMBER,),
    ),
    Case("PatroniDown", {f"up{PATRONI}": "1x20 0x50"}, {f"up{PATRONI}": "1x26 0x50"}, (MEMBER,)),
    Case(
        "PatroniCutOff",
        # The clock of these tests begins at 0.
        {f"patroni_dcs_last_seen{PATRONI}": "0+2x15 30x50"},
        {f"patroni_dcs_last_seen{PATRONI}": "0+2x60"},
        (MEMBER,),
    ),
    Case(
        "ConnectionsHigh",
        {f"pg_stat_activity_count{SHARD}": "81x60", f"pg_settings_max_connections{SHARD}": "100x60"},
        {f"pg_stat_activity_count{SHARD}": "79x60", f"pg_settings_max_connections{SHARD}": "100x60"},
        (SHARDS,),
    ),
    Case(
        "LongTransaction",
        {f"pg_stat_activity_max_tx_duration{SHARD}": "0+2x60"},
        {f"pg_stat_activity_max_tx_duration{SHARD}": "29x60"},
        (SHARDS,),
    ),
    Case("LocksWaitedFor", {f"pg_locks_waiting{SHARD}": "11x60"}, {f"pg_locks_waiting{SHARD}": "10x60"}, (SHARDS,)),
    Case(
        "DeadlocksFrequent",
        {f"pg_stat_database_deadlocks{SHARD}": counter(1)},
        {f"pg_stat_database_deadlocks{SHARD}": counter(0.25)},
        (SHARDS,),
        at_s=100,
    ),
)
BUSINESS = (
    Case(
        "NoBookings",
        {requests("200", route=SLOTS): counter(5), requests("201", route=BOOK, method="POST"): "5x60"},
        {requests("200", route=SLOTS): counter(5), requests("201", route=BOOK, method="POST"): counter(0.5)},
        ({},),
    ),
    Case(
        "BookingsFail",
        share("503", "201", 1, route=BOOK, method="POST"),
        # Taken slots are no failures.
        share("409", "201", 1, route=BOOK, method="POST"),
        (EAST,),
    ),
    Case(
        "PaymentsFail", share("503", "200", 2, route=CONFIRM, method="POST"), share("503", "200", 0.8, route=CONFIRM, method="POST"), ({},)
    ),
    Case(
        "PaymentProviderDown",
        {'probe_success{instance="payments",job="payments"}': "1x20 0x50"},
        {'probe_success{instance="edge-east",job="certificates"}': "1x20 0x50"},
        ({"instance": "payments", "job": "payments"},),
    ),
    Case(
        "PaymentsUnconfirmed",
        {requests("200", route=CONFIRM, method="POST"): counter(1), app("webhooks_total", type="ping"): counter(1)},
        {requests("200", route=CONFIRM, method="POST"): counter(1), app("webhooks_total", type="capture.succeeded"): counter(1)},
        ({},),
    ),
    Case(
        "LoginsFail",
        share("503", "200", 2, route=LOGIN, method="POST"),
        # A wrong password is the customer's.
        share("401", "200", 2, route=LOGIN, method="POST"),
        ({},),
    ),
    Case(
        "CancellationsSurge",
        {requests("200", route=CANCEL, method="PUT"): counter(3), requests("201", route=BOOK, method="POST"): counter(1)},
        {requests("200", route=CANCEL, method="PUT"): counter(1.5), requests("201", route=BOOK, method="POST"): counter(1)},
        ({},),
        at_s=100,
    ),
    Case(
        "ConflictsSurge",
        share("409", "201", 9, route=BOOK, method="POST"),
        share("409", "201", 7, route=BOOK, method="POST"),
        ({},),
        at_s=100,
    ),
)
SECURITY = (
    Case(
        "CertificateExpired",
        {f"probe_ssl_earliest_cert_expiry{EDGE}": "59x60"},
        {f"probe_ssl_earliest_cert_expiry{EDGE}": "61x60"},
        (EDGES,),
    ),
    Case(
        "CertificateExpiresSoon",
        {f"probe_ssl_earliest_cert_expiry{EDGE}": f"{13 * DAY_S}x60"},
        {f"probe_ssl_earliest_cert_expiry{EDGE}": f"{15 * DAY_S}x60"},
        (EDGES,),
    ),
    Case("CertificateNotTrusted", {f"probe_ssl_trusted{EDGE}": "1x20 0x50"}, {f"probe_ssl_trusted{EDGE}": "1x28 0x50"}, (EDGES,)),
    Case(
        "FailedLoginsSurge",
        {requests("401", route=LOGIN, method="POST"): counter(1.5)},
        {requests("401", route=LOGIN, method="POST"): counter(0.5)},
        ({},),
    ),
    Case(
        "AccountsLocked",
        {requests("423", route=LOGIN, method="POST"): counter(0.5)},
        {requests("423", route=LOGIN, method="POST"): counter(0.05)},
        ({},),
    ),
    Case("ForgedRequests", {requests("403"): counter(1.5)}, {requests("404"): counter(1.5)}, ({},)),
    Case("TokensRefused", {requests("401"): counter(1.5)}, {requests("401", route=LOGIN, method="POST"): counter(1.5)}, ({},)),
    Case("HostileInput", {requests("422"): counter(1.5)}, {requests("409"): counter(1.5)}, ({},)),
    Case("RateLimitsSurge", share("429", "200", 2.5), share("429", "200", 1.5), ({},)),
    Case(
        "RateLimitsOff",
        {app("dependency_up", dependency="ratelimit"): "1x20 0x50"},
        {app("dependency_up", dependency="sessions"): "1x20 0x50"},
        ({**INSTANCE, "dependency": "ratelimit"},),
    ),
)
CASES: Mapping[str, tuple[Case, ...]] = {
    "infrastructure": INFRASTRUCTURE,
    "application": APPLICATION,
    "database": DATABASE,
    "business": BUSINESS,
    "security": SECURITY,
}
"""By rule file."""
