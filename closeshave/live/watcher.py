"""Reads the directory of one run, each byte once, and makes a picture of it whenever it is asked to. The trial does not notice.

What cannot be read is said on the page, and is read at the next look: a server that ended because of it would leave its page without a word.
"""

from __future__ import annotations

import json
import time
import traceback
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from closeshave import history
from closeshave.clock import now_ns
from closeshave.control.processes import Identity
from closeshave.deployment import FILE as DEPLOYMENT
from closeshave.deployment import Deployment, load
from closeshave.environments.evidence.signals import GrowingSignals
from closeshave.files.yamlfile import InvalidFile
from closeshave.gameday import state
from closeshave.gameday.state import GameDayState
from closeshave.history import Manifest, Signal, Source
from closeshave.judge.evidence.windows import latency_bounds
from closeshave.live import integrity, processors
from closeshave.live.alerts import GrowingAlerts
from closeshave.live.happened import Happened
from closeshave.live.parts import parts
from closeshave.live.picture import BudgetShown, Identification, PartShown, PhaseShown, Picture, ProcessorsShown, SignalShown, Stage
from closeshave.live.senders import SenderHealth
from closeshave.live.series import LoadSeries
from closeshave.loadgen.rows import HEADER, ROW
from closeshave.plan import Plan, read_plan
from closeshave.target import Target, read_target
from closeshave.traffic.live import Live, RowBatch, answers, void
from closeshave.traffic.runfiles import RECORDS
from closeshave.trial import carried, nemesis, schedule, standing
from closeshave.trial.figures import WINDOW_S, Gauge, Reading
from closeshave.trial.standing import LoadStanding
from closeshave.vocabulary import GAME_DAY, PLAN, SUMMARY, TARGET

ROWS_MAX = 200_000
"""Of each worker at a look: what a server that starts late catches up with in one step."""
SLOW_EVERY_S = 1.0
"""Between two looks at what changes seldom or costs more: parts, logs, the machine."""
SIGNALS_REMEMBERED = 200
NO_SIGNALS_YET = "its alerts are asked for after the load; what its logs say cannot be seen from here"


class WatchedLoad:
    """What is read of the load, from its begin on."""

    def __init__(self, run: Path, manifest: Manifest, plan: Plan, target: Target, deployment: Deployment) -> None:
        topology, self.zero_ns = manifest.topology, manifest.phases[0].started_ns
        shards = tuple(one.id for one in topology.clusters)
        self.plan, self.phases, self.deployment = plan, manifest.phases, deployment
        self.series = LoadSeries(self.zero_ns, topology.regions, shards)
        self.gauge = Gauge(self.zero_ns / 1e9, topology.regions, shards)
        self.live = Live(run, void(deployment), ROWS_MAX)
        self.senders = SenderHealth(run)
        self.alerts = GrowingAlerts(run, self.zero_ns)
        self.happened = Happened(run, plan, self.zero_ns, by_people=bool(manifest.game_day))
        self.bounds_s = latency_bounds(plan, target)
        self.reading: Reading | None = None
        self.unresolved = 0
        self.catching_up = True


