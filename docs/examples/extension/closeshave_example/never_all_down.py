"""A check: at no time were all processes of the platform down, by what the probe ``example-processes`` saw."""

from __future__ import annotations

from closeshave.history import Mark
from closeshave.judge.integrity.finding import Finding
from closeshave.judge.integrity.invariant import Invariant
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure
from closeshave.judge.witnesses import OtherWitness
from closeshave.plurals import counted, plural
from closeshave.vocabulary import MarkKind

NAME, PROBE = "never_all_down", "example-processes"


def never_all_down(analysis: Analysis) -> Finding:
    """Pure: it reads what the run recorded and asks nobody."""
    seen = [mark for mark in analysis.evidence.history.marks if mark.kind == MarkKind.PROBED and mark.detail.startswith(f"{PROBE}: ")]
    told = [mark for mark in seen if mark.detail.endswith(" run")]
    down = [mark for mark in told if mark.detail.startswith(f"{PROBE}: 0 of ")]
    unknown = len(seen) - len(told)
    return Finding(
        NAME,
        len(down),
        len(told),
        plural(len(down), "time all processes were down", "times all processes were down"),
        tuple(_witness(mark) for mark in down[:2]),
        exposure=Exposure(len(told), f"{plural(len(told), 'state', 'states')} that the probe saw"),
        gap=f"the probe {PROBE} could not be asked {counted(unknown, 'time')}" if unknown else "",
        idle=f"the plan does not ask the probe {PROBE}",
    )


def _witness(mark: Mark) -> OtherWitness:
    return OtherWitness("no process of the platform ran", {"at_ns": mark.at_ns, "saw": mark.detail})


CHECK = Invariant(title="Times without any process", search=never_all_down, final_state=False)
