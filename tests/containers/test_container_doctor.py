"""What ``closeshave doctor`` reports about a container engine."""

import pytest

from closeshave.environments import doctor
from closeshave.environments.containers import containers


@pytest.mark.parametrize(
    ("reason", "detail"),
    [
        (None, "running, with the images that are used by default"),
        (
            "no container engine runs on this machine",
            "no container engine runs on this machine (only environments of kind containers need it)",
        ),
    ],
)
def test_only_environments_in_containers_need_the_engine(monkeypatch, reason, detail):
    """A machine without one is fine for everything except the environment in containers."""
    monkeypatch.setattr(containers, "obstacle", lambda _images: reason)
    found = doctor.engine()
    assert (found.ok, found.needed, found.detail) == (reason is None, False, detail)
