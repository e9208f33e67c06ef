"""What the kind ``remote`` does for a trial: it uses a running platform, and leaves it as it found it."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.clock import Anchor
from closeshave.deployment import FILE, Deployment, load
from closeshave.environments import registry
from closeshave.environments.driver import Driver, Lacks, Permission, Say
from closeshave.environments.remote import alerts, charges, guard, metrics, preflight, read_back, reader, speaking
from closeshave.environments.remote import status as statuses
from closeshave.environments.remote.accounts import existing
from closeshave.environments.remote.definition import Remote
from closeshave.environments.remote.lock import Lock, PlatformInUse
from closeshave.environments.remote.look import look
from closeshave.environments.remote.permission import own_key
from closeshave.files import jsonfile, write_atomically
from closeshave.history import AlertNote, AlertRule, Signal
from closeshave.plan import Plan
from closeshave.plurals import counted
from closeshave.vocabulary import ALERTS

_HELD: dict[str, Lock] = {}
"""The locks of this process, by environment; a lock belongs to a process, not to a file."""
DEFINITION = "definition.json"
"""A file in the root: settings that only reading back needs, and that no other package reads."""
CANCELLED = frozenset({"cancelled", "canceled"})
_CODEC = TypeAdapter(Remote)


def place(definition: Remote) -> Path:
    """The directory of this platform on this machine. It survives runs and restarts of the machine, so that an open fault is found again."""
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "closeshave" / "remote"
    named = hashlib.sha256(repr(sorted(definition.regions.items())).encode()).hexdigest()[:12]
    root = base / f"{definition.name}-{named}"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return root


def admit(definition: Remote, plan: Plan, permission: Permission) -> tuple[str, ...]:
    """Examine the platform, decide whether it may be loaded, and if so take its lock."""
    refused = [
        *objections(definition, plan),
        *guard.refusals(definition, look(definition), permission, own_key(), time.time()),
    ]
    if not refused:
        lock = Lock(definition.regions)
        try:
            lock.take(f"process {os.getpid()}, plan {plan.name}")
        except PlatformInUse as error:
            return (f"{definition.name} {error}",)
        _HELD[definition.name] = lock
    return tuple(refused)


def objections(definition: Remote, plan: Plan) -> tuple[str, ...]:
    """Why the plan must not run on this platform, without asking it: its caps, and what its hooks lack on this machine."""
    return (
        *guard.over_caps(definition, plan, plan.traffic.requests_per_session),
        *dict.fromkeys(guard.unprepared(definition, plan, os.environ, shutil.which)),
    )


def up(definition: Remote, root: Path, say: Say) -> Deployment:
    """Describe the platform, find or register its customers, and test what its file may be wrong about. Nothing is started.

    Raises :class:`EnvironmentFailed`.
    """
    registry.write_claim(root, registry.EnvironmentClaim(secrets.token_hex(8), definition.name, kind="remote"))
    (root / "logs").mkdir(exist_ok=True)
    write_atomically(root / DEFINITION, _CODEC.dump_json(definition))
    anybody = not definition.accounts.none
    accounts = existing(definition, Path.cwd(), say) if anybody else ()
    # The tests book: without customers nobody will.
    learnt = preflight.learn(definition, accounts, say) if anybody else preflight.PreflightResult(definition.capabilities)
    bare = Deployment.elsewhere(registry.read_claim(root).id, definition.name, str(root), definition.topology, definition.regions)
    deployment = replace(
        bare,
        accounts=accounts,
        missing=missing(definition) | learnt.missing,
        capabilities=learnt.capabilities,
        hooks=definition.hooks,
        drill_hooks=definition.drill_hooks,
        proxy=definition.proxy,
        secrets=definition.secrets,
        api=speaking.profile(definition.api),
    )
    # The accounts stay in this process, which logs them in: a file with their passwords would outlive one that is killed.
    deployment.save(accounts=False)
    return deployment


def missing(definition: Remote) -> dict[str, str]:
    """What this platform cannot do, and the consequence of each. Pure."""
    found = definition.capabilities.lacking("the platform")
    if not definition.read_back.sql and len(definition.topology.shards) > 1:
        found["placement"] = "read back through the API, which does not state the shard of a booking"
    if definition.proxy is not None:
        found["direct connection"] = (
            "the platform is reached through a proxy: times include the proxy's, and the proxy's own answers in plain HTTP (502, 503, 504) "
            "count as the platform's"
        )
    found["split_brain"] = (
        "from outside it is unknown which of the platform's databases acknowledged a write, and on which timeline: split brain cannot be detected"
    )
    if definition.metrics.prometheus is None:
        found["alerts"] = "the environment file names no monitoring: detection is only seen from outside"
    return found


def down(root: Path, _logs_to: Path | None) -> tuple[str, ...]:
    """Remove the accounts and the lock of this run. The platform itself and the ledger of open faults with their undo stay."""
    if (root / FILE).exists():
        # The file itself stays: healing a fault that this run left open needs its hooks.
        release(load(root).name)
        reader.forget(str(root))
    for name in (DEFINITION, registry.FILE):
        (root / name).unlink(missing_ok=True)
    return ()


def quiesce(_deployment: Deployment, _timeout_s: float) -> None:
    """Does nothing: from outside it is unknown what a platform still has in flight."""


def export(deployment: Deployment, run: Path, _since_wall_s: float, say: Say, lacks: Lacks) -> None:
    """Write bookings and charges of this run into its ``final_state/``; ``lacks`` notes what is missing, and why. Raises :class:`OSError`."""
    definition = _definition(deployment)
    found, lacking = read_back.export(definition, deployment, run)
    say(f"final state: {counted(found, 'booking')} of this run, read back from the platform")
    lacking = {**lacking, **charges.export(definition, deployment, run)}
    for part, why in lacking.items():
        say(f"{part} is incomplete: {why}")
        lacks(part, why)


def signals(deployment: Deployment, anchor: Anchor, since_ns: int, until_ns: int) -> list[Signal]:
    """Alerts of the platform's own monitoring. Raises :class:`OSError`."""
    prometheus = _definition(deployment).metrics.prometheus
    return metrics.signals(prometheus, anchor, since_ns, until_ns, deployment.way(prometheus)) if prometheus else []


