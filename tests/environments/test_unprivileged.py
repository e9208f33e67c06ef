"""How PostgreSQL is started if it refuses the present user."""

import pytest

from closeshave.environments import unprivileged
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.unprivileged import Wrapper, wrapper


def test_an_ordinary_user_needs_no_wrapper(monkeypatch):
    """Nothing is put before the command."""
    monkeypatch.setattr(unprivileged, "needed", lambda: False)
    assert wrapper([["true"]]) == Wrapper()


def test_where_no_wrapper_works_the_reasons_are_stated(monkeypatch):
    """And what to do instead."""
    monkeypatch.setattr(unprivileged, "needed", lambda: True)
    with pytest.raises(EnvironmentFailed, match=r"unshare: .*setpriv: .*ordinary user"):
        wrapper([["false"]])
