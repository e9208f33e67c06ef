"""The directory of a run as a trial and its senders write it, to a script; and its page, served by a thread of the test."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from closeshave import history
from closeshave.clock import Anchor, now_ns
from closeshave.control import processes
from closeshave.control.processes import Identity, identify
from closeshave.deployment import Deployment, Member, Payments, Process
from closeshave.files import shipped
from closeshave.history import FaultEdge, FaultEvent, Manifest, Mark, Planning, Source
from closeshave.live import access, server, settings
from closeshave.live.access import Access
from closeshave.live.settings import Place
from closeshave.live.watcher import Watcher
from closeshave.loadgen.rows import DTYPE, HEADER, INFO, MAGIC, METHOD_CODES, OK
from closeshave.plan import read_plan
from closeshave.topology import Shard, Topology
from closeshave.trial import schedule, standing
from closeshave.trial.standing import LoadStanding
from closeshave.vocabulary import MarkKind

EAST, WEST = "us-east-1", "us-west-2"
TOPOLOGY = Topology((EAST, WEST), (Shard(1, 1, 50, EAST, WEST), Shard(2, 51, 100, WEST, EAST)))
TEXTS = ("book", "slots", EAST, WEST, "timeout")
FAULT = "shard-primary-killed"
SECOND_NS = 1_000_000_000


@dataclass
class Scripted:
    """A run of the plan ``smoke`` whose load began so many seconds ago."""

    path: Path
    began_s: float = 20.0
    zero_ns: int = field(init=False)
    sent: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.zero_ns = now_ns() - round(self.began_s * 1e9)
        for folder in ("spool", "logs"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        for folder, name, copy in (("scenarios", "smoke", "plan.yaml"), ("environments/targets", "bookedbarber-smoke", "target.yaml")):
            (self.path / copy).write_bytes(shipped.locate(folder, name).read_bytes())
        deployment(self.path / "environment").save(self.path, accounts=False)

    def manifest(self, **more: Any) -> Manifest:
        """Written when the load begins."""
        phases = schedule.phases(read_plan(self.path / "plan.yaml"), self.zero_ns)
        made = Manifest(
            "20261130-231500-smoke-3f2a", "smoke", "embedded", "bookedbarber-smoke", 1, "rehearsed", "0.1.0", "2026-11-30T23:15:00+00:00",
            Anchor.take(), TOPOLOGY, phases,
        )  # fmt: skip
        made = replace(made, **more)
        history.save_manifest(self.path, made)
        return made

    def requests(self, due_s: np.ndarray, took_ms: np.ndarray | float, *, source: str = "customers", kind: int = 1, region: int = 3, shard: int = 1,
                 bad: bool = False, late_ms: float = 0.2, info: bool = False) -> None:  # fmt: skip
        """So many requests of one place, due at these seconds of the load."""
        rows = np.zeros(len(due_s), DTYPE)
        rows["intended_ns"] = self.zero_ns + np.round(due_s * 1e9).astype(np.int64)
        rows["started_ns"] = rows["intended_ns"] + round(late_ms * 1e6)
        rows["ended_ns"] = rows["intended_ns"] + np.round(np.asarray(took_ms) * 1e6).astype(np.int64)
        rows["kind"], rows["region"], rows["shard"], rows["method"] = kind, region, shard, METHOD_CODES["POST"]
        rows["good"], rows["outcome"], rows["error"] = not bad, INFO if info else OK, 5 if bad else 0
        self.append(rows, source)

    def append(self, rows: np.ndarray, source: str = "customers") -> None:
        """Rows as they are."""
        place = self.path / "spool" / f"{source}-1.rows"
        if not place.exists():
            place.write_bytes(HEADER.pack(MAGIC, 1, DTYPE.itemsize, source.encode()))
            place.with_name(f"{source}-1.texts").write_text("".join(f"{text}\n" for text in TEXTS))
        with place.open("ab") as file:
            rows.tofile(file)
        self.sent[source] = self.sent.get(source, 0) + len(rows)
        self.counters(source)

    def counters(self, source: str = "customers", more: int = 0) -> None:
        """The worker's own counts; ``more`` requests have become due since and have not ended."""
        count = self.sent.get(source, 0)
        told = {"source": source, "worker": f"{source}-1", "recorded": count, "intended": count + more, "sent": count, "requests": count}
        scratch = self.path / "spool" / f"{source}.writing"
        scratch.write_text(json.dumps(told))
        scratch.replace(self.path / "spool" / f"{source}-1.counters.json")

    def fault(self, *edges: FaultEdge, fault: str = FAULT, from_s: float = 10.0) -> None:
        """A fault passes these edges, a second apart."""
        order = list(FaultEdge)
        for edge in edges:
            evidence = Planning(1, "shard.primary-killed", {"shard": 1}, {}) if edge is FaultEdge.PLANNED else None
            history.record(self.path, FaultEvent(fault, edge, self.zero_ns + round((from_s + order.index(edge)) * 1e9), evidence))

    def signal(self, at_s: float, message: str = "promoted self to leader by acquiring session lock") -> None:
        """A member of the cluster of shard 1 writes a line that is a signal of the platform."""
        wall = datetime.fromtimestamp(time.time() + (self.zero_ns - now_ns()) / 1e9 + at_s)  # noqa: DTZ006 - the program writes local time
        with (self.path / "environment" / "logs" / f"patroni-{EAST}.log").open("a") as file:
            file.write(f"{wall:%Y-%m-%d %H:%M:%S},{wall.microsecond // 1000:03d} INFO: {message}\n")

    def mark(self, kind: MarkKind, detail: str, at_s: float = 1.0) -> None:
        """Anything else on the timeline."""
        history.record(self.path, Mark(self.zero_ns + round(at_s * 1e9), kind, detail))

    def standing(self, burnt: float | None = 0.02, doubled: str = "", slots: bool = True) -> None:
        """What the trial makes of it."""
        standing.save(self.path, LoadStanding(now_ns(), burnt, 0.5, doubled, slots))

    def ordinary(self, until_s: float = 20.0, per_s: int = 50, seed: int = 1) -> None:
        """An ordinary load in both regions and on both shards, with a fault on shard 1 from second 10 on."""
        random = np.random.default_rng(seed)
        for region, shard in ((3, 1), (4, 2)):
            due_s = np.sort(random.uniform(0, until_s, round(until_s * per_s / 2)))
            took_ms = random.lognormal(2.5, 0.5, len(due_s)) * np.where((due_s > 11) & (shard == 1), 6, 1)
            hurt = (due_s > 11) & (due_s < 15) & (shard == 1) & (random.uniform(size=len(due_s)) < 0.6)
            self.requests(due_s[~hurt], took_ms[~hurt], region=region, shard=shard)
            if hurt.any():
                self.requests(due_s[hurt], 400.0, region=region, shard=shard, bad=True, info=True)
        self.requests(np.arange(0, until_s, 0.1), 5.0, source=Source.CANARY.value)
        self.standing()


