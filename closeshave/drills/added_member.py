"""One more member of a shard, under Patroni: started beside the declared ones, and removed without a trace."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from closeshave.clients import patroni, ports, postgres
from closeshave.clients.address import HOST
from closeshave.deployment import Deployment, Member
from closeshave.faults import extra_processes
from closeshave.faults.kind import Proof, Say
from closeshave.faults.waiting import until
from closeshave.files import write_atomically

TAGS = {"nofailover": True, "noloadbalance": True, "nosync": True}
"""It never becomes the primary, and no commit waits for it."""
CHECK_EVERY_S = 0.5


def name_of(shard: int) -> str:
    """What the added member of a shard is called; there is at most one."""
    return f"added-shard{shard}"


def start(deployment: Deployment, like: Member) -> Member:
    """Start a member with the settings of a declared one, and with ports, files and a name of its own. Raises :class:`OSError`."""
    name = name_of(like.shard)
    member = replace(like, process=name, name=name, port=ports.unused(), api_port=ports.unused())
    config, data, passwords = _places(deployment, like.shard)
    wanted = json.loads(config.with_name(f"{like.process}.json").read_bytes())
    write_atomically(config, json.dumps(settings(wanted, member, str(data), str(passwords)), indent=1))
    declared = deployment.process(like.process)
    argv = (*declared.argv[:-1], str(config))
    process = replace(
        declared, name=name, argv=argv, ports=(member.port, member.api_port), pid_file=str(data / "postmaster.pid"), container=None
    )
    extra_processes.start(deployment, process, {})
    return member


def settings(declared: Mapping[str, Any], member: Member, data: str, passwords: str) -> dict[str, Any]:
    """Patroni's settings of the added member, from those of a declared one. Pure."""
    sql, api = f"{HOST}:{member.port}", f"{HOST}:{member.api_port}"
    server = {**declared["postgresql"], "listen": sql, "connect_address": sql, "data_dir": data, "pgpass": passwords}
    return {**declared, "name": member.name, "restapi": {"listen": api, "connect_address": api}, "postgresql": server, "tags": TAGS}


def remove(deployment: Deployment, shard: int, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """End the member, remove its files, and make the others drop its replication slot; what was done. From any process, any number of times."""
    done, name = [], name_of(shard)
    if found := extra_processes.running(deployment, [name]):
        say(f"ending {name}")
        extra_processes.end(found)
        done += [f"ended {each} pid {identity.pid}" for identity, each in found.items()]
    for path in _places(deployment, shard):
        if path.exists():
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            done.append(f"removed {path.name}")
    until(lambda: _forgotten(deployment, shard), deadline_ns, CHECK_EVERY_S)
    return tuple(done)


def _forgotten(deployment: Deployment, shard: int) -> bool:
    """Whether no member keeps a replication slot for it. Otherwise they are told to drop it: Patroni would keep it for half an hour, and the log too."""
    try:
        kept = _keeps_slot(deployment, shard)
        patroni.keep_slots_of_lost_members(deployment, shard, on=not kept)
    except (patroni.NoLeader, postgres.Unavailable):
        return False
    return not kept


def gone(deployment: Deployment, shard: int) -> Proof:
    """Neither its processes nor its files nor its replication slot are left."""
    name = name_of(shard)
    left = [f"{each} runs as pid {identity.pid}" for identity, each in extra_processes.running(deployment, [name]).items()]
    left += [f"{path} is still there" for path in _places(deployment, shard) if path.exists()]
    try:
        left += ["a member keeps its replication slot"] if _keeps_slot(deployment, shard) else []
    except postgres.Unavailable as error:
        left.append(f"its replication slot is not known to be gone: {error}")
    return Proof(f"nothing of {name} is left", not left, "; ".join(left) or "neither process nor files nor a replication slot")


def _keeps_slot(deployment: Deployment, shard: int) -> bool:
    return any(postgres.slot_exists(deployment, member, slot_of(shard)) for member in patroni.members_of(deployment, shard))


def slot_of(shard: int) -> str:
    """Its replication slot on the primary, as Patroni names it."""
    return name_of(shard).replace("-", "_")


def _places(deployment: Deployment, shard: int) -> tuple[Path, Path, Path]:
    """Its file of settings, its data directory, and the file of passwords that Patroni writes."""
    root, name = Path(deployment.root), name_of(shard)
    return root / "config" / f"{name}.json", root / "data" / name, root / "data" / f"{name}.pgpass"
