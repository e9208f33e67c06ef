"""What a run can show is read as it is meant now, also for runs of older versions."""

from dataclasses import replace

import pytest

from closeshave.history import load_manifest, save_manifest
from tests.history.test_history import MANIFEST


@pytest.mark.parametrize(
    ("written", "edge_counters", "meant"),
    [("rehearsed", True, "rehearsed"), ("measured", True, "measured"), ("measured", False, "verified"), ("verified", False, "verified")],
)
def test_an_older_run_against_a_remote_platform_counts_as_verified(tmp_path, written, edge_counters, meant):
    """It was called measured before there were three grades; at a remote platform nobody counts at the edges."""
    save_manifest(tmp_path, replace(MANIFEST, evidence=written, edge_counters=edge_counters))
    assert load_manifest(tmp_path).evidence == meant
