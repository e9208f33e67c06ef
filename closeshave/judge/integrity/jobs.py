"""Jobs of workers: each is done once, and in time, whatever is lost between the booking and its effect.

What should be done is told by the bookings of the final state, and not by the queue: a job that never reached a broker is missing too. A job counts as
lost if it has no effect although its time was over when the final state was read, and the reader had waited for open jobs until none of them was done
any more; so it is not merely slow.

There are two exceptions. A fault that lost a shard's last changes may have lost the record of an effect with them: on such a shard a missing effect is
unknown. And a job that other programs on the machine may have delayed is not called late.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from closeshave.judge.evidence.columns import Flags, Ints, flags, ints
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.witness import first_and_worst, job_at
from closeshave.judge.integrity.finding import Finding, unknown
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.judge.witnesses import JobWitness, Witness
from closeshave.plurals import counted, plural

MISSING = "the final state of jobs is missing"


def untold(evidence: Evidence) -> str:
    """Why it cannot be known; empty where workers ran, and the final state tells of their jobs."""
    return "" if evidence.history.manifest.jobs else "no workers ran beside the application, or nothing says what became of their jobs"


def lost(analysis: Analysis) -> Finding:
    """Jobs without an effect, although their time was over."""
    rows = _rows(analysis.evidence)
    if rows is None:
        return unknown("jobs_lost", untold(analysis.evidence) or MISSING)
    undone = flags(rows["done_at"].isna())
    over = _ms(rows, "read_at") >= _ms(rows, "late_at")
    forgotten = undone & np.isin(ints(rows["found_on"], -1), list(analysis.rewound))
    guilty = undone & over & ~forgotten
    still, unsaid = int(np.count_nonzero(undone & ~over & ~forgotten)), int(np.count_nonzero(forgotten))
    gaps = (
        [counted(still, "job was open and not late yet", "jobs were open and not late yet") + " when the final state was read"]
        if still
        else []
    )
    if unsaid:
        has = counted(unsaid, "job has no effect", "jobs have no effect")
        gaps.append(f"{has} on shards that lost their last changes to a fault, and perhaps the effects with them")
    count, n = int(np.count_nonzero(guilty)), _known(rows)
    return Finding(
        "jobs_lost", count, n, plural(count, "job was never done", "jobs were never done"),
        _witnesses(rows, guilty, _ms(rows, "read_at") - _ms(rows, "due_at"), "has no effect, although its time was over"),
        exposure=Exposure(n, plural(n, "job of a booking", "jobs of bookings")), gap="; ".join(gaps),
    )  # fmt: skip


def twice(analysis: Analysis) -> Finding:
    """Effects of a job after its first."""
    rows = _rows(analysis.evidence)
    if rows is None:
        return unknown("jobs_twice", untold(analysis.evidence) or MISSING)
    done = flags(rows["done_at"].notna())
    turn = np.zeros(len(rows), dtype=np.int64)
    turn[done] = rows[done].groupby(["found_on", "booking", "kind"], observed=True).cumcount().to_numpy()
    again = turn > 0
    count, n = int(np.count_nonzero(again)), int(np.count_nonzero(done & ~again))
    return Finding(
        "jobs_twice", count, n, plural(count, "effect of a job is not its first", "effects of jobs are not their first"),
        _witnesses(rows, again, turn, "was done although it had been done before"),
        exposure=Exposure(n, plural(n, "job done", "jobs done")),
    )  # fmt: skip


def late(analysis: Analysis) -> Finding:
    """Jobs whose first effect came after their time was over."""
    rows = _rows(analysis.evidence)
    if rows is None:
        return unknown("jobs_late", untold(analysis.evidence) or MISSING)
    first = rows[flags(rows["done_at"].notna())].drop_duplicates(["found_on", "booking", "kind"]).reset_index(drop=True)
    over = _ms(first, "done_at") - _ms(first, "late_at")
    excused = np.zeros(len(first), dtype=np.bool_)
    for index in np.flatnonzero(over > 0).tolist():
        excused[index] = _disturbed(analysis.evidence, first, index)
    guilty = (over > 0) & ~excused
    count, n, others = int(np.count_nonzero(guilty)), len(first), int(np.count_nonzero(excused))
    what = counted(others, "job was late", "jobs were late")
    return Finding(
        "jobs_late", count, n, plural(count, "job was done too late", "jobs were done too late"),
        _witnesses(first, guilty, over, "was done when its time was over"),
        exposure=Exposure(n, plural(n, "job done", "jobs done")),
        gap=f"{what} while other programs disturbed the machine" if others else "",
    )  # fmt: skip


def _rows(evidence: Evidence) -> pd.DataFrame | None:
    """The rows, those of each job beside each other in the order of its effects; the order of the file does not matter."""
    jobs = evidence.history.jobs
    if jobs is None:
        return None
    return jobs.sort_values(["found_on", "booking", "kind", "done_at", "job"], kind="stable").reset_index(drop=True)


def _known(rows: pd.DataFrame) -> int:
    return int((~rows.duplicated(["found_on", "booking", "kind"])).sum())


def _ms(rows: pd.DataFrame, name: str) -> Ints:
    """An instant of each row in milliseconds; -1 where there is none."""
    rounded: Ints = np.rint(np.nan_to_num(rows[name].to_numpy(dtype=np.float64), nan=-0.001) * 1e3).astype(np.int64)
    return rounded


def _disturbed(evidence: Evidence, rows: pd.DataFrame, index: int) -> bool:
    """Whether other programs disturbed the machine between the instant at which a job was due and its end."""
    anchor = evidence.history.manifest.anchor
    began, ended = (round(float(rows[name].iloc[index]) * 1e9) - anchor.wall_ns + anchor.monotonic_ns for name in ("due_at", "done_at"))
    return bool(evidence.doubts_within(began, ended))


def _witnesses(rows: pd.DataFrame, guilty: Flags, badness: Ints, why: str) -> tuple[Witness, ...]:
    """The first and the worst, each with the other effects of the same job."""
    found: list[Witness] = []
    for index in first_and_worst(guilty, _ms(rows, "due_at"), badness, ints(rows["booking"], -1)):
        job = job_at(rows, index)
        same = flags((rows["booking"] == job.booking) & (rows["kind"] == job.kind) & (rows["found_on"] == job.found_on))
        others = tuple(job_at(rows, int(place)) for place in np.flatnonzero(same) if place != index)
        found.append(JobWitness(f"this {job.kind} {why}", job, others))
    return tuple(found)
