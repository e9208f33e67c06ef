"""The platform's own signals: real log lines of its parts, and the meaning of each."""

import os
import time
from datetime import UTC, datetime

import pytest

from closeshave.clock import Anchor
from closeshave.deployment import Deployment, Member, Payments, Process, Store
from closeshave.environments.evidence import signals
from closeshave.topology import Shard, Topology

REGIONS = ("us-east-1", "us-west-2")
GROUPS = ("cache", "cache-eu")

LOST = "2026-11-21 02:02:41,484 INFO: Primary crashed. Failing over."
STOPPING = "2026-11-21 02:02:41,484 INFO: Demoting self (immediate)"
PROMOTED = "2026-11-21 02:02:41,682 INFO: promoted self to leader by acquiring session lock"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (LOST, "suspected"),
        ("2026-11-21 02:03:07,886 WARNING: Request failed to s1n1: GET http://127.0.0.1:23111/patroni (HTTPConnectionPool(", "suspected"),
        ("2026-11-21 02:02:41,546 WARNING: Request failed to s0n0: GET http://127.0.0.1:23100/patroni ('xlog')", "suspected"),
        (PROMOTED, "promoted"),
        ("2026-11-21 02:03:30,358 INFO: promoted self to leader because I had the session lock", "promoted"),
        (STOPPING, "demoted"),
        ("2026-11-21 02:03:28,043 INFO: Demoting self (graceful)", "demoted"),
        ("2026-11-21 02:04:05,090 INFO: Demoting self (immediate-nolock)", "demoted"),
        ("2026-11-21 02:04:07,046 INFO: demoting self because I do not have the lock and I was a leader", "demoted"),
        ("2026-11-21 02:04:07,046 INFO: demoted self because DCS is not accessible and I was a leader", "demoted"),
        ("2026-11-21 02:04:07.112 UTC [19303] LOG:  shutting down", "stopped"),
        ("2026-11-21 02:04:07,046 ERROR: DCS is not accessible", "alert"),
    ],
)
def test_patroni_signals_what_it_decides(line, kind):
    """Detecting, promoting and demoting are signals of the member's shard."""
    word = signals.patroni(line, 2)
    assert word is not None
    assert (word.kind, word.scope) == (kind, "shard:2")
    assert word.wall.microsecond % 1000 == 0
    assert len(word.detail) <= 200


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-21 02:03:11,066 INFO: no action. I am (s1n0), the leader with the lock",
        "2026-11-21 02:02:41,118 INFO: no action. I am (s0n1), a secondary, and following a leader (s0n0)",
        "2026-11-21 02:02:41,438 INFO: Lock owner: s0n0; I am s0n0",
        "2026-11-21 02:02:36,654 INFO: following new leader after trying and failing to obtain lock",
        "2026-11-21 02:02:37,571 INFO: updated leader lock during promote",
        "2026-11-21 02:02:43,674 INFO: starting after demotion in progress",
        "2026-11-21 02:03:28,043 INFO: switchover: demoting myself",
        '2026-11-21 02:02:41.487 UTC [19490] FATAL:  streaming replication receiver "shard0" could not connect to the primary server',
        "2026-11-21 02:02:41.684 UTC [19303] LOG:  received promote request",
        "2026-11-21 02:04:07.046 UTC [19303] LOG:  received fast shutdown request",
        "2026-11-21 02:04:07.046 UTC [19303] LOG:  database system is shut down",
        "server promoting",
        "    raise PostgresConnectionException('connection problems') from exc",
        "",
    ],
)
def test_normal_lines_of_a_shard_are_no_signal(line):
    """Neither the heartbeat of a healthy cluster nor the complaints of PostgreSQL itself count."""
    assert signals.patroni(line, 1) is None


