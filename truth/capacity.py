"""``python -m truth.capacity``: is the capacity that is found the true one? On real sockets, with the real load engine; writes ``docs/truth-capacity.md``.

Twelve random servers whose capacity queueing theory tells; servers with a known trouble (a leak, a cold start, load that is shed, a collapse past the
knee); and a generator that is itself the limit, before nginx. The search, its judging and its words are those of ``closeshave capacity``; only the
platform is a script. ``--short`` takes two random servers and two troubles with short levels, and writes nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.target import Target
from closeshave.capacity.character import drifts, overload
from closeshave.capacity.judging import LevelObjective, judged
from closeshave.capacity.level import LevelAsk, LevelPurpose, LevelResult, OverloadFigures
from closeshave.capacity.running import told_level
from closeshave.capacity.sample import LevelSample
from closeshave.capacity.search import SearchRules, next_level, settled
from closeshave.files import write_atomically
from closeshave.judge.evidence.windows import NEVER_NS
from closeshave.loadgen.convert import WorkerRecords
from truth import queues
from truth.slots import SlotServer

HERE = Path(__file__).parent
RESULTS = HERE.parent / "reports" / "runs" / "truth" / "capacity.json"
PAGE = HERE.parent / "docs" / "truth-capacity.md"
SETTINGS = 12
NEAR = (-0.10, 0.05)
LEAST_PER_S = 20
"""Of fewer requests a level of seconds decides nothing."""
BEFORE_S = 2.0
"""Seconds of load before the judged ones."""
AFTER_S = 1.0
IDLE_REQUESTS = 15
REST_WITHIN_S = 20.0
UNRESTED = 2.0
CONSOLE = Console(highlight=False, soft_wrap=True)
START_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Case:
    """A server, and what must be said of it."""

    name: str
    server: SlotServer
    at_most_s: float
    """The objective on p95."""
    first: float
    true_per_s: float | None = None
    """Its capacity by theory; ``None`` where none is asked."""
    said: str = ""
    """What must be said: a kind of drift, of overload, or the end of the search."""
    busy_s: float = 0.0
    """Of the generator, for each request."""
    nginx: bool = False


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What was found."""

    name: str
    true_per_s: float | None
    found_per_s: float | None
    end: str
    said: tuple[str, ...]
    right: bool
    levels: int
    took_s: float

    @property
    def error(self) -> float | None:
        """How far the found capacity lies from the true one."""
        return None if self.true_per_s is None or self.found_per_s is None else self.found_per_s / self.true_per_s - 1


def cases() -> list[Case]:
    """The random settings, and those with a trouble."""
    return [*(drawn(seed) for seed in range(SETTINGS)), *troubles()]


def drawn(seed: int) -> Case:
    """A random server of 40 to 300 requests per second: what one core sends without effort."""
    rng = np.random.default_rng([2026, seed])
    service: queues.Service = "exponential" if rng.integers(2) else "deterministic"
    slots = int(rng.integers(1, 9))
    service_s = float(rng.uniform(0.02, 0.05))
    alone_s = service_s * (-np.log(0.05) if service == "exponential" else 1.0)
    bound_s = float(alone_s * rng.uniform(1.4, 4))
    true = queues.capacity(service, slots, service_s, 0.95, bound_s)
    if true < LEAST_PER_S:
        return drawn(seed + 10_000)
    server = SlotServer(slots, service_s, service == "exponential", seed)
    return Case(
        f"{'M' if server.exponential else 'D'}{slots} {service_s * 1e3:.0f} ms", server, bound_s, true * float(rng.uniform(0.3, 0.7)), true
    )


def troubles() -> list[Case]:
    """Two slots of 20 ms each: saturated at 100 requests per second."""
    plain = SlotServer(2, 0.02)
    return [
        Case("leaks", replace(plain, leaks_per_min=0.1), 0.15, 40, said="slower"),
        Case("warms up", replace(plain, cold=2.0), 0.15, 40, said="faster"),
        Case("sheds", replace(plain, sheds_above=8), 0.15, 40, said="sheds"),
        Case("collapses", replace(plain, collapses=0.02), 0.15, 40, said="collapses"),
        Case("queues", plain, 0.15, 40, queues.capacity("deterministic", 2, 0.02, 0.95, 0.15), "queues"),
        Case("slow generator", replace(plain, slots=64, service_s=0.001), 0.1, 60, said="generator", busy_s=0.006, nginx=True),
    ]


