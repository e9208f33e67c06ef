"""Live gates: each is the command ``closeshave gate`` in a directory of its own. What is there is kept, and what was stopped goes on.

Those that have an answer are recorded in one file each beside this module (:mod:`benchmarks.power.recorded`), so that other machines add theirs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.power import bursts, cases, recorded
from benchmarks.power.cases import CURRENT, PowerCase
from benchmarks.power.recorded import RecordedGate
from closeshave.files import append_line, read_lines, write_atomically
from closeshave.files.shipped import locate
from closeshave.gate import directory
from closeshave.gate.result import GateResult, parsed
from closeshave.gate.rules import rules
from closeshave.gate.running import WARM_UP
from closeshave.plan import read_plan
from closeshave.vocabulary import Exit

SEED = 20261130
PLAN, ENVIRONMENT, PREPARE = "gate.yaml", "shop.yaml", "prepare.py"
CIRCUMSTANCES = "circumstances.jsonl"
"""A line for every call of the command: the machine's load average (1 minute) before it, and how long it took."""
DECIDED = {Exit.PASS, Exit.FAIL, Exit.INCONCLUSIVE}
DOUBLED_SHARE = 0.01
_PREPARE = """\
import os

import psycopg

from closeshave.standin.seed import main

main(os.environ)
# Sessions name their instance. Of the bookings that the doubling release writes, one in a hundred is outside of the constraint.
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    connection.execute(\"\"\"
        ALTER TABLE bookings DROP CONSTRAINT bookings_no_overlap;
        ALTER TABLE bookings ADD COLUMN doubled boolean NOT NULL DEFAULT false;
        ALTER TABLE bookings ADD CONSTRAINT bookings_no_overlap
            EXCLUDE USING gist (barber_id WITH =, during WITH &&) WHERE (status = 'scheduled' AND NOT doubled);
        CREATE FUNCTION doubling() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.doubled := current_setting('application_name') LIKE '%-doubling' AND random() < {share};
            RETURN NEW;
        END $$;
        CREATE TRIGGER doubling BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION doubling();
    \"\"\")
"""


class PowerStopped(Exception):
    """The operator stopped a gate."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the gates of all cases are."""

    path: Path
    records: Path
    """Where the files of finished gates are, also those of other machines."""

    def gates(self, case: PowerCase) -> list[Path]:
        """The directories of a case's gates, oldest first."""
        there = self.path / case.key
        return sorted(path for path in there.iterdir() if (path / directory.RULES).is_file()) if there.is_dir() else []

    def answered(self, case: PowerCase) -> list[tuple[Path, GateResult]]:
        """Those of this machine that have an answer."""
        there = (path for path in self.gates(case) if (path / directory.RESULT).is_file())
        return [(path, parsed(json.loads((path / directory.RESULT).read_text(encoding="utf-8")))) for path in there]

    def record(self, case: PowerCase) -> None:
        """Record what has an answer here. Raises :class:`OSError`."""
        for path, result in self.answered(case):
            scale = next((float(line["scale"]) for line in read_lines(path / WARM_UP)), None)
            recorded.keep(case.key, RecordedGate(path.name, directory.order_of(path).rules, scale, result), self.records)

    def finished(self, case: PowerCase) -> list[RecordedGate]:
        """Those of all machines that have an answer, by the rules of this plan."""
        return recorded.comparable(recorded.load(case.key, self.records), rules(read_plan(self.path / PLAN).gate))


def loads(place: Place, case: PowerCase) -> list[float]:
    """The machine's load average before each call for a case: what other programs did."""
    return [float(line["load"]) for line in read_lines(place.path / CIRCUMSTANCES) if line["case"] == case.key]


def rates(place: Place, case: PowerCase) -> list[float]:
    """The share of the plan's rate that each finished gate of a case had."""
    return [gate.rate_scale for gate in place.finished(case) if gate.rate_scale is not None]


def prepare(place: Place, blocks: int | None) -> None:
    """Write the plan and the environment once: a gate that was stopped goes on with the same ones. ``blocks``: another number than the plan's; then legs
    are not lengthened beyond 30 s where the machine sustains less than the plan's rate, and a third of the customers logs in before each."""
    place.path.mkdir(parents=True, exist_ok=True)
    plan = locate("scenarios", "gate")
    text = plan.read_text(encoding="utf-8").replace("scenario: gate.py", f"scenario: {plan.with_name('gate.py')}")
    if blocks is not None:
        text = _with(text, ("blocks: 6", f"blocks: {blocks}"), ("duration: 40s", "duration: 30s"))
    _once(place.path / PLAN, text)
    _once(place.path / PREPARE, _PREPARE.format(share=DOUBLED_SHARE))
    there = environment(cpu_ms=None)
    _once(place.path / ENVIRONMENT, there if blocks is None else _with(there, ("accounts_per_region: 30", "accounts_per_region: 10")))


