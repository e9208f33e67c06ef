"""``python -m truth.measured``: compares the harness's figures with a server that follows a script; writes ``docs/measured-error.md``.

Generators, recorder, the process of a fault (an operator's hook) and judges are the real ones; only the platform is a script. There are forty random
scripts, each with an outage of known kind, length and share, known lost acknowledgements, errors and late answers. The true values are the server's
own record: from the arrival of the call to the instant from which no request was affected.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow.parquet as pq

from closeshave import deployment, history, judge, private
from closeshave.clock import Anchor, now_ns
from closeshave.deployment import Account, Call, Deployment, Edge, Expect, Hook, Payments
from closeshave.environments.remote import read_back, reader
from closeshave.environments.remote.definition import Caps, Fingerprint, Remote
from closeshave.faults import child
from closeshave.files import write_atomically
from closeshave.history import CAPTURES, Manifest, Mark, PhaseTime
from closeshave.plan import Canaries, Expected, Fault, Limits, Phase, Plan, Role, Traffic
from closeshave.plurals import counted
from closeshave.target import Measure, Objective, Target
from closeshave.traffic import accounts
from closeshave.traffic.accounts import LoggedIn
from closeshave.traffic.collect import collect
from closeshave.traffic.generator import Generator
from closeshave.traffic.load import ACCOUNTS_FILE, Load, LoadPhase
from closeshave.vocabulary import MarkKind
from truth.scripted import CUSTOMERS, REGIONS, TOPOLOGY, Script, Scripted, token

HERE = Path(__file__).parent
RESULTS = HERE.parent / "reports" / "runs" / "truth" / "measured.json"
PAGE = HERE.parent / "docs" / "measured-error.md"
ROOMS = ("judge", "faults", "loadgen", "traffic", "history", "environments/remote")
SOURCES = (*(f"closeshave/{room}" for room in ROOMS), "truth")
"""The sources on which the measurement depends."""
SCRIPTS = 40
EXIT_TERMINATED = 128 + signal.SIGTERM
Result = TypeVar("Result")
INSIDE_LEAST = 0.95
"""The share of true recoveries that must be inside their stated intervals."""
BIAS_S_MOST = 0.05
LOSS_CLOSE_S = 0.005
"""Tolerance: an acknowledgement takes some milliseconds, and the server and its client note different ends of it."""
CALM_S, FAULT_S = 5.0, 17.0
AT_S, HOLD_S = 1.0, 11.0
SESSIONS_PER_S = 10.0

FAULT = Fault("outage", "shard.primary-killed", "fault", AT_S, HOLD_S, Expected.RECOVERS, {"shard": 1})
PLAN = Plan(
    name="measured-error",
    environment="scripted",
    target="scripted",
    seed=0,
    limits=Limits(60, 100_000),
    phases=(Phase("calm", Role.CALM, CALM_S, SESSIONS_PER_S), Phase("fault", Role.FAULT, FAULT_S, SESSIONS_PER_S)),
    faults=(FAULT,),
    traffic=Traffic(think_time_scale=0.2, contests_per_s=0.0),
    canaries=Canaries(hold=3.0),
)
PERCENTILES = (0.5, 0.95, 0.99)


def target(bound_s: float) -> Target:
    """The target: a recovery within a bound near the true one, so that the verdict is tested."""
    objectives = (
        Objective("availability", (), Measure.AVAILABILITY, at_least=0.5, window="run"),
        *(Objective(f"p{p * 100:g}", (), Measure.LATENCY, at_most=5.0, percentile=p, window="run") for p in PERCENTILES),
        Objective("recovery", (), Measure.RECOVERY, at_most=bound_s, faults=("shard.*",)),
        Objective("loss", (), Measure.LOSS, at_most=5.0, faults=("shard.*",)),
        Objective("integrity", (), Measure.INTEGRITY, invariants=("lost", "phantom", "double_booked")),
    )
    return Target(name="scripted", title="", claims=(), objectives=objectives)


@dataclass(frozen=True, slots=True)
class Measured:
    """One script: true values, measured values and their intervals. Times in seconds."""

    script: Script
    recovery_true_s: float
    """From the arrival of the call to the instant from which no request was affected, by the server's clock."""
    recovery_s: float | None
    interval_s: tuple[float, float] | None
    bound_s: float
    recovery: str
    """The verdict on the recovery."""
    observed: bool
    healed: bool
    loss_true_s: float
    loss_s: float | None
    loss_interval_s: tuple[float, float] | None
    lost_true: int
    lost: int | None
    lost_elsewhere: str
    """The verdict on writes that were lost without a fault."""
    phantom: int | None
    doubled: int | None
    """Both must be 0 for this server."""
    listed: bool
    """Whether the list that was read back equals the server's own."""
    good_true: tuple[int, int]
    """Good answers and all requests, by the server's count."""
    good: tuple[int, int]
    percentiles_exact: bool

    @property
    def inside(self) -> bool:
        """Whether the true recovery is in its stated interval."""
        return self.interval_s is not None and self.interval_s[0] <= self.recovery_true_s <= self.interval_s[1]

    @property
    def wrong(self) -> list[str]:
        """The errors of this script, in a few words each."""
        honest = self.recovery_true_s <= self.bound_s
        low_s, high_s = self.loss_interval_s or (0.0, -1.0)
        loss = low_s - LOSS_CLOSE_S <= self.loss_true_s <= high_s + LOSS_CLOSE_S
        found = {
            "a platform that kept the bound failed": honest and self.recovery == "fail",
            "an outage that was too long passed": not honest and self.recovery == "pass",
            "not observed": not self.observed,
            "not healed": not self.healed,
            "the loss window": not loss,
            "lost writes": self.lost != self.lost_true or self.lost_elsewhere != "pass",
            "phantom bookings": self.phantom != 0,
            "doubled bookings": self.doubled != 0,
            "the list": not self.listed,
            # A request that was cut off may be repeated on a connection of its own.
            "good answers": self.good != self.good_true and self.script.mode != "reset",
            "percentiles": not self.percentiles_exact,
        }
        return [what for what, holds in found.items() if holds]


