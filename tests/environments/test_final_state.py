"""The final state: the provider's ledger."""

import json

import pytest

from closeshave.environments.evidence import final_state
from closeshave.environments.evidence.reading import FinalStateUnreadable

CAPTURE = {"capture": "ch_1", "booking": 1000000000001, "franchise": 7, "amount": 3000, "key": "capture_pi_1", "at": 1000.5}


def ledger(folder, *lines, end="\n"):
    """A ledger of these lines."""
    path = folder / "ledger.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + end)
    return path


def test_captures_of_the_run_are_read_and_older_ones_are_not(tmp_path):
    """An environment may have served before the run began."""
    path = ledger(tmp_path, {**CAPTURE, "capture": "old", "at": 999.9}, CAPTURE, {**CAPTURE, "capture": "ch_2", "at": 1001})
    assert final_state.captures(path, 1000.0).column("capture").to_pylist() == ["ch_1", "ch_2"]


def test_a_provider_that_never_charged_has_an_empty_ledger(tmp_path):
    """Its file is made with the first capture."""
    assert final_state.captures(tmp_path / "ledger.jsonl", 0).num_rows == 0


@pytest.mark.parametrize(
    ("lines", "end", "reason"),
    [
        ((CAPTURE, CAPTURE), "", "ledger.jsonl:2: the line is incomplete"),
        ((CAPTURE, '{"capture": "ch'), "", "ledger.jsonl:2: the line is incomplete"),
        (('{"capture": "ch', CAPTURE), "\n", "ledger.jsonl:1: not a capture"),
        (({"capture": "ch_1"},), "\n", "ledger.jsonl:1: not a capture: KeyError: 'booking'"),
        (("[]",), "\n", "ledger.jsonl:1: not a capture"),
        (({**CAPTURE, "at": "noon"},), "\n", "wrong type"),
        (({**CAPTURE, "amount": "much"},), "\n", "wrong type"),
    ],
)
def test_a_damaged_ledger_is_no_ledger(tmp_path, lines, end, reason):
    """A capture that cannot be read may be the duplicate one: no judge gets the rest as if it were complete."""
    with pytest.raises(FinalStateUnreadable, match=reason):
        final_state.captures(ledger(tmp_path, *lines, end=end), 0)
