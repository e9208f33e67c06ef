"""What waited during a level, from samples. Pure."""

from __future__ import annotations

from closeshave.capacity.limiting import said
from closeshave.capacity.pools import during, means
from closeshave.files import append_line
from closeshave.judge.evidence.windows import Span


def test_samples_of_the_level_are_averaged_by_key(tmp_path):
    """A part that did not answer is missing in some of them; samples of other levels do not count."""
    path = tmp_path / "pools.jsonl"
    for at_ns, sessions in ((5, 0.9), (15, 0.2), (18, 0.4), (25, 0.9)):
        append_line(path, {"at_ns": at_ns, "pools": {"sessions of shard 1": sessions, **({"queue of here": 3.0} if at_ns == 18 else {})}})
    assert during(path, Span(10, 20)) == {"sessions of shard 1": 0.30000000000000004, "queue of here": 3.0}
    assert during(tmp_path / "missing", Span(10, 20)) == {}
    assert means([]) == {}


def test_sessions_that_are_used_up_are_the_limit():
    """Before processors that are not."""
    found = said({"machine": 0.5, "machine cores": 2.0, "sessions of shard 1": 0.97, "queue of here": 4.2})
    assert found.resource == "sessions of shard 1"
    assert "97% of those that its database allows" in found.sentence
    assert "4.2 requests wait in the queue of here" in found.sentence


def test_sessions_that_wait_for_locks_are_the_limit():
    """With how many there are."""
    found = said({"machine": 0.3, "machine cores": 2.0, "locks of shard 2": 0.9, "active of shard 2": 12.0})
    assert found.resource == "locks of shard 2"
    assert "90% of its 12.0 busy sessions wait for a lock" in found.sentence
