"""Planted defects by which rows of promises are broken (``truth/rows.py``): each acts as its name says while it is planted, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message

from closeshave.environments.remote.look import shows_live_key
from closeshave.standin import franchises, sessions
from closeshave.standin.defective import entrance
from closeshave.standin.defective.franchises import DefectiveFranchises
from closeshave.standin.defective.limits import DefectiveLimits, DefectiveLockout
from closeshave.standin.defective.sessions import DefectiveSessions
from closeshave.standin.errors import Refused
from closeshave.standin.lockout import FAILURES_MAX
from closeshave.standin.switches import Defect, Switches, render


@pytest.fixture
def switches(tmp_path: Path) -> Switches:
    """That look at the file whenever they are asked."""
    clock = iter(range(1_000_000))
    return Switches(str(tmp_path / "defects"), lambda: float(next(clock)))


def plant(path: Path, *defects: Defect) -> None:
    """In the file of the switches."""
    (path / "defects").write_text(render(dict.fromkeys(defects, frozenset())))


class Counted:
    """A tier that has counted so many failures of every account."""

    async def run(self, *_commands: Any) -> list[bytes]:
        """One counter."""
        return [str(FAILURES_MAX).encode()]


def test_a_locked_account_is_let_in_while_nobody_is_locked_out(switches: Switches, tmp_path: Path) -> None:
    """The counter is the same."""
    lockout = DefectiveLockout(Counted(), switches)  # type: ignore[arg-type]  # it answers as a tier does
    with pytest.raises(Refused):
        asyncio.run(lockout.check("me@here.test"))
    plant(tmp_path, Defect.NO_LOCKOUT)
    asyncio.run(lockout.check("me@here.test"))


def test_limits_forgive(switches: Switches, tmp_path: Path) -> None:
    """They still refuse."""
    limits = DefectiveLimits(Counted(), 1.0, switches, progressive=True)  # type: ignore[arg-type]  # as above
    assert limits._is_progressive()
    plant(tmp_path, Defect.FORGIVING_LIMITS)
    assert not limits._is_progressive()


def test_entries_live_shorter(switches: Switches, tmp_path: Path) -> None:
    """Pages and sessions, each by its own defect."""
    pages = DefectiveFranchises(None, {}, switches)  # type: ignore[arg-type]  # no database is asked
    tokens = DefectiveSessions({}, switches, lambda _region: False)
    assert (pages._lives_s(), tokens._lives_s()) == (franchises.TTL_S, sessions.TTL_S)
    plant(tmp_path, Defect.SHORT_LIVED_PAGES)
    assert (pages._lives_s(), tokens._lives_s()) == (600, sessions.TTL_S)
    plant(tmp_path, Defect.SHORT_LIVED_SESSIONS)
    assert (pages._lives_s(), tokens._lives_s()) == (franchises.TTL_S, 3600)


@pytest.mark.parametrize(
    ("defect", "path", "query", "status"),
    [
        (Defect.RAW_ERRORS, entrance.SLOTS, b"barber_id=%27", 500),
        (Defect.RAW_ERRORS, entrance.SLOTS, b"barber_id=7", None),
        (Defect.RAW_ERRORS, "/api/v2/services", b"a=%27", None),
        (Defect.LIVE_KEY_SHOWN, entrance.DEPENDENCIES, b"", 200),
        (Defect.LIVE_KEY_SHOWN, "/health", b"", None),
    ],
)
def test_an_answer_that_no_correct_platform_gives(
    switches: Switches, tmp_path: Path, defect: Defect, path: str, query: bytes, status: int | None
) -> None:
    """Only while it is planted, and only there."""
    platform: Any = SimpleNamespace(switches=switches)
    scope: Mapping[str, Any] = {"path": path, "query_string": query}
    assert entrance._instead(platform, scope) is None  # type: ignore[arg-type]  # what it reads of a scope
    plant(tmp_path, defect)
    answer = entrance._instead(platform, scope)  # type: ignore[arg-type]  # as above
    assert (answer.status_code if answer else None) == status
    if status == 200:
        assert answer is not None
        assert shows_live_key(bytes(answer.body).decode())


def test_an_answer_lacks_a_header_and_keeps_the_others() -> None:
    """Its body is as it was."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def answer() -> None:
        lacking = entrance._without(send, {b"x-frame-options"})
        await lacking({"type": "http.response.start", "status": 200, "headers": [(b"x-frame-options", b"DENY"), (b"x-region", b"a")]})
        await lacking({"type": "http.response.body", "body": b"{}"})

    asyncio.run(answer())
    assert sent[0]["headers"] == [(b"x-region", b"a")]
    assert sent[1] == {"type": "http.response.body", "body": b"{}"}
