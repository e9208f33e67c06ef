"""Fuzz targets: files that the harness itself wrote and that were damaged since. The first line of an input names the file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

from closeshave import conclusion, deployment, history, private, vocabulary
from closeshave.clock import Anchor
from closeshave.control import processes
from closeshave.deployment import DIVERGED, OWN_REQUESTS, Process
from closeshave.environments import ports, registry
from closeshave.environments.evidence import cache_entries, diverged, edge_counts, final_state, resources, signals
from closeshave.environments.evidence.edge_counts import EdgeCountsUnreadable
from closeshave.environments.remote import permission, reader, record, remote
from closeshave.faults import child, heal, heartbeat, ledger
from closeshave.files import jsonfile, rundir, seal
from closeshave.files.jsonfile import Damaged
from closeshave.files.yamlfile import InvalidFile
from closeshave.history import ids
from closeshave.loadgen.convert import convert, convert_effects
from closeshave.loadgen.growing import Spool
from closeshave.loadgen.rows import HEADER, MAGIC, ROW
from closeshave.report.views import flat_json
from closeshave.traffic import accounts, learning
from closeshave.traffic import load as loads
from closeshave.traffic.live import Live
from closeshave.trial import nemesis, stopping
from closeshave.trial.disturbances import Disturbances
from tests import stored
from tests.fuzz.answered import _definition, _deployment
from tests.fuzz.places import emptied, place, written

Reader = Callable[[bytes], None]


def _chosen(data: bytes, readers: Mapping[str, Reader]) -> None:
    """Give what follows the first line to the reader that it names; to the first one where it names none."""
    name, _, rest = data.partition(b"\n")
    reads = readers.get(name.decode("ascii", "replace"))
    if reads is None:
        reads, rest = next(iter(readers.values())), data
    reads(rest)


# -- a run directory ---------------------------------------------------------------------------------------------------------------------------

RUN_FILES = (
    history.MANIFEST, history.TIMELINE, history.SENT, history.EDGE_COUNTS, history.BLIND, nemesis.FILE, vocabulary.ENDING, vocabulary.PLAN,
    vocabulary.TARGET, history.OPERATIONS_FILE, history.EFFECTS_FILE, history.BOOKINGS_FILE, history.CAPTURES_FILE, history.RESOURCES_FILE,
    history.CACHE_ENTRIES_FILE, history.PLACEMENTS_FILE, history.DIVERGED_FILE, history.OPERATIONS_FILE + seal.SUFFIX, history.ODD_EFFECTS,
)  # fmt: skip


def run(data: bytes) -> None:
    """One file of a run is other than it was written: it is judged without it, or a sentence says why it cannot be."""
    name, _, rest = data.partition(b"\n")
    wanted = name.decode("ascii", "replace")
    if wanted not in RUN_FILES:
        wanted, rest = history.MANIFEST, data
    with _instead(_whole() / wanted, rest), suppress(InvalidFile, rundir.NoRun, OSError):
        recorded, _, _, ending = conclusion.read(_whole())
        assert ending is None or ending in vocabulary.Ending
        assert recorded.manifest.id or wanted == history.MANIFEST
    flat_json(rest.decode("utf-8", "replace"))


@contextmanager
def _instead(path: Path, data: bytes) -> Iterator[None]:
    """A file with other content while the block runs, and without a seal."""
    seal_ = path.with_name(path.name + seal.SUFFIX)
    before = {one: one.read_bytes() for one in (path, seal_) if one.exists()}
    seal_.unlink(missing_ok=True)
    path.write_bytes(data)
    try:
        yield
    finally:
        path.unlink()
        for one, content in before.items():
            one.write_bytes(content)


@cache
def _whole() -> Path:
    run = stored.made(place() / "whole")
    # As small as can be: how much a whole run takes to judge is not what is looked for.
    for name in (history.OPERATIONS_FILE, history.EFFECTS_FILE):
        (run / name).unlink()
    return run


# -- records of a load -------------------------------------------------------------------------------------------------------------------------


def records(data: bytes) -> None:
    """What a worker left: read while it grows, converted to tables at the end."""
    named = emptied("spool") / "customers-1"
    told = dict(part.partition(b"\n")[::2] for part in data.split(b"\n--\n"))
    rows = told.get(b"rows", b"")
    header = HEADER.pack(MAGIC, 1, ROW.size, b"customers")
    for suffix, content in {
        "rows": told.get(b"head", header) + rows,
        "texts": told.get(b"texts", b"slots\nus-east-1\n"),
        "effects.jsonl": told.get(b"effects", b""),
        "counters.json": told.get(b"counters", b'{"intended":1,"sent":1,"requests":1,"recorded":1,"finished":true,"closed":true}'),
    }.items():
        named.with_name(f"{named.name}.{suffix}").write_bytes(content)
    live = Live(place() / "records-run")
    live._spool = Spool(named.parent)
    with suppress(ValueError):
        live.tallies()
        live.effects({"create"})
    with suppress(ValueError, OSError):
        convert(named.parent, place() / "operations.parquet")
        convert_effects(named.parent, place() / "effects.parquet")


# -- the ledger of faults ----------------------------------------------------------------------------------------------------------------------


def faults(data: bytes) -> None:
    """With any content, the janitor stays alive and heals what can be read."""
    emptied("ledger")
    path = written(f"ledger/{ledger.FILE}", data)
    for fault in ledger.open_faults(ledger.read(path)):
        fault.expired(0)
        assert fault.undo.kind is not None
    ledger.unhealed(path)
    written("ledger/ledgers.jsonl", data)
    ledger.ledgers(path.parent)
    with suppress(Damaged):
        jsonfile.read(path, child.ORDER)
    with suppress(FileNotFoundError, Damaged):
        heal.heal_environment(path.parent, lambda _said: None)


# -- the state of an environment, and of a run that goes on --------------------------------------------------------------------------------------

_PROCESS = Process("p", "app", None, (), pid_file="postmaster.pid")


def state(data: bytes) -> None:
    """Everything that commands read of what is running."""
    _chosen(data, _STATE)


def _file(name: str, reads: Callable[[Path], object]) -> Reader:
    def one(data: bytes) -> None:
        root = emptied("state")
        (root / "processes").mkdir()
        (root / name).write_bytes(data)
        with suppress(Damaged, OSError):
            reads(root)

    return one


def _daemon(root: Path) -> object:
    return processes.daemon(root, replace(_PROCESS, pid_file=str(root / "postmaster.pid")))


def _claimed(data: bytes) -> None:
    claims = emptied("claims")
    name, _, owner = data.partition(b"\n")
    text = name.decode("ascii", "replace").replace("/", "-").replace("\0", "-")[:80]  # bytes of UTF-8 are three times as many
    if text.strip("."):
        (claims / text).write_bytes(owner)
    ports._live_claims(claims)
    ports.release(Path("/nowhere"), claims)


def _token(data: bytes) -> None:
    with suppress(permission.TokenRefused):
        permission.check(data.decode("utf-8", "replace"), _definition(), b"k" * 32, 1.0)


def _logged_in(root: Path) -> None:
    with suppress(ValueError):
        accounts.load(root / "accounts.json")
    own = private.make(place() / "state-run")
    shutil.copyfile(root / "accounts.json", own / reader.LOGGED_IN)
    reader._stored(place() / "state-run", _deployment().accounts[0])
    private.forget(place() / "state-run")


_STATE: Mapping[str, Reader] = MappingProxyType(
    {
        "deployment": _file(deployment.FILE, deployment.load),
        "claim": _file(registry.FILE, registry.read_claim),
        "owner": _file(registry.OWNER, registry.owner),
        "process": _file("processes/p.json", lambda root: processes.find(root, _PROCESS)),
        "daemon": _file("postmaster.pid", _daemon),
        "heartbeat": _file(heartbeat.FILE, lambda root: (heartbeat.read(root), stopping.running(root.parent))),
        "load": _file(loads.FILE, lambda root: loads.load(root / loads.FILE)),
        "learnt": _file("customers-1.learnt.json", learning.notes),
        "definition": _file(remote.DEFINITION, lambda root: jsonfile.read(root / remote.DEFINITION, remote._CODEC)),
        "logged in": _file("accounts.json", _logged_in),
        "claimed": _claimed,
        "token": _token,
    }
)


# -- evidence ----------------------------------------------------------------------------------------------------------------------------------


def evidence(data: bytes) -> None:
    """What parts of an environment left behind or print."""
    _chosen(data, _EVIDENCE)


def _samples(data: bytes) -> None:
    at = emptied("sampled")
    (at / "spool").mkdir()
    (at / resources.SPOOL).write_bytes(data)
    disturbances = Disturbances(at, ignores_disturbed=True)
    disturbances._read()
    disturbances.cause(1.0)
    with suppress(OSError):
        resources.collect(at)


def _edges(data: bytes) -> None:
    with suppress(EdgeCountsUnreadable):
        edge_counts.total(data.decode("utf-8", "replace"), "edge-us-east-1", "us-east-1")


def _own_requests(data: bytes) -> None:
    root = emptied("own")
    (root / OWN_REQUESTS).write_bytes(data)
    with suppress(EdgeCountsUnreadable):
        edge_counts.read(replace(_deployment(), root=str(root), edges=()))


def _captured(data: bytes) -> None:
    with suppress(OSError):
        final_state.captures(written("captures.jsonl", data), 0.0)


def _diverged(data: bytes) -> None:
    root = emptied("diverged")
    (root / DIVERGED).write_bytes(data)
    with suppress(OSError):
        diverged.read(root, 0.0)


def _effects(data: bytes) -> None:
    at = emptied("effects")
    (at / history.EFFECTS_FILE).write_bytes(data)
    with suppress(OSError):
        record.read(at)


def _words(data: bytes) -> None:
    for line in data.decode("utf-8", "replace").splitlines():
        for word in (signals.patroni(line, 1), signals.sentinel(line), signals.haproxy(line, ("us-east-1",), ("cache",), None)):
            if word is not None:
                signals._monotonic_ns(word.wall, Anchor(1, 1_795_000_000 * 10**9, 1))


def _page(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    cache_entries._version(text)
    assert isinstance(cache_entries.ComparedEntry(text, text + " ").differs, bool)


def _id(data: bytes) -> None:
    found = ids.number(data.decode("utf-8", "replace"))
    assert found is None or 0 <= found <= ids.BIGGEST


_EVIDENCE: Mapping[str, Reader] = MappingProxyType(
    {
        "samples": _samples,
        "edges": _edges,
        "own requests": _own_requests,
        "captures": _captured,
        "diverged": _diverged,
        "effects": _effects,
        "words": _words,
        "page": _page,
        "id": _id,
    }
)