@pytest.mark.parametrize(
    ("line", "kind", "scope"),
    [
        ("19173:X 21 Nov 2026 02:02:41.029 # +sdown master cache 127.0.0.1 22400", "suspected", "store:cache"),
        ("19173:X 21 Nov 2026 02:02:41.088 # +odown master cache 127.0.0.1 22400 #quorum 3/2", "suspected", "store:cache"),
        (
            "19173:X 21 Nov 2026 02:02:43.210 # +sdown slave 127.0.0.1:22400 127.0.0.1 22400 @ cache 127.0.0.1 22401",
            "suspected",
            "store:cache",
        ),
        ("19173:X 21 Nov 2026 02:02:42.477 # +switch-master sessions 127.0.0.1 22410 127.0.0.1 22411", "promoted", "store:sessions"),
        (
            "19174:X 21 Nov 2026 02:02:57.914 * +convert-to-slave slave 127.0.0.1:22410 127.0.0.1 22410 @ sessions 127.0.0.1 22411",
            "demoted",
            "store:sessions",
        ),
        ("19174:X 21 Nov 2026 02:03:01.869 # -failover-abort-no-good-slave master cache 127.0.0.1 22401", "alert", "store:cache"),
    ],
)
def test_a_sentinel_signals_about_its_stores(line, kind, scope):
    """Suspicion, failover and its failure are signals of the group that Sentinel monitors."""
    word = signals.sentinel(line)
    assert word is not None
    assert (word.kind, word.scope) == (kind, scope)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("17130:S 01 Dec 2026 11:56:18.187 * NODE d912d9c1 (127.0.0.1:21000) possibly failing.", "suspected"),
        ("17131:M 01 Dec 2026 11:56:19.240 * Marking node d912d9c1 (127.0.0.1:21000) as failing (quorum reached).", "suspected"),
        ("17130:S 01 Dec 2026 11:56:19.247 * FAIL message received from 043af386 (127.0.0.1:21004) about d912d9c1 (127.0.0.1:21000)", "suspected"),
        ("17130:S 01 Dec 2026 11:56:19.341 * Failover election won: I'm the new primary.", "promoted"),
        ("17128:M 01 Dec 2026 11:56:30.000 * Configuration change detected. Reconfiguring myself as a replica of 7fea82aa (127.0.0.1:21003)", "demoted"),
        ("17130:M 01 Dec 2026 11:56:19.000 # Cluster state changed: fail", "alert"),
    ],
)  # fmt: skip
def test_a_node_of_a_cluster_signals_about_a_tier_that_it_holds(line, kind):
    """Suspicion, election and its end, in the words of Valkey 9.1."""
    word = signals.cluster_node(line, "sessions")
    assert word is not None
    assert (word.kind, word.scope) == (kind, "store:sessions")


@pytest.mark.parametrize(
    "line",
    [
        "17130:S 01 Dec 2026 11:56:17.410 * Connecting to PRIMARY 127.0.0.1:21000",
        "17130:S 01 Dec 2026 11:56:19.247 * Starting a failover election for epoch 7, node config epoch is 1",
        "17130:S 01 Dec 2026 11:56:19.282 * Needed quorum: 2. Number of votes received so far: 1",
        "17130:M 01 Dec 2026 11:56:19.341 * configEpoch set to 7 after successful failover",
        "17130:M 01 Dec 2026 11:56:19.000 * Cluster state changed: ok",
        "Failover election won: I'm the new primary.",
    ],
)
def test_normal_lines_of_a_node_are_no_signal(line):
    """Replication, votes and epochs do not mean that something is missing."""
    assert signals.cluster_node(line, "sessions") is None