def ask_alerts(deployment: Deployment, anchor: Anchor, since_ns: int, until_ns: int) -> tuple[tuple[AlertNote, ...], tuple[AlertRule, ...]]:
    """What the platform's own Prometheus says of alerts. Raises :class:`OSError`."""
    prometheus = _definition(deployment).metrics.prometheus
    if prometheus is None:
        raise OSError("the environment file names no Prometheus (metrics.prometheus), so that nobody can be asked about alerts")
    return alerts.asked(prometheus, anchor, since_ns, until_ns, deployment.way(prometheus))


def clean_up(deployment: Deployment, run: Path, say: Say) -> tuple[str, ...]:
    """Cancel every booking of this run that still exists; returns those that cannot be cancelled."""
    definition, left, cancelled = _definition(deployment), [], 0
    try:
        with read_back.from_api(definition, deployment, run, f"closeshave:{run.name}") as read:
            for found in read.found:
                if found.row["status"] in CANCELLED:
                    continue
                try:
                    found.cancel()
                    cancelled += 1
                except RuntimeError as error:
                    left.append(f"booking {found.row['booking']}: {error}")
            left += [f"bookings that could not be listed ({part}: {why})" for part, why in read.lacking.items()]
    except OSError as error:
        left.append(str(error))
    if cancelled:
        say(f"{counted(cancelled, 'booking')} of this run cancelled")
    left += down(Path(deployment.root), None)
    return tuple(left)


def _definition(deployment: Deployment) -> Remote:
    return jsonfile.read(Path(deployment.root, DEFINITION), _CODEC)


def release(name: str) -> None:
    """Let go of the lock that this process holds for this environment, if it does."""
    if lock := _HELD.pop(name, None):
        lock.release()


REMOTE = Driver(
    kind="remote",
    ours=False,
    place=place,
    admit=admit,
    objections=objections,
    rate_cap=lambda definition: definition.caps.requests_per_s,
    up=lambda definition, root, say, _etcd_killed: up(definition, root, say),
    down=down,
    status=statuses.status,
    count_edges=None,
    ledger=lambda _definition: False,
    quiesce=quiesce,
    export=export,
    signals=signals,
    clean_up=clean_up,
    has=lambda definition, _scope: frozenset({ALERTS} if definition.metrics.prometheus else ()),
    ask_alerts=ask_alerts,
    drill_hooks=lambda definition: definition.drill_hooks,
)
