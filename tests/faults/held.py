"""A fault in an experiment of its own: held until it has been observed and the platform has reacted, then undone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from closeshave.deployment import Deployment
from closeshave.faults import child
from closeshave.faults.catalogue import KINDS
from closeshave.faults.waiting import SECOND_NS, after, until
from closeshave.plan import Expected, Fault
from tests.faults.timelines import WHOLE_LIFE, edges, events

OBSERVED_WITHIN_S = 60
logger = logging.getLogger(__name__)


def takes_effect_and_is_undone(
    platform: Deployment, run: Path, kind: str, scope: Mapping[str, str | int], ahead_s: float, does: Callable[[], bool]
) -> None:
    """It is seen in effect, what the platform ``does`` is so while it holds, no proof of its heal holds until then, and all do afterwards."""
    experiment = child.start(platform, run, Fault("f", kind, "storm", 0, 600, Expected.RECOVERS, scope), after(ahead_s))
    log = run / "logs" / "fault-f.log"
    try:
        assert until(lambda: "observed" in edges(run) or experiment.poll() is not None, after(OBSERVED_WITHIN_S)), log.read_text()
        assert "observed" in edges(run), log.read_text()
        assert does()
        assert not healed(platform, kind, scope)
    finally:
        code = child.stop(experiment)
    assert code == 0, log.read_text()
    assert edges(run) == WHOLE_LIFE
    _report(kind, run)


def healed(platform: Deployment, kind: str, scope: Mapping[str, str | int]) -> bool:
    """What a kind calls the proof of its heal."""
    prove = KINDS[kind].prove
    assert prove is not None
    return all(proof.holds for proof in prove(KINDS[kind].aim(platform, scope, {})))


def _report(kind: str, run: Path) -> None:
    """Log how long everything took, for the documentation's figures: ``--log-cli-level=INFO``."""
    at = {edge: event["at_ns"] / SECOND_NS for edge, event in events(run).items()}
    seen = events(run)["observed"]["evidence"]
    strike = events(run)["planned"]["evidence"]["strike_ns"] / SECOND_NS
    logger.info(
        "%s: injected %+.3f s, observed after %.2f s, undone and proven in %.1f s; %s: %s",
        kind,
        at["injected"] - strike,
        at["observed"] - at["injected"],
        at["verified-healed"] - at["healed"],
        seen["probe"],
        seen["saw"],
    )