@pytest.mark.parametrize(
    "line",
    [
        "19173:X 21 Nov 2026 02:02:32.905 # +monitor master ratelimit 127.0.0.1 22420 quorum 2",
        "19173:X 21 Nov 2026 02:02:32.924 * +slave slave 127.0.0.1:22401 127.0.0.1 22401 @ cache 127.0.0.1 22400",
        "19173:X 21 Nov 2026 02:02:34.877 * +sentinel sentinel 1b4e87b3da0f87f109aa427f86bcf65341ff58d3 127.0.0.1 22501 @ cache 127.0.0.1 22400",
        "19173:X 21 Nov 2026 02:02:41.396 # +try-failover master sessions 127.0.0.1 22410",
        "19173:X 21 Nov 2026 02:02:47.904 # -sdown slave 127.0.0.1:22410 127.0.0.1 22410 @ sessions 127.0.0.1 22411",
        "19173:X 21 Nov 2026 02:03:17.025 # -odown master cache 127.0.0.1 22401",
        "19173:X 21 Nov 2026 02:02:41.088 * Next failover delay: I will not start a failover before Sat Nov 21 02:02:47 2026",
        "19173:X 21 Nov 2026 02:02:55.234 * Sentinel new configuration saved on disk",
        "                _._",
    ],
)
def test_normal_lines_of_a_sentinel_are_no_signal(line):
    """Discovery, votes and recoveries do not mean that something is missing."""
    assert signals.sentinel(line) is None


DOWN = 'is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms. 1 active and 0 backup servers left.'


@pytest.mark.parametrize(
    ("message", "scope"),
    [
        (f"Server shard12-primary/shard12-us-west-2 {DOWN}", "shard:12"),
        (f"Server cache-eu/cache-eu-us-west-2 {DOWN}", "store:cache-eu"),
        (f"Server apps/app-us-east-1-0 {DOWN}", "region:us-east-1"),
        (f"Server region-us-west-2/watch {DOWN}", "region:us-west-2"),
        ("Server edge-us-east-1/us-west-2 is DOWN via region-us-west-2/watch. 1 active and 2 backup servers left.", "region:us-west-2"),
        (
            "Backup Server edge-us-east-1/us-west-2 is DOWN via region-us-west-2/watch. 1 active and 2 backup servers left.",
            "region:us-west-2",
        ),
        ("backend region-us-west-2 has no server available!", "region:us-west-2"),
        ("proxy shard1-primary has no server available!", "shard:1"),
        ("proxy apps has no server available!", "region:us-east-1"),
    ],
)
def test_a_proxy_signals_what_it_lost(message, scope):
    """The scope follows from the backend's target; a backend without one is in the proxy's own region."""
    word = signals.haproxy(f"2026-11-21T02:02:41.874841+00:00 {message}", REGIONS, GROUPS, "us-east-1")
    assert word is not None
    assert (word.kind, word.scope) == ("alert", scope)
    assert word.wall == datetime(2026, 11, 21, 2, 2, 41, 874841, UTC)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-21T02:02:41.853859+00:00 Server s0/n1 is UP, reason: Layer7 check passed, code: 200, check duration: 1ms. 2 active",
        "2026-11-21T02:02:36.682662+00:00 Connect from 127.0.0.1:60006 to 127.0.0.1:23300 (s0/TCP)",
        f"[WARNING]  (19170) : Server shard1-primary/shard1-us-west-2 {DOWN}",
        "[ALERT]    (19170) : proxy 's0' has no server available!",
    ],
)
def test_normal_lines_of_a_proxy_are_no_signal(line):
    """Returns and connections do not count, nor does the second line about a loss, which has no time."""
    assert signals.haproxy(line, REGIONS, GROUPS, "us-east-1") is None


@pytest.fixture
def local_time():
    """Set the machine's time zone for a test."""

    def choose(name):
        os.environ["TZ"] = name
        time.tzset()

    before = os.environ.get("TZ")
    yield choose
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def deployment():
    """An environment of one member and one sentinel."""
    shard = Shard(1, 1, 10, "us-east-1", "us-west-2")
    return Deployment(
        id="e", name="e", kind="embedded", root="/nowhere", topology=Topology(REGIONS, (shard,)),
        processes=(Process("shard1-us-east-1", "patroni", "us-east-1", ()), Process("sentinel-us-east-1", "sentinel", "us-east-1", ()),
                   Process("etcd-us-east-1", "etcd", "us-east-1", ())),
        members=(Member("shard1-us-east-1", 1, "us-east-1", 1, 2, "shard1-us-east-1"),),
        stores=(Store("cache-us-east-1", "cache", "cache", "us-east-1", 3),), sentinels=(), links=(), edges=(),
        payments=Payments("payments", "http://127.0.0.1:4", "/nowhere/ledger"), etcd_ports=(), database="d", user="u",
    )  # fmt: skip


