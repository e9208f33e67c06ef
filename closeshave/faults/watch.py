"""The janitor's own process: ``python -m closeshave.faults.watch``.

It reads the harness's heartbeat. When the heartbeat stops, it kills the harness and its helpers, then removes the environment (owned), or heals every
open fault and ends what was half done (attached). While the harness runs, it heals a fault whose time to live is over. It ends by itself once the harness
has written that everything is cleaned up.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from closeshave import deployment as deployments
from closeshave import private
from closeshave.clock import now_ns
from closeshave.control.processes import identify, send
from closeshave.faults import heartbeat, ledger, runmark
from closeshave.faults.catalogue import KINDS
from closeshave.faults.heal import heal_open
from closeshave.faults.heartbeat import Lease
from closeshave.faults.kind import Kind
from closeshave.files import unexpected, write_atomically
from closeshave.history import FaultEdge, Mark, record
from closeshave.vocabulary import MarkKind

FINISHED, UNFINISHED, RECORD = "finished", "unfinished", "janitor.json"
"""Files in the run directory: that the harness has cleaned up, that it could not remove the environment, and the janitor's process."""
LOOK_EVERY_S = 0.2
DESTROY_WITHIN_S = 60.0
"""The limit of one try, in seconds."""
DESTROY_AGAIN_S = 5.0
DESTROY_FOR_S = 3600.0
"""Retries go on this long, because a container engine that does not answer now may answer within the hour."""
PROVE_WITHIN_S = 60.0


Say = Callable[[str], None]


def _nothing(_root: Path, _say: Say) -> str:
    """Nothing can be half done."""
    return ""


@dataclass(frozen=True, slots=True)
class Duty:
    """The arguments with which a janitor was started."""

    run: Path
    root: Path
    """The root of the environment; it need not exist yet."""
    destroy: tuple[str, ...]
    """The command that removes the environment; empty if it must be healed instead."""
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    """What it can undo, by the kind that stands in the ledger."""
    put_back: Callable[[Path, Say], str] = _nothing
    """Puts an environment back that a dead harness left between two states, and returns what was done; empty if there was nothing to do."""


def watch(duty: Duty, lease: Lease) -> None:
    """Watch until the harness has cleaned up or until its heartbeat stops; in the latter case clean up."""
    with ThreadPoolExecutor(1) as pool:
        healing: Future[None] | None = None
        failures: set[str] = set()
        while not (duty.run / FINISHED).exists():
            if (duty.run / UNFINISHED).exists():
                say("the harness could not remove its environment")
                _destroy(duty)
                return
            beat = heartbeat.read(duty.run)
            lease = lease.renewed(beat, now_ns())
            if beat is not None and not beat.harness.alive:
                clean_up(duty, "the harness has died")
                return
            if lease.over(now_ns()):
                clean_up(duty, f"the harness has sent no heartbeat for {lease.seconds:g} s")
                return
            if healing is not None and healing.done():
                _keep_failure(duty, healing, failures)
                healing = None
            if healing is None and _outlived(duty):
                healing = pool.submit(_heal, duty, "a fault was not healed in time")
            time.sleep(LOOK_EVERY_S)
    say("dismissed")


def _keep_failure(duty: Duty, healing: Future[None], known: set[str]) -> None:
    """Say what a healing raised, once for each error, because it is tried again and again; its traceback is kept in the run's logs."""
    error = healing.exception()
    if error is not None and (told := unexpected.told(error)) not in known:
        known.add(told)
        say(f"healing failed ({told}); the traceback is in {unexpected.keep(error, duty.run, 'healing by the janitor')}")


def _outlived(duty: Duty) -> bool:
    """Whether the undo of a fault is overdue. The proof of one that is undone may take long while other faults are in effect."""
    return any(fault.expired(now_ns()) and fault.edge != FaultEdge.HEALED for fault in ledger.Ledger(duty.run).open())


def clean_up(duty: Duty, why: str) -> None:
    """End the run's processes, then remove or heal its environment."""
    say(why)
    beat = heartbeat.read(duty.run)
    if beat is not None:
        # A harness that only hung would continue and act on an environment that is no longer its own.
        send([beat.harness], signal.SIGKILL)
    if survivors := runmark.sweep(duty.run):
        say(f"could not be ended: {survivors}")
    try:
        # Before anything that may take long or fail: passwords and tokens are no longer needed.
        private.forget(duty.run)
    except OSError as error:
        say(f"{private.place(duty.run)} could not be removed: {error}")
    _note(duty.run, MarkKind.ABORT, f"{why}; the janitor {'destroys' if duty.destroy else 'heals'} the environment")
    if not duty.destroy or _has_hooks(duty.root):
        # What a hook broke need not be a part of the environment, so its removal does not undo it.
        _heal(duty, why)
    if duty.destroy:
        _destroy(duty)
    else:
        _put_back(duty)
    say("done")