class Watcher:
    """One run, whose trial is ``harness``. Not safe for threads."""

    def __init__(self, run: Path, harness: Identity) -> None:
        self._run, self._harness = run, harness
        self._manifest: Manifest | None = None
        self._written: tuple[Plan, Target] | None = None
        self._deployment: Deployment | None = None
        self._logs: GrowingSignals | None = None
        self._load: WatchedLoad | None = None
        self._signals: deque[Signal] = deque(maxlen=SIGNALS_REMEMBERED)
        self._parts: tuple[PartShown, ...] | None = None
        self._processors = processors.Sampled(run)
        self._used: ProcessorsShown | None = None
        self._standing: LoadStanding | None = None
        self._slow_at_s = 0.0
        # Above those of a server that showed the run before: a page that goes on with this one must not wait for it to catch up.
        self._version = now_ns() // 1_000_000
        self._trouble = ""
        self._phases_shown: tuple[PhaseShown, ...] = ()
        self._held = False
        self._gameday: GameDayState | None = None

    @property
    def series(self) -> LoadSeries | None:
        """What is drawn over time; ``None`` before the load."""
        return self._load.series if self._load is not None else None

    @property
    def catching_up(self) -> bool:
        """Whether there is more to be read at once."""
        return self._load is not None and self._load.catching_up

    def look(self) -> Picture:
        """Read what is new. Never raises what a damaged or missing file causes."""
        at_ns, wall_s = now_ns(), time.time()
        self._version += 1
        over = not self._harness.alive
        try:
            self._read(at_ns, wall_s)
            self._trouble = ""
        except (OSError, ValueError, InvalidFile) as error:
            self._trouble = f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must go on and say so; the next look may succeed
            if self._trouble != f"{type(error).__name__}: {error}":
                traceback.print_exc()
            self._trouble = f"{type(error).__name__}: {error}"
        return self._picture(at_ns, wall_s, over=over)

    def _read(self, at_ns: int, wall_s: float) -> None:
        slow = at_ns / 1e9 >= self._slow_at_s
        if slow:
            self._slow_at_s = at_ns / 1e9 + SLOW_EVERY_S
            self._learn()
        self._held = self._held or (self._run / GAME_DAY).is_dir()
        if self._held:
            with suppress(FileNotFoundError):
                self._gameday = state.load(self._run)
        if self._load is not None:
            _read_load(self._load, at_ns, wall_s)
        if slow and self._deployment is not None:
            self._parts = parts(self._deployment)
            self._used = self._processors.newest() or self._used
            with suppress(FileNotFoundError):
                self._standing = standing.load(self._run)
            if self._logs is not None and self._load is not None:
                self._signals += self._logs.new(self._load.zero_ns)

    def _learn(self) -> None:
        """What becomes known step by step: the plan, where the parts are, when the load began."""
        if self._written is None:
            # Before the load, because it takes a quarter of a second of processor time.
            self._written = read_plan(self._run / PLAN), read_target(self._run / TARGET)
        if self._load is None:
            self._manifest = history.load_manifest(self._run)
        if self._deployment is None and (self._run / DEPLOYMENT).exists():
            self._deployment = load(self._run)
            if self._deployment.processes:
                assert self._manifest is not None
                self._logs = GrowingSignals(Path(self._deployment.root) / "logs", self._deployment, self._manifest.anchor)
        if self._load is None and self._manifest is not None and self._manifest.phases and self._deployment is not None:
            plan = carried.out(self._written[0], nemesis.load(self._run), self._manifest)
            self._load = WatchedLoad(self._run, self._manifest, plan, self._written[1], self._deployment)
            self._phases_shown = tuple(
                PhaseShown(one.name, one.role, (one.started_ns - self._load.zero_ns) / 1e9, (one.ended_ns - self._load.zero_ns) / 1e9)
                for one in self._manifest.phases
            )

    def _picture(self, at_ns: int, wall_s: float, *, over: bool) -> Picture:
        made = Picture(
            self._version,
            at_ns,
            wall_s,
            Stage.OVER if over else Stage.STARTING,
            trouble=self._trouble,
            held=self._held,
            gameday=self._gameday,
        )
        if self._manifest is not None:
            told = self._manifest
            about = Identification(told.id, told.plan, told.environment, told.target, told.evidence, told.started_at)
            made = replace(made, about=about, verdict=_verdict(self._run) if over else "", parts=self._parts, processors=self._used)
        if self._load is None:
            return made
        now_s, total_s = (at_ns - self._load.zero_ns) / 1e9, self._phases_shown[-1].ends_s
        phase = schedule.current(self._load.phases, at_ns)
        reading, bound_s = self._load.reading, self._load.bounds_s.get(phase.role if phase else "")
        return replace(
            made,
            stage=Stage.OVER if over else Stage.LOADED if now_s < total_s else Stage.ENDING,
            now_s=now_s,
            total_s=total_s,
            phase=phase.name if phase else "",
            phases=self._phases_shown,
            reading=reading,
            disruptions=tuple(self._load.happened.disruptions(at_ns)),
            told=self._load.happened.told(),
            signals=_signals(self._load, self._signals),
            signals_unknown="" if self._logs is not None else NO_SIGNALS_YET,
            budget=self._budget(),
            integrity=integrity.shown(self._standing, reading.all.bookings if reading else 0, self._load.unresolved),
            senders=self._load.senders.shown(at_ns / 1e9, bound_s),
            read_share=_read_share(self._run, self._load) if self._load.catching_up else None,
        )

    def _budget(self) -> BudgetShown:
        if self._standing is None:
            return BudgetShown(None, None, "the trial has not counted yet")
        why = "" if self._standing.burnt is not None else "the target promises no availability over everything"
        return BudgetShown(self._standing.burnt, self._standing.burnt_max, why)


