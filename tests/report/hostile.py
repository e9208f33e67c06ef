"""What a history may contain when the platform under test, or somebody who books there, means ill."""

from dataclasses import replace

from closeshave.history import FaultEvent, History, Mark, Sighting, Signal
from closeshave.judge.verdict import Assessment, Status
from closeshave.judge.witnesses import OtherWitness
from tests.report import judged
from tests.report.synthetic import ns

STRINGS = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "{{ 7 * 7 }} {% raw %}",
    "[click](javascript:alert(4)) | `code` | @everyone <!-- hidden",
    "\x1b[2J\x1b]0;owned\x07 [bold red]markup[/]",
    "]]> & \x00 \x0b \ud800 \ufffe \u2028 end",
)
EVERYTHING = " ".join(STRINGS)


def poisoned(history: History) -> History:
    """Every text of the history that a stranger could have written is hostile."""
    operations = history.operations.copy()
    encodable = EVERYTHING.encode(errors="replace").decode()  # a frame cannot hold a lone surrogate
    operations["error"] = operations["error"].cat.rename_categories({"timeout": encodable})
    zero = history.manifest.phases[0].started_ns
    return replace(
        history,
        operations=operations,
        manifest=replace(history.manifest, id=EVERYTHING, interrupted=EVERYTHING),
        faults=(*history.faults, FaultEvent("us-west-2-lost", "observed", ns(181), Sighting(EVERYTHING, EVERYTHING))),
        signals=(*history.signals, Signal(ns(100), "promoted", f"shard:{EVERYTHING}", EVERYTHING, EVERYTHING)),
        marks=(Mark(zero, EVERYTHING, EVERYTHING),),
        damage=(EVERYTHING,),
    )


def assessment() -> Assessment:
    """Reasons, witnesses and touched processes are hostile too."""
    made = judged.failed()
    witness = OtherWitness(EVERYTHING, {EVERYTHING: EVERYTHING, "rows": [{EVERYTHING: EVERYTHING}]})
    verdicts = tuple(replace(one, reason=EVERYTHING, witnesses=(witness,)) if one.status is Status.FAIL else one for one in made.verdicts)
    faults = tuple(replace(one, touched=(EVERYTHING,), scope=f"region:{EVERYTHING}") for one in made.faults)
    return replace(made, reasons=(EVERYTHING,), verdicts=verdicts, faults=faults)
