"""What must be true of a trial so that its verdicts have a meaning: writes in progress, synchronous clocks, readable evidence."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from closeshave import history
from closeshave.history import FaultEvent, Injection, Mark, Signal
from closeshave.judge import assess
from closeshave.judge.verdict import Status
from tests.judge.histories import KILL, LATENCY, LOSS, RECOVERY, Run, ns
from tests.judge.test_assess import whole

FILES = (
    history.OPERATIONS_FILE,
    history.EFFECTS_FILE,
    history.BOOKINGS_FILE,
    history.CAPTURES_FILE,
    history.TIMELINE,
    history.SENT,
    history.EDGE_COUNTS,
)
PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(119.0, PASS), (118.999999999, INCONCLUSIVE), (120.0, PASS), (120.000000001, INCONCLUSIVE)],
    ids=["a second before", "just earlier", "at the fault", "just later"],
)
def test_a_primary_without_writes_has_nothing_to_lose(sent: float, expected: Status) -> None:
    """A write of the shard must have been sent within the second before the fault."""
    run = Run((LOSS,), (KILL,))
    run.life()
    run.book(sent, 1000)
    assert run.verdict("in-flight/kill").status is expected


def test_without_a_loss_objective_writes_are_not_required() -> None:
    """A fault of a tier, or one whose loss has no bound, needs none."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    assert "in-flight/kill" not in {verdict.id for verdict in run.assess().verdicts}


@pytest.mark.parametrize(("uncertainty_s", "expected"), [(0.0, PASS), (4.999, PASS), (5.0, INCONCLUSIVE)])
def test_clocks_as_uncertain_as_the_tightest_bound_prove_nothing(uncertainty_s: float, expected: Status) -> None:
    """The loss objective allows 5 s, the recovery objective 20 s."""
    run = Run((LOSS, RECOVERY), (KILL,), uncertainty_ns=round(uncertainty_s * 1e9))
    assert run.verdict("clock").status is expected


@pytest.mark.parametrize(
    ("precedence", "told"),
    [("customers: real-time", False), ("customers: nice", True), ("customers: none", True), ("canary: none", False), (None, False)],
)
def test_a_late_sender_without_real_time_priority_gets_advice(precedence: str | None, told: bool) -> None:
    """Its own priority counts, not another sender's; nothing is assumed about a run that recorded none."""
    run = Run((LATENCY,))
    run.steady(100, late=0.05)
    if precedence is not None:
        run.marks.append(Mark(ns(9), "precedence", precedence))
    verdict = run.verdict("generator/customers")
    assert verdict.status is INCONCLUSIVE
    assert ("rtprio" in verdict.reason) == told


@pytest.mark.parametrize(
    ("interrupted", "told"), [("no canary was recorded for 9 s", "no canary was recorded for 9 s"), (None, "logs/fault-kill.log")]
)
def test_a_fault_that_was_not_injected_says_why(interrupted: str | None, told: str) -> None:
    """The run ended before it was due, or its experiment recorded the reason."""
    run = Run((RECOVERY,), (KILL,))
    run.changes["manifest"] = replace(run.history.manifest, interrupted=interrupted)
    assert told in run.verdict("observed/kill").reason
    assert told in run.verdict("healed/kill").reason
    assert run.verdict("healed/kill").reason.endswith("; so there was nothing to heal")
    assert run.assess(breaches=False).faults[0].begun is False


@pytest.mark.parametrize(("edges", "proven"), [(("planned", "healed"), False), (("planned", "healed", "verified-healed"), True)])
def test_an_injection_that_failed_may_have_left_something(edges: tuple[str, ...], proven: bool) -> None:
    """It was in the ledger when it failed: only a proof shows that nothing is left."""
    run = Run((RECOVERY,), (KILL,))
    run.events = [FaultEvent("kill", edge, ns(120 + at)) for at, edge in enumerate(edges)]
    reason = run.verdict("healed/kill").reason
    assert "kill was never injected: its injection failed; see logs/fault-kill.log" in reason
    assert ("it is not proven that what the injection had begun was healed" in reason) is not proven
    assert run.verdict("healed/kill").status is INCONCLUSIVE
    assert run.assess(breaches=False).faults[0].begun is True


# -- files ----------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, Run]:
    """A good run as a directory."""
    run = whole()
    told = run.history
    history.save_manifest(tmp_path, told.manifest)
    for name, rows in (
        (history.OPERATIONS_FILE, told.operations), (history.EFFECTS_FILE, told.effects),
        (history.BOOKINGS_FILE, told.bookings), (history.CAPTURES_FILE, told.captures),
    ):  # fmt: skip
        assert rows is not None
        schema = {
            history.OPERATIONS_FILE: history.OPERATIONS, history.EFFECTS_FILE: history.EFFECTS,
            history.BOOKINGS_FILE: history.BOOKINGS, history.CAPTURES_FILE: history.CAPTURES,
        }[name]  # fmt: skip
        history.save_rows(tmp_path / name, pa.Table.from_pandas(rows, schema=schema, preserve_index=False))
    for fault in told.faults:
        history.record(tmp_path, fault)
    for signal in told.signals:
        history.record(tmp_path, signal)
    for sent in told.sent:
        history.record_sent(tmp_path, sent)
    history.save_edges(tmp_path, told.edges or ())
    return tmp_path, run