def _signals(load: WatchedLoad, logged: Iterable[Signal]) -> tuple[SignalShown, ...]:
    """What the platform's logs say, and its alerts, in order of time."""
    told = (SignalShown((one.at_ns - load.zero_ns) / 1e9, one.kind, one.scope, one.source, one.detail) for one in logged)
    return tuple(sorted((*told, *load.alerts.shown()), key=lambda one: one.at_s))[-SIGNALS_REMEMBERED:]


def _read_load(load: WatchedLoad, at_ns: int, wall_s: float) -> None:
    """Read what senders recorded: all of it, or as much as fits one step. Raises :class:`OSError` when something could not be read."""
    now_s, zero_s = at_ns / 1e9, load.zero_ns / 1e9
    trouble: OSError | None = None
    try:
        # Before the records: a worker counts only what it has written.
        for due in load.senders.read(wall_s - now_s):
            load.series.offer(due.from_s - zero_s, due.to_s - zero_s, due.requests)
    except OSError as error:
        trouble = error
    batches = load.live.read()
    # A part of a batch may have been left out as void: half a step still means that there is more.
    load.catching_up = max((len(batch.rows) for batch in batches), default=0) > ROWS_MAX // 2
    load.series.add(batches, now_s - zero_s)
    load.unresolved += integrity.unknown_outcomes(batches)
    recent = _recent(load, batches, at_ns)
    load.senders.look(now_s, recent)
    load.reading = load.gauge.look(now_s, load.senders.intended, answers(recent))
    load.happened.look()
    load.alerts.look()
    if trouble is not None:
        raise trouble


def _recent(load: WatchedLoad, batches: Sequence[RowBatch], at_ns: int) -> Sequence[RowBatch]:
    """What ended in the last seconds. What ended before, which only a server that starts late finds, the gauge passes over."""
    since_ns = at_ns - round(WINDOW_S * 1e9)
    old = [batch.rows["ended_ns"] < since_ns for batch in batches]
    if not any(each.any() for each in old):
        return batches
    recent = [replace(batch, rows=batch.rows[~each]) for batch, each in zip(batches, old, strict=True)]
    customers = [batch.rows for batch in batches if batch.source == Source.CUSTOMERS]
    # Of what is still in flight it is not known when it was due: it counts as recent.
    due = load.senders.in_flight + sum(int(np.count_nonzero(rows["intended_ns"] >= since_ns)) for rows in customers)
    before = [replace(batch, rows=batch.rows[each]) for batch, each in zip(batches, old, strict=True)]
    load.gauge.skip(since_ns / 1e9, load.senders.intended - due, answers(before))
    return recent


def _read_share(run: Path, load: WatchedLoad) -> float:
    with suppress(OSError):
        recorded = sum((path.stat().st_size - HEADER.size) // ROW.size for path in (run / RECORDS).glob("customers-*.rows"))
        return min(1.0, load.series.counted / recorded) if recorded else 1.0
    return 0.0


def _verdict(run: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads((run / SUMMARY).read_bytes())["status"]
        return told if told in {"pass", "fail", "inconclusive"} else ""
    return ""
