"""The platform's own signals about failures, read from the logs of its parts: when it noticed a failure, promoted or demoted a server.

One pure parser for each role turns a line into a signal; :func:`read` only finds the files and converts times to the monotonic clock. Only decisions
and actions of a part count. A standby whose WAL stream breaks, for example, logs this several times a second, which is not a signal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from closeshave.clock import Anchor
from closeshave.deployment import Deployment
from closeshave.files.growing import GrowingLines
from closeshave.history import Signal
from closeshave.vocabulary import SignalKind

YEARS = 1971, 9998
"""Years beyond these cannot be converted in every zone or on every clock."""


@dataclass(frozen=True, slots=True)
class Word:
    """A signal in one log line. A naive ``wall`` is local time, as most parts write it."""

    wall: datetime
    kind: str
    scope: str
    detail: str


Parser = Callable[[str], Word | None]
Events = tuple[tuple[re.Pattern[str], SignalKind], ...]

_PATRONI_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?:INFO|WARNING|ERROR|CRITICAL): (.*)")
_PATRONI_MESSAGES = (
    (re.compile(r"promoted self to leader "), SignalKind.PROMOTED),
    # The start ("Demoting self") and the end ("demoted self because") of a demotion are both logged.
    (re.compile(r"(?:Demoting|demoting|demoted) self "), SignalKind.DEMOTED),
    (re.compile(r"Primary crashed\. Failing over\."), SignalKind.SUSPECTED),
    # In the leader race every member is asked for its position; it ends the wait for a dead leader's lock.
    (re.compile(r"Request failed to \S+: GET "), SignalKind.SUSPECTED),
    (re.compile(r"DCS is not accessible"), SignalKind.ALERT),
)


# Logged by the checkpointer once the last session has ended: after it nothing was acknowledged.
_POSTGRES_END = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) \S+ \[\d+\] LOG:  (shutting down)$")


def patroni(line: str, shard: int) -> Word | None:
    """The signal in a line of a Patroni member of ``shard``; ``None`` for other lines. Of PostgreSQL's lines only the end of all sessions counts."""
    if ended := _POSTGRES_END.match(line):
        return _word(_instant(ended[1], "%Y-%m-%d %H:%M:%S.%f"), SignalKind.STOPPED, f"shard:{shard}", ended[2])
    found = _PATRONI_LINE.match(line)
    if found is None:
        return None
    wall, message = found.groups()
    for pattern, kind in _PATRONI_MESSAGES:
        if pattern.match(message):
            return _word(_instant(wall, "%Y-%m-%d %H:%M:%S,%f"), kind, f"shard:{shard}", _short(message))
    return None


_SENTINEL_LINE = re.compile(r"\d+:X (\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}) [#*] ([+-][a-z-]+ .*)")
_SENTINEL_EVENTS = (
    (re.compile(r"\+[so]down master (?P<group>\S+) "), SignalKind.SUSPECTED),
    (re.compile(r"\+[so]down slave \S+ \S+ \d+ @ (?P<group>\S+) "), SignalKind.SUSPECTED),
    (re.compile(r"\+switch-master (?P<group>\S+) "), SignalKind.PROMOTED),
    (re.compile(r"\+convert-to-slave slave \S+ \S+ \d+ @ (?P<group>\S+) "), SignalKind.DEMOTED),
    (re.compile(r"-failover-abort-[a-z-]+ master (?P<group>\S+) "), SignalKind.ALERT),
)


def sentinel(line: str) -> Word | None:
    """The signal in a Sentinel's line about a group of stores; lines about other sentinels, votes and epochs do not count."""
    return _of_valkey(line, _SENTINEL_LINE, _SENTINEL_EVENTS, lambda named: named["group"])


_NODE_LINE = re.compile(r"\d+:[MS] (\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}) [#*] (.*)")
_NODE_EVENTS = (
    (re.compile(r"NODE \S+ \(.*\) possibly failing\."), SignalKind.SUSPECTED),
    (re.compile(r"Marking node \S+ \(.*\) as failing"), SignalKind.SUSPECTED),
    (re.compile(r"FAIL message received from "), SignalKind.SUSPECTED),
    (re.compile(r"Failover election won: "), SignalKind.PROMOTED),
    (re.compile(r"Configuration change detected\. Reconfiguring myself as a replica of "), SignalKind.DEMOTED),
    (re.compile(r"Cluster state changed: fail"), SignalKind.ALERT),
)


def cluster_node(line: str, tier: str) -> Word | None:
    """The signal in a line of a node of a Valkey cluster, for one of the tiers that it holds; votes, epochs and replication do not count."""
    return _of_valkey(line, _NODE_LINE, _NODE_EVENTS, lambda _: tier)


def _of_valkey(line: str, shape: re.Pattern[str], events: Events, store: Callable[[re.Match[str]], str]) -> Word | None:
    """The signal in a line of a Valkey server, with or without Sentinel's duties; ``store`` tells the group or tier from what an event's pattern found."""
    found = shape.match(line)
    if found is None:
        return None
    wall, event = found.groups()
    for pattern, kind in events:
        if named := pattern.match(event):
            return _word(_instant(wall, "%d %b %Y %H:%M:%S.%f"), kind, f"store:{store(named)}", _short(event))
    return None