@contextlib.contextmanager
def serving(case: Case) -> Iterator[int]:
    """The server of a case, until the end of the block: its port."""
    if case.nginx and shutil.which("nginx"):
        with Target(prefer=False) as target:
            yield target.port
        return
    command = [sys.executable, "-m", "truth.slots", case.server.told()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE.parent) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def idle_ms(port: int) -> float:
    """The median response time of some requests, one after the other."""
    found = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        for _ in range(IDLE_REQUESTS):
            began = time.perf_counter()
            connection.request("GET", "/json")
            connection.getresponse().read()
            found.append((time.perf_counter() - began) * 1e3)
    return statistics.median(found)


def rested(port: int, before_ms: float | None) -> tuple[float, float | None]:
    """The idle response time, and how long it took until it was as before; ``None`` if it was not within the deadline."""
    began = time.monotonic()
    while True:
        now_ms = idle_ms(port)
        if before_ms is None or now_ms <= before_ms * UNRESTED + 1:
            return now_ms, time.monotonic() - began
        if time.monotonic() - began > REST_WITHIN_S:
            return now_ms, None
        time.sleep(0.5)


def drive(case: Case, port: int, ask: LevelAsk, number: int, scratch: Path, before_ms: float | None, began_s: float) -> LevelResult:
    """One level by the load engine."""
    started_s = time.monotonic()
    alone_ms, rest_s = rested(port, before_ms)
    records = scratch / f"level-{number}"
    whole_s = BEFORE_S + ask.length_s
    send(case, port, ask.rate, whole_s + AFTER_S, number, records)
    sample = read(records, whole_s)
    said = judged(sample, [LevelObjective("latency", 0.95, case.at_most_s)], final=ask.purpose is LevelPurpose.CONFIRM)
    after = None
    if ask.purpose is LevelPurpose.OVERLOAD:
        answered = sample.ended_ns[sample.ended_ns != NEVER_NS]
        last_s = (float(answered.max()) - float(sample.due_ns.max())) / 1e9 if len(answered) else 60.0
        after = OverloadFigures(max(0.0, last_s), 20.0)
    return LevelResult(
        ask,
        said.status,
        said.cause,
        said.why,
        said.figures,
        time.monotonic() - started_s,
        started_s - began_s,
        alone_ms,
        rest_s,
        overload=after,
    )


def send(case: Case, port: int, rate: float, seconds: float, number: int, records: Path) -> None:
    """The load of one level. Raises :class:`RuntimeError` where the generator failed."""
    told: Mapping[str, object] = {"RATE": rate, "SECONDS": seconds, "SEED": case.server.seed * 1000 + number, "BUSY_S": case.busy_s}
    environ = {**os.environ, **{f"CAPACITY_{name}": str(value) for name, value in told.items()}, "PYTHONPATH": str(HERE.parent)}
    command = [
        sys.executable,
        "-m",
        "closeshave.traffic.bare_locust",
        "-f",
        str(HERE / "capacity_customers.py"),
        "--headless",
        "--only-summary",
    ]
    command += ["--loglevel", "WARNING", "--exit-code-on-error", "0", "--host", f"http://127.0.0.1:{port}", "--users", "1"]
    command += ["--run-time", f"{seconds + 25:.0f}s", "--records", str(records)]
    records.parent.mkdir(parents=True, exist_ok=True)
    with (records.parent / f"{records.name}.log").open("wb") as log:
        done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=seconds + 60, check=False)
    if done.returncode:
        raise RuntimeError(f"the load generator ended with {done.returncode}; see {records.parent / records.name}.log")


def read(records: Path, whole_s: float) -> LevelSample:
    """The requests of a level, from the engine's own records."""
    rows = np.concatenate([np.asarray(WorkerRecords.open(path).rows) for path in sorted(records.glob("*.rows"))])
    due = rows["intended_ns"].astype(np.int64)
    status = rows["status"].astype(np.int64)
    ended = np.where(status > 0, rows["ended_ns"].astype(np.int64), NEVER_NS)
    first = int(due.min())
    return LevelSample(
        begin_ns=first + round(BEFORE_S * 1e9),
        end_ns=first + round(whole_s * 1e9),
        due_ns=due,
        sent_ns=rows["started_ns"].astype(np.int64),
        ended_ns=ended,
        good=rows["good"].astype(bool),
        refused=np.isin(status, (429, 503)),
    )