SUSPECTED = "7:X 21 Nov 2026 02:02:41.500 # +sdown master cache 127.0.0.1 22400"


def write_logs(folder, patroni=(), sentinel=()):
    """The logs of :func:`deployment`."""
    (folder / "shard1-us-east-1.log").write_text("\n".join([*patroni, ""]))
    (folder / "sentinel-us-east-1.log").write_text("\n".join([*sentinel, ""]))


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 0), ("America/New_York", 5), ("Asia/Kolkata", -5.5)])
def test_local_times_are_placed_on_the_monotonic_axis(tmp_path, local_time, zone, hours):
    """Parts write the machine's local time; 02:02:41.484 in New York is five hours later than in Greenwich."""
    local_time(zone)
    wall = datetime(2026, 11, 21, 2, 2, 40, tzinfo=UTC).timestamp() + hours * 3600
    anchor = Anchor(monotonic_ns=1_000_000_000_000, wall_ns=round(wall) * 10**9, uncertainty_ns=0)
    write_logs(tmp_path, patroni=[LOST])
    [signal] = signals.read(tmp_path, deployment(), anchor, 0, 2**62)
    assert signal.at_ns == 1_001_484_000_000
    assert signal.source == "shard1-us-east-1.log"


@pytest.mark.parametrize("offset_h", [4, 5])
def test_a_repeated_hour_is_the_one_nearest_to_the_run(tmp_path, local_time, offset_h):
    """01:30 on the night of 1 November 2026 happens twice in New York."""
    local_time("America/New_York")
    start = datetime(2026, 11, 1, 1 + offset_h, 29, tzinfo=UTC)
    anchor = Anchor(monotonic_ns=0, wall_ns=round(start.timestamp()) * 10**9, uncertainty_ns=0)
    write_logs(tmp_path, patroni=["2026-11-01 01:30:00,000 INFO: Primary crashed. Failing over."])
    [signal] = signals.read(tmp_path, deployment(), anchor, 0, 2**62)
    assert signal.at_ns == 60 * 10**9


def test_signals_come_in_order_of_time_and_only_from_the_window(tmp_path, local_time):
    """Lines before the run (the start of the environment) are not its evidence."""
    local_time("UTC")
    anchor = Anchor(0, round(datetime(2026, 11, 21, 2, 2, 41, tzinfo=UTC).timestamp()) * 10**9, 0)
    earlier = "2026-11-21 02:02:36,590 INFO: promoted self to leader by acquiring session lock"
    write_logs(tmp_path, patroni=[earlier, LOST, PROMOTED], sentinel=[SUSPECTED])
    found = signals.read(tmp_path, deployment(), anchor, 0, 10**9)
    assert [(signal.kind, signal.scope, signal.at_ns) for signal in found] == [
        ("suspected", "shard:1", 484_000_000),
        ("suspected", "store:cache", 500_000_000),
        ("promoted", "shard:1", 682_000_000),
    ]


def test_an_incomplete_character_at_the_end_of_a_log_does_not_lose_the_rest(tmp_path, local_time):
    """A killed process may leave half a character."""
    local_time("UTC")
    write_logs(tmp_path, patroni=[LOST])
    with (tmp_path / "shard1-us-east-1.log").open("ab") as log:
        log.write("é".encode()[:1])
    anchor = Anchor.take()
    assert len(signals.read(tmp_path, deployment(), anchor, -(2**62), 2**62)) == 1


def test_a_missing_log_is_reported(tmp_path):
    """A part without a log is not a part without signals."""
    (tmp_path / "sentinel-us-east-1.log").touch()
    with pytest.raises(OSError, match="shard1-us-east-1"):
        signals.read(tmp_path, deployment(), Anchor.take(), 0, 1)