_HAPROXY_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d\d:\d\d) (.*)")
_HAPROXY_DOWN = re.compile(r"(?:Backup )?Server (?P<backend>[^/\s]+)/(?P<server>\S+) is DOWN")
_HAPROXY_EMPTY = re.compile(r"(?:proxy|backend) (?P<backend>\S+) has no server available!")


def haproxy(line: str, regions: Collection[str], groups: Collection[str], region: str | None) -> Word | None:
    """The signal in a line of a HAProxy (log format ``iso``): a server is down, or the last one of a backend.

    Backends are named after their servers: the scope is the shard, the group of stores (one of ``groups``) or the region (one of ``regions``) in the
    names of server and backend, or else ``region``, the proxy's own.
    """
    found = _HAPROXY_LINE.match(line)
    if found is None:
        return None
    wall, message = found.groups()
    gone = _HAPROXY_DOWN.match(message) or _HAPROXY_EMPTY.match(message)
    if gone is None:
        return None
    backend, server = gone["backend"], gone.groupdict().get("server", "")
    if shard := re.fullmatch(r"shard(\d+)-(?:primary|replica)", backend):
        scope = f"shard:{shard[1]}"
    elif backend in groups:
        scope = f"store:{backend}"
    elif named := next((one for name in (server, backend) for one in regions if one in name), region):
        scope = f"region:{named}"
    else:
        return None
    return _word(_instant(wall), SignalKind.ALERT, scope, _short(message))


def _instant(wall: str, form: str = "") -> datetime | None:
    """The time in a line, in this form or in ISO 8601; ``None`` if a garbled line has an impossible time or none."""
    try:
        found = datetime.strptime(wall, form) if form else datetime.fromisoformat(wall)  # noqa: DTZ007 - local
    except ValueError:
        return None
    return found if YEARS[0] <= found.year <= YEARS[1] else None


def _word(wall: datetime | None, kind: str, scope: str, detail: str) -> Word | None:
    return None if wall is None else Word(wall, kind, scope, detail)


def read(logs: Path, deployment: Deployment, anchor: Anchor, since_ns: int, until_ns: int) -> list[Signal]:
    """Every signal between two instants of the monotonic clock (ns), in order of time.

    ``logs`` holds a file ``NAME.log`` for each process. Raises :class:`OSError` when a log that may hold signals cannot be read.
    """
    found = [
        Signal(at_ns, word.kind, word.scope, path.name, word.detail)
        for path, parse in _speakers(logs, deployment)
        for word in _words(path, parse)
        if since_ns <= (at_ns := _monotonic_ns(word.wall, anchor)) <= until_ns
    ]
    return sorted(found, key=lambda signal: signal.at_ns)


class GrowingSignals:
    """The same of logs that are still being written: what came since the last look. Logs that are not there say nothing."""

    def __init__(self, logs: Path, deployment: Deployment, anchor: Anchor) -> None:
        self._anchor = anchor
        self._speakers = [(path.name, GrowingLines(path), parse) for path, parse in _speakers(logs, deployment)]

    def new(self, since_ns: int) -> list[Signal]:
        """Signals of ``since_ns`` or later, in order of time. A log that cannot be read is read at the next look."""
        found = []
        for name, lines, parse in self._speakers:
            with suppress(OSError):
                words = (parse(line.decode("utf-8", "replace")) for line in lines.new())
                told = [(_monotonic_ns(word.wall, self._anchor), word) for word in words if word is not None]
                found += [Signal(at_ns, word.kind, word.scope, name, word.detail) for at_ns, word in told if at_ns >= since_ns]
        return sorted(found, key=lambda signal: signal.at_ns)


def _speakers(logs: Path, deployment: Deployment) -> Iterator[tuple[Path, Parser]]:
    shards = {member.process: member.shard for member in deployment.members}
    groups = {store.group for store in deployment.stores}
    for store in deployment.stores:
        if store.slots is not None:
            yield from ((logs / f"{store.process}.log", partial(cluster_node, tier=tier)) for tier in store.tiers)
    for process in deployment.processes:
        parse: Parser
        match process.role:
            case "patroni":
                parse = partial(patroni, shard=shards[process.name])
            case "sentinel":
                parse = sentinel
            case "haproxy" | "edge":
                parse = partial(haproxy, regions=deployment.topology.regions, groups=groups, region=process.region)
            case _:
                continue
        yield logs / f"{process.name}.log", parse


def _words(path: Path, parse: Parser) -> Iterator[Word]:
    # A killed process may leave half a character behind.
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            word = parse(line.rstrip("\n"))
            if word is not None:
                yield word


def _monotonic_ns(wall: datetime, anchor: Anchor) -> int:
    if wall.tzinfo is not None:
        return anchor.to_monotonic_ns(wall)
    # In the hour that is repeated in autumn a local time means two instants: the one nearer to the run is right.
    both = [anchor.to_monotonic_ns(wall.replace(fold=fold).astimezone()) for fold in (0, 1)]
    return min(both, key=lambda at_ns: abs(at_ns - anchor.monotonic_ns))


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
