"""Files that the harness wrote and that were damaged since: how each reader reacts. ``tests/fuzz`` tries any bytes; here are chosen values."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from closeshave import deployment
from closeshave.control import processes
from closeshave.deployment import OWN_REQUESTS
from closeshave.environments import ports, registry
from closeshave.environments.evidence import edge_counts, resources, signals
from closeshave.environments.remote import permission, record
from closeshave.faults import heartbeat, ledger
from closeshave.files import read_lines
from closeshave.files.jsonfile import Damaged
from closeshave.files.yamlfile import InvalidFile, document
from closeshave.history import EFFECTS_FILE, FaultEdge, Injection, TouchedCpu
from closeshave.loadgen.convert import convert
from closeshave.loadgen.rows import HEADER, MAGIC, ROW
from closeshave.traffic import learning
from closeshave.traffic.live import Live, Tally
from closeshave.trial import nemesis, stopping
from closeshave.trial.disturbances import Disturbances, InstantCounts
from tests.fuzz.answered import _definition

NOT_JSON = [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 5000, b'{"id": 1e999}', b'{"pid": true, "started": 1}', b'{"pid": 10000000000}']


def test_an_error_names_the_file_and_the_place_and_never_the_content(tmp_path: Path) -> None:
    """It may be a password, and goes to a log."""
    (tmp_path / deployment.FILE).write_text('{"id": "d", "accounts": [{"email": 5, "password": ["planted"]}]}')
    with pytest.raises(Damaged) as refused:
        deployment.load(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / deployment.FILE} is damaged: ")
    assert "planted" not in str(refused.value)


@pytest.mark.parametrize("data", NOT_JSON, ids=repr)
def test_one_damaged_claim_does_not_hide_the_other_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Only commands that need that one report the damage."""
    monkeypatch.setenv("CLOSESHAVE_STATE_DIR", str(tmp_path / "state"))
    whole, broken = registry.new_root("embedded"), registry.new_root("embedded")
    registry.write_claim(whole, registry.EnvironmentClaim("a", "embedded"))
    (broken / registry.FILE).write_bytes(data)
    assert registry.find("embedded") == whole
    assert registry.find(broken.name) == broken
    with pytest.raises(Damaged, match=r"environment\.json"):
        registry.read_claim(broken)


@pytest.mark.parametrize("data", NOT_JSON, ids=repr)
def test_a_damaged_heartbeat_is_no_heartbeat(tmp_path: Path, data: bytes) -> None:
    """And it does not prevent other runs from being stopped."""
    for name in ("damaged", "whole"):
        (tmp_path / name).mkdir()
    (tmp_path / "damaged" / heartbeat.FILE).write_bytes(data)
    with heartbeat.Heartbeat(tmp_path / "whole"):
        assert heartbeat.read(tmp_path / "damaged") is None
        assert stopping.running(tmp_path) == (tmp_path / "whole",)


@pytest.mark.parametrize(
    "data", [*NOT_JSON, b'{"pid": 0, "started": 1.0}', b'{"pid": -1, "started": 1.0}', b'{"pid": 4194305, "started": 1}'], ids=repr
)
def test_an_invalid_process_id_is_no_process(tmp_path: Path, data: bytes) -> None:
    """Above all not every process, which a signal to -1 would reach."""
    (tmp_path / "p.json").write_bytes(data)
    assert processes.read_identity(tmp_path / "p.json") is None
    assert processes.read_identity(tmp_path / "missing.json") is None


def planned(fault: str, **changes: Any) -> str:
    """A line of a ledger."""
    undo = {"kind": "shard.primary-killed", "scope": {"shard": 1}, "parameters": {}, "deployment": "/nowhere"}
    return json.dumps({"fault": fault, "edge": "planned", "at_ns": 5, "evidence": {}, "undo": undo, "ttl_s": 60.0} | changes)


@pytest.mark.parametrize(
    "line",
    [
        "null",
        "[1]",
        "{}",
        '{"torn',
        '{"fault": 5, "edge": "planned"}',
        planned("b", undo=None),
        planned("b", ttl_s="long"),
        planned("b", at_ns={}),
    ],
)
def test_an_invalid_line_of_a_ledger_does_not_prevent_healing_the_others(tmp_path: Path, line: str) -> None:
    """The janitor reads it four times a second, and is the last line of defence."""
    path = tmp_path / ledger.FILE
    path.write_text(f"{planned('a')}\n{line}\n{planned('c')}\n")
    assert [fault.fault for fault in ledger.open_faults(ledger.read(path))] == ["a", "c"]