def main() -> int:
    """Returns 0 when every script was measured right."""
    parser = argparse.ArgumentParser(prog="truth.measured", description=__doc__)
    parser.add_argument("--scripts", type=int, default=SCRIPTS)
    parser.add_argument("--most", type=int, default=SCRIPTS, help="Carry out at most so many in this call; the next call continues.")
    options = parser.parse_args()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    now = code()
    before: dict[str, Mapping[str, object]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    # Results of other code are no evidence about this code.
    kept = {seed: row for seed, row in before.items() if row.get("code") == now}
    if len(kept) < len(before):
        stale = counted(len(before) - len(kept), "result is", "results are")
        print(f"{stale} from other code than {now}, and will be measured again")  # noqa: T201 -- a command
    left = [seed for seed in range(1, options.scripts + 1) if str(seed) not in kept][: options.most]
    # Two at a time, each in a process of its own: they mostly wait.
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent) as pool:
        for found in pool.map(measured, left):
            kept[str(found.script.seed)] = {**asdict(found), "inside": found.inside, "wrong": found.wrong, "code": now}
            write_atomically(RESULTS, json.dumps(kept, indent=1) + "\n")
            print(_line(kept[str(found.script.seed)]), flush=True)  # noqa: T201 -- a command
    rows = [kept[seed] for seed in sorted(kept, key=int)]
    PAGE.write_text(page(rows))
    return 0 if len(rows) >= options.scripts and not _troubles(rows) else 1