def test_a_stored_run_is_judged_as_it_was(stored: tuple[Path, Run]) -> None:
    """Nothing gets lost on the way through the files."""
    directory, run = stored
    assert assess(history.load(directory), run.plan, run.target).status is PASS


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty"])
def test_a_damaged_file_is_named_and_never_a_pass(stored: tuple[Path, Run], name: str, damage: str) -> None:
    """Truncated, with invalid content, or empty: the run is inconclusive, the platform is not blamed, and nothing raises."""
    directory, run = stored
    whole_file = (directory / name).read_bytes()
    (directory / name).write_bytes({"truncated": whole_file[: len(whole_file) // 2], "garbage": b"\x00nonsense\n", "empty": b""}[damage])
    found = history.load(directory)
    assessment = assess(found, run.plan, run.target)
    assert assessment.status is INCONCLUSIVE, assessment.reasons
    # An empty file of lines is a run in which nothing was noted; what is missing then says so by its own verdict.
    if damage != "empty" or not name.endswith(".jsonl"):
        assert any(Path(name).name in trouble for trouble in found.damage)
        assert {verdict.id: verdict.status for verdict in assessment.verdicts}["evidence"] is INCONCLUSIVE


def test_effects_that_did_not_fit_are_reported(stored: tuple[Path, Run]) -> None:
    """The judges know that some effects are missing, and where these are."""
    directory, run = stored
    (directory / history.ODD_EFFECTS).write_bytes(b'{"version": "x"}\n{"version": "y"}\n')
    found = history.load(directory)
    assert ["of 2 effects" in trouble and history.ODD_EFFECTS in trouble for trouble in found.damage] == [True]
    assert assess(found, run.plan, run.target).status is INCONCLUSIVE


def test_an_incomplete_line_is_named_and_the_others_are_read(stored: tuple[Path, Run]) -> None:
    """The writer was killed in the middle of its last line."""
    directory, _ = stored
    with (directory / history.TIMELINE).open("ab") as file:
        file.write(b'{"type":"mark","at_ns":1')
    found = history.load(directory)
    assert len([*found.faults, *found.signals]) == 6
    assert "is incomplete" in found.damage[0]


# -- split brain ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("started", "split", "lost"),
    [(122.9, 0, 1), (123.0, 0, 1), (123.000000001, 1, 0)],
    ids=["before the promotion", "at the promotion", "after it"],
)
def test_a_write_begun_after_the_promotion_is_no_loss_of_the_old_primary(started: float, split: int, lost: int) -> None:
    """The old primary ran until second 130 and acknowledged: that is a second primary, and no loss objective explains it."""
    run = Run((LOSS,), (KILL,))
    run.events = [
        FaultEvent("kill", "injected", ns(120), Injection("shard:1", (), ns(120), ns(130), ())), FaultEvent("kill", "observed", ns(120.5)),
        FaultEvent("kill", "healed", ns(150)), FaultEvent("kill", "verified-healed", ns(155)),
    ]  # fmt: skip
    run.signals = [Signal(ns(123), "promoted", "shard:1", "patroni.log")]
    run.book(started, 1000, final=False)
    told = run.assess(breaches=False).faults[0]
    assert (told.split_brain_writes, told.lost_writes) == (split, lost)
    assert run.verdict("split-brain/kill").status is (FAIL if split else INCONCLUSIVE)
    run.book(124, 1001)
    assert run.verdict("split-brain/kill").status is (FAIL if split else PASS)


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ("records: No such file: '/dev/shm/closeshave-0/spool/a.rows'", "records: No such file: 'a.rows'"),
        ("records: /tmp/x/y.json:3: torn", "records: y.json:3: torn"),
        ("edge counters: http://127.0.0.1:8000/stats/x does not answer", "edge counters: http://127.0.0.1:8000/stats/x does not answer"),
        ("final state: 3/4 shards", "final state: 3/4 shards"),
    ],
)
def test_a_step_that_failed_is_named_without_the_directories_of_its_machine(detail: str, said: str) -> None:
    """The file's name states what is missing; its directory is of no use to a reader."""
    run = whole()
    run.marks.append(Mark(ns(180), "harness-error", detail))
    verdict = run.verdict("complete")
    assert (verdict.status, verdict.reason) == (INCONCLUSIVE, f"the harness itself failed in the step {said}")