def test_a_line_that_names_no_ledger_is_skipped(tmp_path: Path) -> None:
    """A run that starts reads only the named ledgers."""
    (tmp_path / "ledgers.jsonl").write_text(f'5\n{{}}\n{{"ledger": 7}}\n{json.dumps({"ledger": str(tmp_path)})}\n')
    assert ledger.ledgers(tmp_path) == (tmp_path,)


@pytest.mark.parametrize("line", ["5", "[]", "{", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str) -> None:
    """By its number."""
    (tmp_path / "x.jsonl").write_bytes(b'{"a": 1}\n' + line.encode("latin-1") + b"\n")
    with pytest.raises(ValueError, match=r"x\.jsonl:2 is not a record"):
        list(read_lines(tmp_path / "x.jsonl"))


def test_own_requests_that_are_not_known_make_the_edges_unknown(tmp_path: Path) -> None:
    """If too few were subtracted, the senders would fail."""
    (tmp_path / OWN_REQUESTS).write_text("{\n")
    with pytest.raises(edge_counts.EdgeCountsUnreadable, match="own requests"):
        edge_counts.read(deployment.Deployment(**dict.fromkeys(deployment.Deployment.__dataclass_fields__) | {"root": str(tmp_path)}))  # type: ignore[arg-type]  # nothing else is read


SAMPLE = {"role": "host", "region": None, "processes": 9, "cpu_s": 1.0, "user_s": 0.1, "system_s": 0.1, "idle_s": 1.7, "iowait_s": 0.0}


def sampled(*at_s: int) -> str:
    """Lines of the sampler."""
    return "".join(json.dumps({"at_ns": at * 10**9, "interval_s": 1.0, "usage": [SAMPLE]}) + "\n" for at in at_s)


@pytest.mark.parametrize(
    "line", ["5", "{}", '{"at_ns": 1, "interval_s": 1, "usage": [5]}', '{"at_ns": "x", "interval_s": 1, "usage": [{"role": "app"}]}']
)
def test_an_invalid_sample_ends_no_trial_and_is_no_evidence(tmp_path: Path, line: str) -> None:
    """While the trial runs it excuses nothing; afterwards the record of the machine is unknown."""
    (tmp_path / "spool").mkdir()
    (tmp_path / resources.SPOOL).write_text(f"{sampled(1, 2)}{line}\n{sampled(3)}")
    disturbances = Disturbances(tmp_path, ignores_disturbed=True)
    bad = Tally("customers", "east", 1, 10, 9)
    found = [one for second in range(10) for one in disturbances.due(InstantCounts(float(second), [bad], [], []))]
    assert [tally.bad for one in found for tally in one.tallies] == [9] * len(found) != []
    with pytest.raises(OSError, match="is damaged"):
        resources.collect(tmp_path)


@pytest.mark.parametrize(
    ("read", "line"),
    [
        (lambda line: signals.patroni(line, 1), "2026-13-45 01:45:00,123 INFO: promoted self to leader by acquiring session lock"),
        (lambda line: signals.patroni(line, 1), "2026-11-21 61:45:00.123 UTC [5] LOG:  shutting down"),
        (lambda line: signals.patroni(line, 1), "0001-01-01 00:00:00.123 UTC [5] LOG:  shutting down"),
        (signals.sentinel, "7:X 45 Nov 2026 01:45:00.123 # +switch-master cache 127.0.0.1 1 127.0.0.1 2"),
        (lambda line: signals.haproxy(line, (), ("cache",), None), "2026-11-99T01:45:00.1+00:00 Server cache/x is DOWN, reason"),
    ],
)
def test_an_invalid_time_is_no_signal(read: Any, line: str) -> None:
    """The log's other lines are."""
    assert read(line) is None


@pytest.mark.parametrize("token", ["", "5", "5.\u00fc", "\u0665.abc", f"{'9' * 5000}.abc", ".", "-5.abc"])
def test_an_invalid_token_is_refused(token: str) -> None:
    """With the message for a token of another platform."""
    with pytest.raises(permission.TokenRefused, match="is not for plain"):
        permission.check(token, _definition(), b"k" * 32, 1.0)


@pytest.mark.parametrize("name", ["no-claim-at-all", "a-b", "-", "1-", "999999-1"])
def test_a_file_that_is_no_claim_claims_no_ports(tmp_path: Path, name: str) -> None:
    """All users may write to the directory: a foreign file must not prevent environments from starting."""
    (tmp_path / name).write_text("x")
    (tmp_path / "10240-60").write_text(str(tmp_path))
    assert ports._live_claims(tmp_path) == [range(10240, 10300)]
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("data", [b"{", b"[5]", b'[{"id": "a"}]', b"\xff"])
def test_invalid_drawn_faults_are_named(tmp_path: Path, data: bytes) -> None:
    """The run cannot be judged without them."""
    (tmp_path / nemesis.FILE).write_bytes(data)
    with pytest.raises(Damaged, match=nemesis.FILE):
        nemesis.load(tmp_path)


@pytest.mark.parametrize("data", [b"{", b"{}", b'{"found_out": false}'])
def test_what_a_worker_learnt_is_known_or_named(tmp_path: Path, data: bytes) -> None:
    """A missing file would look like a load that could do everything."""
    (tmp_path / "customers-1.learnt.json").write_bytes(data)
    with pytest.raises(Damaged, match=r"customers-1\.learnt\.json"):
        learning.notes(tmp_path)


def spool(place: Path, rows: bytes, counters: bytes) -> Path:
    """A worker's records with two texts, ``slots`` and ``us-east-1``."""
    place.mkdir()
    (place / "customers-1.rows").write_bytes(HEADER.pack(MAGIC, 1, ROW.size, b"customers") + rows)
    (place / "customers-1.texts").write_bytes(b"slots\nus-east-1\n")
    (place / "customers-1.effects.jsonl").write_bytes(b"")
    (place / "customers-1.counters.json").write_bytes(counters)
    return place


def row(region: int = 2, outcome: int = 0) -> bytes:
    """A request."""
    return ROW.pack(1, 2, 3, 0, 1, 10, 1.5, 0.5, 1, 1, region, 0, 0, 0, 1, 200, outcome, 1, 1, 2)


@pytest.mark.parametrize(
    "counters", [b"", b"{", b"[]", b'{"intended": "1", "sent": 1, "requests": 1, "finished": true}', b'{"intended": 1}']
)
def test_invalid_counters_are_no_evidence(tmp_path: Path, counters: bytes) -> None:
    """As if the worker had been killed before it wrote them: nothing is reconciled."""
    (sent,) = convert(spool(tmp_path / "spool", row(), counters), tmp_path / "operations.parquet").sent
    assert (sent.recorded, sent.finished) == (1, False)


@pytest.mark.parametrize("damaged", [row(region=9), row(outcome=7)])
def test_an_impossible_row_is_named(tmp_path: Path, damaged: bytes) -> None:
    """A text or an outcome that does not exist; a running load continues."""
    said = json.dumps({"intended": 2, "sent": 2, "requests": 2, "finished": True}).encode()
    place = spool(tmp_path / "spool", row() + damaged, said)
    assert sum(tally.count for tally in Live(tmp_path).tallies()) == 2
    with pytest.raises(ValueError, match=r"customers-1\.rows is damaged"):
        convert(place, tmp_path / "operations.parquet")


def test_effects_that_are_no_table_are_an_os_error(tmp_path: Path) -> None:
    """Reading back reports that bookings cannot be assigned."""
    (tmp_path / EFFECTS_FILE).write_bytes(b"PAR1")
    with pytest.raises(OSError, match=r"effects\.parquet cannot be read"):
        record.read(tmp_path)


BOMB = "z: &a [x]\n" + "".join(f"b{at}: &b{at} [{','.join(['*a' if at == 0 else f'*b{at - 1}'] * 9)}]\n" for at in range(9))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "its aliases expand to too many values"),
        ("a: " + "[" * 5000, "too deeply nested"),
        ("a: " + "{b: [" * 40 + "]}" * 40, "too deeply nested"),
        ("a: " + "x" * (1 << 20), "too large"),
        ("a: !!int x", "not valid YAML"),
        ("a: 2001-99-99", "not valid YAML"),
    ],
    ids=lambda text: text[:20],
)
def test_an_impossible_file_is_refused_at_once(tmp_path: Path, text: str, says: str) -> None:
    """Readers of YAML need time with the square of its depth, and an alias of aliases more memory than there is."""
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InvalidFile, match=says):
        document(tmp_path / "x.yaml")


def test_a_device_is_not_read_without_end() -> None:
    """At most the largest size of a file is read."""
    with pytest.raises(InvalidFile):
        document(Path(os.devnull).with_name("zero"))


def test_a_ledger_below_a_path_that_is_no_text_is_read(tmp_path: Path) -> None:
    """Stricter readers refuse what JSON writes for it, half a surrogate: the fault would stay open unnoticed."""
    book, root = ledger.Ledger(tmp_path), tmp_path / "no\udcffutf8"
    root.mkdir()
    book.plan("a", ledger.Undo("shard.primary-killed", {"shard": 1}, {}, str(root)), 60.0, 5)
    book.passed("a", FaultEdge.INJECTED, 6, Injection("s", (TouchedCpu("x", float("nan")),), 6, None, ()))
    (fault,) = book.open()
    assert (fault.undo.deployment, fault.edge) == (str(root), "injected")
