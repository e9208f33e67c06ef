"""A traffic profile: a weekday at noon on the American east coast. Twice the traffic between twelve and two."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from closeshave.traffic.profiles import Profile

EAST = timezone(timedelta(hours=-5))
HOURS = tuple(2.0 if hour in {12, 13} else 1.0 for hour in range(24))

PROFILE = Profile(name="example-lunch", starts_at=datetime(2026, 3, 4, 12, 0, tzinfo=EAST), hours=HOURS)