def _put_back(duty: Duty) -> None:
    """Put back what no ledger names: a release that was being rolled out."""
    try:
        if done := duty.put_back(duty.root, say):
            _note(duty.run, MarkKind.NOTE, done)
    except Exception as error:  # noqa: BLE001 - the janitor has nobody to raise it to; it is recorded, and its traceback kept
        told = unexpected.told(error)
        say(f"not put back ({told}); the traceback is in {unexpected.keep(error, duty.run, 'putting the environment back')}")
        _note(duty.run, MarkKind.HEAL_UNPROVEN, told)


def _has_hooks(root: Path) -> bool:
    try:
        deployment = deployments.load(root)
    except (OSError, ValueError):
        return False
    return bool(deployment.hooks or deployment.drill_hooks)


def say(line: str) -> None:
    """Write a line to the janitor's log if the disk has room: the clean-up must not depend on the log."""
    with suppress(OSError):
        print(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {line}", flush=True)  # noqa: T201 - its log is its output


def _note(run: Path, kind: str, detail: str) -> None:
    """Add a mark to the run's timeline; if the disk has no room, log it and go on."""
    try:
        record(run, Mark(now_ns(), kind, detail))
    except OSError as error:
        say(f"{kind}: {detail} (the timeline cannot be written: {error})")


def _destroy(duty: Duty) -> None:
    """Run the command again until nothing is left to remove."""
    deadline = time.monotonic() + DESTROY_FOR_S
    while not _destroyed(duty) and time.monotonic() < deadline:
        time.sleep(DESTROY_AGAIN_S)
    if not (duty.root / deployments.FILE).exists():
        _close(duty.run)


def _close(run: Path) -> None:
    """Close the ledger of an environment that is gone.

    If it cannot be written it stays open, and later runs ignore it because its environment does not exist.
    """
    try:
        ledger.close_by_destruction(run)
    except OSError as error:
        say(f"the ledger cannot be closed: {error}")


def _destroyed(duty: Duty) -> bool:
    try:
        code = subprocess.run(duty.destroy, stdin=subprocess.DEVNULL, timeout=DESTROY_WITHIN_S, check=False).returncode
    except subprocess.TimeoutExpired:
        say(f"{' '.join(duty.destroy)}: not done after {DESTROY_WITHIN_S:g} s")
        return False
    say(f"{' '.join(duty.destroy)}: exit code {code}")
    return code == 0 or not duty.root.exists()


def _heal(duty: Duty, why: str) -> None:
    say(f"healing: {why}")
    try:
        deployment = deployments.load(duty.root)
    except (FileNotFoundError, ValueError) as error:
        say(f"there is no environment to heal: {error}")
        _close(duty.run)
        return
    for unproven in heal_open(duty.run, deployment, say, PROVE_WITHIN_S, duty.kinds):
        _note(duty.run, MarkKind.HEAL_UNPROVEN, unproven)


def main(
    run: Annotated[Path, typer.Option(help="The run directory.")],
    deployment: Annotated[Path, typer.Option(help="The environment's root.")],
    lease_s: Annotated[float, typer.Option(help="Seconds without a heartbeat after which the harness counts as dead.")] = 5.0,
    destroy: Annotated[str, typer.Option(help="The command that removes the environment, as a JSON list.")] = "[]",
) -> None:
    """Detach from the process that started this, and watch."""
    serve(Duty(run, deployment, tuple(json.loads(destroy))), lease_s)


def serve(duty: Duty, lease_s: float) -> None:
    """Detach from the process that started this, and watch until the harness has ended."""
    # Two forks: the second child is no session leader, and the harness does not wait for it.
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Only dismissal ends it: a terminal that closes, or a shell that ends its jobs, would otherwise end the janitor too.
        signal.signal(number, signal.SIG_IGN)
    identity = identify(os.getpid())
    assert identity is not None
    lease = Lease(lease_s, heartbeat.read(duty.run), now_ns())
    say(f"watching {duty.run} as pid {identity.pid}")
    write_atomically(duty.run / RECORD, json.dumps({"pid": identity.pid, "started": identity.started}))
    watch(duty, lease)


if __name__ == "__main__":
    typer.run(main)