def code(root: Path = HERE.parent) -> str:
    """A digest of the sources, by their names and content."""
    found = hashlib.sha256()
    for path in sorted(path for source in SOURCES for path in (root / source).rglob("*.py")):
        found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def end_with_parent() -> None:
    """Let this process of a pool end when the pool's own process has ended, however: it would wait for work for ever. What it does is cleaned up first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def measured(seed: int) -> Measured:
    """Carry out and judge the script of this seed, in a process of the pool."""
    return or_end(lambda: measure(Script.drawn(seed)))


def or_end(work: Callable[[], Result]) -> Result:
    """What ``work`` returns. If it is ended by :func:`end_with_parent`, the process ends too: a pool would go on with the next work."""
    try:
        return work()
    except SystemExit:
        os._exit(EXIT_TERMINATED)


def measure(script: Script) -> Measured:
    """Carry out one script and judge it."""
    with tempfile.TemporaryDirectory(prefix="measured-") as scratch, Scripted(script).serving() as server:
        run = Path(scratch)
        try:
            _carry_out(run, server)
            return _compare(run, server)
        finally:
            private.forget(run)
            reader.forget(str(run / "platform"))


def _carry_out(run: Path, server: Scripted) -> None:
    people = [LoggedIn(f"{client}@example.com", "pw", region, token(client), "r", "c", str(client)) for client, region in CUSTOMERS]
    accounts.save(private.make(run) / ACCOUNTS_FILE, people)
    phases = (LoadPhase("calm", Role.CALM, 0.0, CALM_S, SESSIONS_PER_S), LoadPhase("fault", Role.FAULT, CALM_S, FAULT_S, SESSIONS_PER_S))
    load = Load(
        run=str(run), run_id=run.name, seed=server.script.seed, phases=phases, traffic=PLAN.traffic, canaries=PLAN.canaries,
        topology=TOPOLOGY, edges=dict.fromkeys(REGIONS, server.url), tokens=str(private.place(run) / ACCOUNTS_FILE), requests=100_000,
    )  # fmt: skip
    anchor = Anchor.take()
    generators = [Generator.start(kind, load) for kind in ("customers", "canary")]
    try:
        for generator in generators:
            generator.wait_ready(60)
        server.start_ns = now_ns() + 500_000_000
        for generator in generators:
            generator.go(server.start_ns)
        experiment = child.start(platform(run, server), run, FAULT, server.at_ns(CALM_S + AT_S))
        for generator in generators:
            generator.finish(CALM_S + FAULT_S + 20)
    finally:
        for generator in generators:
            generator.stop()
    if experiment.wait(60):
        raise RuntimeError((run / "logs" / f"fault-{FAULT.id}.log").read_text())
    collect(run)
    _write_down(run, server, anchor)
    server.over = True
    for part, why in read_back.export(definition(server), deployment.load(run / "platform"), run)[1].items():
        history.record(run, Mark(now_ns(), MarkKind.PART_MISSING, f"{part}: {why}"))


def platform(run: Path, server: Scripted) -> Deployment:
    """The deployment of the server for the fault's process: a remote platform, with a hook of its operator."""
    called = {what: Call(http=f"{server.url}/control/{what}", method="GET") for what in ("inject", "observe", "undo")}
    check = Call(http=f"{server.url}/control/check", method="GET", expect=Expect(members={"status": "ready"}))
    hook = Hook(FAULT.kind, FAULT.scope, called["inject"], called["observe"], called["undo"], check, lasting=False)
    root = run / "platform"
    root.mkdir()
    platform = Deployment(
        id=run.name, name="scripted", kind="remote", root=str(root), topology=TOPOLOGY, processes=(), members=(), stores=(), sentinels=(), links=(),
        edges=tuple(Edge(region, server.url, "", region) for region in REGIONS), payments=Payments("none", "http://127.0.0.1:1", "none"), etcd_ports=(),
        database="none", user="none", hooks=(hook,),
        accounts=tuple(Account(f"{client}@example.com", "pw", region) for client, region in CUSTOMERS),
    )  # fmt: skip
    platform.save()
    return platform