def deployment(root: Path, **more: Any) -> Deployment:
    """An environment of a few parts; all but the one called ``gone`` run, because this process is entered for them."""
    names = [(f"{role}-{region}", role, region) for role in ("app", "patroni", "valkey") for region in (EAST, WEST)]
    parts = (*(Process(name, role, region, ()) for name, role, region in names), Process("gone", "app", EAST, ()))
    made = Deployment(
        id="made", name="made", kind="embedded", root=str(root), topology=TOPOLOGY, processes=parts,
        members=tuple(Member(f"patroni-{region}", at, region, 1, 2, f"patroni-{region}") for at, region in enumerate((EAST, WEST), start=1)),
        stores=(), sentinels=(), links=(), edges=(), payments=Payments("none", "http://127.0.0.1:1", "none"), etcd_ports=(), database="d", user="u",
    )  # fmt: skip
    made = replace(made, **more)
    (root / "logs").mkdir(parents=True, exist_ok=True)
    for part in made.processes:
        if part.name != "gone":
            processes.record(root, part, os.getpid())
    return made


@dataclass
class Served:
    """A page that is served."""

    url: str
    tokens: Mapping[str, str]
    port: int
    watcher: Watcher

    def link(self, role: str = access.WATCHER) -> str:
        """What a person opens."""
        return f"{self.url}#{self.tokens[role]}"


@contextmanager
def serving(
    run: Path, harness: Identity | None = None, tokens: Mapping[str, str] | None = None, place: Place | None = None
) -> Iterator[Served]:
    """The page of a run, by a server in a thread of this process. ``harness`` is its trial, by default this process."""
    place = place or settings.read("127.0.0.1", 0, None, None)
    opened = settings.listen(place)
    port = opened.getsockname()[1]
    allowed = Access(port, tokens or access.tokens())
    trial = harness or identify(os.getpid())
    assert trial is not None
    watcher = Watcher(run, trial)

    def over() -> None:
        running.should_exit = True

    app = server.application(run, watcher, allowed, over)
    certificate, key = (None if path is None else str(path) for path in (place.certificate, place.key))
    running = server.server(server.Guarded(app, place.hosts(port), place.scheme), certificate, key)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [opened]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not running.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running.started
    try:
        yield Served(place.url(port), allowed.tokens, port, watcher)
    finally:
        running.should_exit = True
        thread.join(10)
        opened.close()
