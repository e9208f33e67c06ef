"""Heal every fault that a ledger leaves open: called by the trial, the janitor or the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from closeshave.deployment import Deployment, load
from closeshave.faults.catalogue import KINDS
from closeshave.faults.kind import Kind, Say
from closeshave.faults.ledger import Ledger, OpenFault, ledgers
from closeshave.faults.lifecycle import heal
from closeshave.faults.overlapping import apart
from closeshave.files import unexpected


def heal_open(run: Path, deployment: Deployment, say: Say, within_s: float | None = None, kinds: Mapping[str, Kind] = KINDS) -> list[str]:
    """Undo every open fault of the run's ledger and prove each; returns what is not proven, empty when all are healed.

    Faults that affect the same part are healed one after the other, the newest first; all others are healed at the same time, so that no undo waits
    for the proof of another fault. ``within_s`` bounds undo and proof of each fault, in seconds; by default each kind's own bound holds. Idempotent,
    and safe while other processes do the same.
    """
    ledger = Ledger(run)

    def heal_group(group: Sequence[OpenFault]) -> list[str]:
        return [left for standing in group for left in _heal(ledger, standing, deployment, say, within_s, kinds)]

    groups = apart(ledger.open()[::-1], deployment.topology)
    with ThreadPoolExecutor(max(1, len(groups))) as pool:
        return [left for lefts in pool.map(heal_group, groups) for left in lefts]


def _heal(
    ledger: Ledger, standing: OpenFault, deployment: Deployment, say: Say, within_s: float | None, kinds: Mapping[str, Kind]
) -> list[str]:
    say(f"healing {standing.fault} ({standing.undo.kind})")
    try:
        left = heal(ledger, standing.fault, deployment, say, within_s, kinds)
    except Exception as error:  # noqa: BLE001 - one fault's broken undo must not keep the others from being undone; it is reported
        left = [f"{standing.fault}: {type(error).__name__}: {error}"]
        kept = unexpected.keep(error, ledger.run, f"healing {standing.fault} ({standing.undo.kind})")
        say(f"healing {standing.fault} failed; the traceback is in {kept}")
    say(f"{standing.fault} is {'healed' if not left else 'not proven healed: ' + '; '.join(left)}")
    return left


def heal_environment(deployment_root: Path, say: Say, kinds: Mapping[str, Kind] = KINDS) -> list[str]:
    """Heal all faults that any run left open in a running environment; returns what is not proven, empty when all are healed.

    ``kinds`` are those that may stand in the ledgers, such as drills.

    Raises :class:`FileNotFoundError` when no environment runs there.
    """
    deployment = load(deployment_root)
    return [unproven for path in ledgers(deployment_root) for unproven in heal_open(path.parent, deployment, say, kinds=kinds)]