def definition(server: Scripted) -> Remote:
    """The server in the form of an environment file: its bookings are read back through its API, as each customer."""
    urls = dict.fromkeys(REGIONS, server.url)
    return Remote("remote", "scripted", urls, Fingerprint("/health", {"status": "ready"}), Caps(1000, 100_000, 60))


def _write_down(run: Path, server: Scripted, anchor: Anchor) -> None:
    """Write the files that a trial would have recorded around the load."""
    script, at = server.script, server.at_ns
    times = (PhaseTime("calm", "calm", at(0), at(CALM_S)), PhaseTime("fault", "fault", at(CALM_S), at(CALM_S + FAULT_S)))
    manifest = Manifest("measured", PLAN.name, "scripted", "scripted", script.seed, "rehearsed", "0", "", anchor, TOPOLOGY, times, "")
    history.save_manifest(run, manifest)
    history.save_rows(run / history.CAPTURES_FILE, CAPTURES.empty_table())


def _compare(run: Path, server: Scripted) -> Measured:
    script, kept = server.script, server.kept
    assert kept.called_ns is not None
    assert kept.began_ns is not None
    assert kept.ended_ns is not None
    true_s = (kept.ended_ns - kept.called_ns) / 1e9
    bound_s = true_s * script.allowed
    recorded = history.load(run)
    assessment = judge.assess(recorded, PLAN, target(bound_s))
    by_id = {verdict.id: verdict for verdict in assessment.verdicts}
    recovery, availability, loss = by_id["recovery/outage"], by_id["availability/all"], by_id["loss/outage"]
    (fault,) = assessment.faults
    lost = [each for each in kept.bookings.values() if server.lost(each)]
    oldest_ns = min((each["acknowledged_ns"] for each in lost), default=kept.began_ns)
    table = pq.read_table(run / history.OPERATIONS_FILE).to_pandas()
    customers = table[table["source"] == "customers"]
    # A request that was not good is one that never ended; the percentile is the smallest time that so many are within.
    times = np.sort(np.where(customers["good"], customers["ended_ns"] - customers["intended_ns"], np.iinfo(np.int64).max))
    exact = {p: times[-(-round(p * 1000) * len(times) // 1000) - 1] / 1e9 for p in PERCENTILES}
    told = {p: by_id[f"p{p * 100:g}/all"].measured for p in PERCENTILES}
    told_rows = pq.read_table(run / history.BOOKINGS_FILE).to_pylist()
    assert availability.measured is not None
    return Measured(
        script=script,
        recovery_true_s=true_s,
        recovery_s=recovery.measured,
        interval_s=recovery.confidence,
        bound_s=bound_s,
        recovery=recovery.status.value,
        observed=by_id["observed/outage"].status.value == "pass",
        healed=by_id["healed/outage"].status.value == "pass",
        loss_true_s=(kept.began_ns - oldest_ns) / 1e9,
        loss_s=fault.loss_window_s,
        loss_interval_s=loss.confidence,
        lost_true=len(lost),
        lost=fault.lost_writes,
        lost_elsewhere=by_id["integrity/lost"].status.value,
        phantom=assessment.integrity.breaches["phantom"],
        doubled=assessment.integrity.breaches["double_booked"],
        listed=sorted(map(_shown, told_rows)) == sorted(_kept(each) for each in kept.bookings.values() if not server.lost(each)),
        good_true=(server.kept.customers_good, server.kept.customers),
        good=(round(availability.measured * availability.n), availability.n),
        percentiles_exact=all(told[p] == exact[p] or (told[p] is None and exact[p] > 1e9) for p in PERCENTILES),
    )


def _shown(row: Mapping[str, Any]) -> tuple[object, ...]:
    """The fields of a booking that are compared between the list and the server's record."""
    return row["booking"], row["franchise"], row["barber"], row["client"], row["starts_at"], row["minutes"], row["status"], row["version"]


def _kept(each: Mapping[str, Any]) -> tuple[object, ...]:
    starts_at = int(each["start"].timestamp())
    return each["id"], each["franchise"], each["barber"], str(each["client"]), starts_at, each["minutes"], each["status"], each["version"]


def _troubles(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The problems in the table."""
    bias_s, inside = _bias_s(rows), sum(bool(row["inside"]) for row in rows)
    found = [f"script {row['script']['seed']}: {', '.join(row['wrong'])}" for row in rows if row["wrong"]]
    found += [f"the bias of recovery is {bias_s:+.3f} s"] if abs(bias_s) > BIAS_S_MOST else []
    return found + ([f"only {inside} true recoveries lie in their interval"] if inside < INSIDE_LEAST * len(rows) else [])


def _bias_s(rows: Sequence[Mapping[str, Any]]) -> float:
    """The mean of measured minus true recovery, over the measured ones."""
    return statistics.fmean(row["recovery_s"] - row["recovery_true_s"] for row in rows if row["recovery_s"] is not None)


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """The page with the table."""
    inside, verdicts = sum(bool(row["inside"]) for row in rows), [row["recovery"] for row in rows]
    heads = ("seed", "mode", "share", "takes effect after", "call returns after", "recovery true", "measured", "interval", "allowed", "verdict",
             "loss true", "interval", "lost writes", "list", "good of requests", "percentiles", "")  # fmt: skip
    return "\n".join(
        [
            "# Measured error",
            "",
            "`python -m truth.measured` runs the real generators against a server that follows a script drawn from a seed, and compares what the judges",
            "say with what the server did: an outage of known kind, length and share of requests, started by the call of a hook, at once or later;",
            "bookings acknowledged just before it and lost; errors and late answers. The true recovery is the server's own record, from the arrival of",
            "the call until no request was affected any more. Canaries probe at the default rates of a plan, from both regions. Each script has a bound",
            "near its true recovery. At the end each customer's bookings are read back through the API, in lists of the form and page size that the",
            "script says. Counts and percentiles must be exact. Times are in seconds.",
            "",
            f"Measured with code {', '.join(sorted({str(row['code']) for row in rows}))} (a digest of the sources): other rows are measured again.",
            f"{counted(len(rows), 'script')}. Bias of recovery: {_bias_s(rows):+.3f}. True recovery inside the stated interval: {inside} of {len(rows)}.",
            f"Verdicts on it: {', '.join(f'{verdicts.count(status)} {status}' for status in ('pass', 'inconclusive', 'fail'))}.",
            "",
            *(f"* **{trouble}**" for trouble in _troubles(rows)),
            *([""] if _troubles(rows) else []),
            f"| {' | '.join(heads)} |",
            f"|{'---|' * len(heads)}",
            *map(_line, rows),
            "",
        ]
    )  # fmt: skip


def _line(row: Mapping[str, Any]) -> str:
    script, good, true = row["script"], row["good"], row["good_true"]
    cells = [
        str(script["seed"]), script["mode"], f"{script['share']:.0%}", _s(script["bites_s"]), _s(script["returns_s"]), _s(row["recovery_true_s"]),
        _s(row["recovery_s"]), _between(row["interval_s"]), _s(row["bound_s"]), row["recovery"], _s(row["loss_true_s"]), _between(row["loss_interval_s"]),
        f"{row['lost']} of {row['lost_true']}", f"{script['lists']}, {script['page_rows']}",
        f"{good[0]:,} of {good[1]:,}" + ("" if list(good) == list(true) else f" (the server's: {true[0]:,} of {true[1]:,})"),
        "exact" if row["percentiles_exact"] else "differ",
        f"**{', '.join(row['wrong'])}**" if row["wrong"] else "✓" if row["inside"] else "outside",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _between(value: Sequence[float] | None) -> str:
    return "-" if value is None else f"{value[0]:.3f} to {value[1]:.3f}"


def _s(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-"


if __name__ == "__main__":
    sys.exit(main())
