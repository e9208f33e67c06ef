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


def test_a_wrapper_that_hangs_is_told_with_its_last_words(monkeypatch):
    """It may wait for a password, or for a lock."""
    monkeypatch.setattr(unprivileged, "FAILS_WITHIN_S", 0.3)
    assert unprivileged._fails(["sh", "-c", "echo password: >&2; exec sleep 60"]) == "did not end within 0.3 s; it said last: password:"
    assert unprivileged._fails(["sh", "-c", "exec sleep 60"]) == "did not end within 0.3 s; it said last: nothing"
    assert unprivileged._fails(["sh", "-c", "echo no; exit 3"]) == "no"
    assert unprivileged._fails(["false"]) == "exit 1"
    assert unprivileged._fails(["true"]) is None
