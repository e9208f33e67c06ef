"""Logs of parts in containers are read as local times of this machine."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from closeshave.environments.containers import zone


@pytest.mark.parametrize(("hours", "said"), [(0, "<+0000>-00:00"), (1, "<+0100>-01:00"), (5.5, "<+0530>-05:30"), (-3.5, "<-0330>03:30")])
def test_a_zone_is_stated_without_zone_files(hours, said):
    """POSIX counts in the opposite direction."""
    assert zone.posix(timedelta(hours=hours)) == said


@pytest.mark.parametrize("hours", [0, 5.5, -8])
def test_the_c_library_understands_it(hours):
    """The one of Patroni and Valkey: noon in Greenwich in winter."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    before = os.environ.get("TZ")
    try:
        os.environ["TZ"] = zone.posix(timedelta(hours=hours))
        time.tzset()
        assert time.localtime(noon.timestamp())[3:5] == divmod(round((12 + hours) % 24 * 60), 60)
        assert zone.here() == os.environ["TZ"]
    finally:
        os.environ.pop("TZ", None)
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()
