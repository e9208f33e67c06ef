"""What a run can show is read as it was written."""

from dataclasses import replace

import pytest

from closeshave.history import load_manifest, save_manifest
from tests.history.test_history import MANIFEST


@pytest.mark.parametrize("edge_counters", [True, False])
@pytest.mark.parametrize("written", ["rehearsed", "measured", "verified"])
def test_a_grade_is_what_was_written(tmp_path, written, edge_counters):
    """Whatever else a run lacks: with a Locust file of the user's own nobody counts at the edges of our environments either. A run against a remote
    platform by a version that had two grades reads as *measured*, which is less than it was, and never more.
    """
    save_manifest(tmp_path, replace(MANIFEST, evidence=written, edge_counters=edge_counters))
    assert load_manifest(tmp_path).evidence == written
