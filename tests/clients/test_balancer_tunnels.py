"""Which sessions of a balancer have become tunnels, as HAProxy tells of its sessions."""

from __future__ import annotations

import pytest

from closeshave.clients import balancer
from closeshave.deployment import Balancer

AT = Balancer("east", 1, "apps")
TOLD = """\
0x55d0c8: [30/Nov/2026:19:40:01.1] id=7 proto=tcpv4 source=127.0.0.1:5000
  flags=0x1ce, conn_retries=0, conn_exp=<NEVER> conn_et=0x000
  txn=0x55d0d0 flags=0x3000 meth=1 status=101 req.st=MSG_TUNNEL rsp.st=MSG_TUNNEL
0x55d0f0: [30/Nov/2026:19:40:02.2] id=8 proto=tcpv4 source=127.0.0.1:5001
  txn=0x55d0f8 flags=0x3000 meth=1 status=200 req.st=MSG_DONE rsp.st=MSG_DATA
0x55d200: [30/Nov/2026:19:40:03.3] id=9 proto=tcpv4 source=127.0.0.1:5002
  txn=0x55d208 flags=0x3000 meth=1 status=101 req.st=MSG_TUNNEL rsp.st=MSG_TUNNEL
"""


def test_sessions_that_answered_101_are_tunnels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests in flight are none."""
    monkeypatch.setattr(balancer, "_answer", lambda _balancer, _command: TOLD)
    assert balancer.tunnels(AT) == ("0x55d0c8", "0x55d200")


@pytest.mark.parametrize("told", ["", "\n", "no such command\n"])
def test_a_balancer_without_sessions_has_no_tunnels(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    """And nothing is made up."""
    monkeypatch.setattr(balancer, "_answer", lambda _balancer, _command: told)
    assert balancer.tunnels(AT) == ()


@pytest.mark.parametrize(("answer", "ended"), [("\n", True), ("No such session (use 'show sess').\n", False)])
def test_a_session_that_has_ended_is_not_cut(monkeypatch: pytest.MonkeyPatch, answer: str, ended: bool) -> None:
    """It may have ended since it was listed."""
    monkeypatch.setattr(balancer, "_answer", lambda _balancer, _command: answer)
    assert balancer.cut(AT, "0x1") is ended


def test_a_refusal_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was said."""
    monkeypatch.setattr(balancer, "_answer", lambda _balancer, _command: "Permission denied\n")
    with pytest.raises(balancer.Unavailable, match="Permission denied"):
        balancer.cut(AT, "0x1")