def carried_out(case: Case, rules: SearchRules, say: bool = True) -> CaseResult:
    """A whole search on one server."""
    began_s = time.monotonic()
    results: list[LevelResult] = []
    with serving(case) as port, tempfile.TemporaryDirectory(prefix="closeshave-capacity-") as scratch:
        while (ask := next_level(rules, results)) is not None:
            before_ms = next((one.idle_ms for one in reversed(results)), None)
            results.append(drive(case, port, ask, len(results) + 1, Path(scratch), before_ms, began_s))
            if say:
                CONSOLE.print(
                    f"  {case.name} {ask.purpose.value} {ask.rate:.4g}/s {ask.length_s:g} s: {told_level(results[-1])}", markup=False
                )
    found = settled(rules, results)
    above = overload(results, found.rate)
    told = (found.end.value, *(one.kind.value for one in drifts(results)), *([above.kind.value] if above is not None else []))
    right = case.said in told if case.said else True
    if case.true_per_s is not None:
        right = right and found.rate is not None and NEAR[0] <= found.rate / case.true_per_s - 1 <= NEAR[1]
    if case.busy_s:
        right = right and found.rate is None
    return CaseResult(case.name, case.true_per_s, found.rate, found.end.value, told, right, len(results), time.monotonic() - began_s)


def sound(found: Sequence[CaseResult]) -> bool:
    """All but one of twelve capacities are near the true one, none is stated more than 5 % too high, and each trouble is told."""
    random = [one for one in found if one.true_per_s is not None]
    too_high = [one for one in random if one.error is not None and one.error > NEAR[1]]
    missed = [one for one in random if not one.right]
    told = all(one.right for one in found if one.true_per_s is None)
    return told and not too_high and len(missed) <= len(random) // SETTINGS


def page(found: Sequence[CaseResult]) -> str:
    """``docs/truth-capacity.md``."""
    lines = [
        "# Measured: is the capacity that is found the true one?",
        "",
        "Made by `make capacity-truth`. Servers with k slots and one queue, on real sockets, whose capacity for an objective on p95 queueing theory",
        "tells; *D* has a fixed service time and *M* an exponential one. Troubles must be told for what they are.",
        "",
        "| server | true /s | found /s | error | said | levels | took | right |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        true = "—" if one.true_per_s is None else f"{one.true_per_s:,.1f}"
        rate = "none stated" if one.found_per_s is None else f"{one.found_per_s:,.1f}"
        error = "—" if one.error is None else f"{one.error:+.1%}".replace("%", " %")
        right = "yes" if one.right else "no"
        lines.append(
            f"| {one.name} | {true} | {rate} | {error} | {', '.join(one.said)} | {one.levels} | {one.took_s / 60:.1f} min | {right} |"
        )
    return "\n".join([*lines, ""])


def main() -> int:
    """Returns 0 when everything is right, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m truth.capacity", description=__doc__)
    parser.add_argument("--short", action="store_true", help="two random servers and two troubles with short levels; writes nothing")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="only these cases")
    parser.add_argument("--again", action="store_true", help="discard the results so far")
    options = parser.parse_args()
    work = {case.name: case for case in cases()}
    if options.only and (unknown := set(options.only) - set(work)):
        parser.error(f"there is no {', '.join(sorted(unknown))}; available: {', '.join(work)}")
    names = options.only or list(work)
    if options.short and not options.only:
        names = [*list(work)[:2], "sheds", "slow generator"]
    keeping = not options.short and not options.only
    kept = {one.name: one for one in _load()} if keeping and not options.again else {}
    for name in names:
        if name in kept:
            continue
        rules = SearchRules(first=work[name].first, most=5_000, level_s=10, level_s_most=40)
        if options.short:
            rules = replace(rules, level_s=5, level_s_most=10, precise=0.05, budget_s=300)
        kept[name] = carried_out(work[name], rules)
        one = kept[name]
        CONSOLE.print(
            f"{'right' if one.right else 'WRONG'}: {name}: true {one.true_per_s}, found {one.found_per_s}, {', '.join(one.said)}",
            markup=False,
        )
        if keeping:
            RESULTS.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(RESULTS, json.dumps([asdict(each) for each in kept.values()], indent=1))
    found = [kept[name] for name in names]
    CONSOLE.print(page(found), markup=False)
    if keeping:
        PAGE.write_text(page(found), encoding="utf-8")
    return 0 if sound(found) else 1


def _load() -> list[CaseResult]:
    if not RESULTS.exists():
        return []
    return [CaseResult(**{**one, "said": tuple(one["said"])}) for one in json.loads(RESULTS.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    sys.exit(main())