def _with(text: str, *changes: tuple[str, str]) -> str:
    """A file that ships, with other values."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def environment(cpu_ms: float | None) -> str:
    """The shipped environment with the releases of all cases; without a known cost, those that need none."""
    told = ["  releases:"]
    for name, burden in cases.releases(cpu_ms or 1.0).items():
        if cpu_ms is not None or not name.startswith("dearer"):
            told.append(f'    {name}: {{variables: {{VERSION: 1.0.0-{name}, BURDEN: "{burden}"}}, version: 1.0.0-{name}}}')
    told.append('    doubling: {variables: {VERSION: 1.0.0-doubling, INSTANCE: "{instance}-doubling"}, version: 1.0.0-doubling}')
    return _with(
        locate("environments", "embedded").read_text(encoding="utf-8"),
        ("  releases:\n", "\n".join([*told, ""])),
        ("-m, closeshave.standin.seed]", f"{PREPARE}]"),
        ("    depends:\n", f"    depends:\n      - {PREPARE}\n"),
        ("name: embedded\n", "name: shop\n"),
    )


def cost_ms(place: Place) -> float | None:
    """What a request of the base costs the platform, by this machine's first gate of equal releases; ``None`` before there is one."""
    for _, found in place.answered(cases.CASES[0]):
        legs = (leg for block in found.blocks if not block.spoilt for leg in block.legs)
        costs = [leg.figures[cases.CPU].value for leg in legs if cases.CPU in leg.figures]
        if costs:
            return statistics.median(costs) * 1e3
    return None


def one_more(place: Place, case: PowerCase, wanted: int, rate_scale: float | None = None) -> bool:
    """Carry out the next live gate of a case, or what is missing of one, and record it; false if there are as many as wanted. ``rate_scale``: the share
    of the plan's rate of a new one, instead of what its warm-up finds. Raises :class:`PowerStopped`.
    """
    left = [path for path in place.gates(case) if not (path / directory.RESULT).is_file()]
    there = len(place.finished(case))
    if not left and there >= wanted:
        return False
    if left:
        words: Sequence[str] = ("--resume", str(left[0]))
    else:
        if case.candidate.startswith("dearer") and (cost := cost_ms(place)) is not None:
            # Only gates that begin now read it; its digest is in their rules.
            _with_cost(place, cost)
        words = (
            *(str(place.path / PLAN), "--baseline", CURRENT, "--candidate", case.candidate, "--environment", str(place.path / _file(case))),
            *("--seed", str(SEED + 100 * cases.CASES.index(case) + there), "--gates", str(place.path / case.key)),
            *(() if rate_scale is None else ("--rate-scale", f"{rate_scale:g}")),
        )
    load, began_s = os.getloadavg()[0], time.monotonic()
    try:
        with _beside(case, SEED + there):
            code = _gate(words)
    finally:
        append_line(place.path / CIRCUMSTANCES, {"case": case.key, "load": round(load, 1), "took_s": round(time.monotonic() - began_s)})
    if code == Exit.INTERRUPTED:
        raise PowerStopped
    if code not in DECIDED:
        raise RuntimeError(f"a gate of {case.key} ended with exit code {code}; the next call goes on with it")
    place.record(case)
    return True


def _gate(words: Sequence[str]) -> int:
    """The exit code of the command. An interruption is passed on, so that the gate removes its environment."""
    process = subprocess.Popen([sys.executable, "-m", "closeshave", "gate", *words, "--json"], stdout=subprocess.DEVNULL)
    try:
        return process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def _file(case: PowerCase) -> str:
    return "dearer.yaml" if case.candidate.startswith("dearer") else ENVIRONMENT


def _with_cost(place: Place, cost: float) -> None:
    _once(place.path / "dearer.yaml", environment(cost))


def _once(path: Path, text: str) -> None:
    if not path.exists():
        write_atomically(path, text)


@contextlib.contextmanager
def _beside(case: PowerCase, seed: int) -> Iterator[None]:
    if case.bursts:
        with bursts.running(seed):
            yield
    else:
        yield
