"""Presses over a real socket: those who may press do, and nobody else."""

from __future__ import annotations

import json
import time

import pytest

from closeshave.live import access
from closeshave.vocabulary import PersonRole
from tests.live.day import SECRET, holding
from tests.live.made import Scripted, serving
from tests.live.test_server import asked

WITHIN_S = 15.0


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A game day that goes on, and its pages."""
    with holding(Scripted(tmp_path_factory.mktemp("run"))) as held, serving(held.run.path, tokens=access.tokens(PersonRole)) as served:
        yield held, served


def test_every_role_has_its_own_link_and_what_it_may_see(day):
    """One address, four tokens."""
    held, served = day
    for role in PersonRole:
        status, body, _ = asked(served, "/live", given=served.tokens[role])
        told = json.loads(body)["picture"]
        assert (status, told["role"]) == (200, role)
        assert (SECRET in body.decode()) is (role is PersonRole.FACILITATOR)
        assert (told["parts"] is not None) is (role is PersonRole.FACILITATOR)
    assert held.begun == ["owner-calls"]


def press(served, role, body, headers=None):
    """A press as a program sends it; returns the status."""
    sent = {"origin": served.url.rstrip("/"), "content-type": "application/json", **(headers or {})}
    return asked(served, "/press", "POST", body=json.dumps(body).encode(), given=served.tokens.get(role, role), headers=sent)[0]


HOLD = {"name": "x", "action": "hold"}
MARK = {"name": "x", "action": "mark", "value": "noticed"}


@pytest.mark.parametrize(
    ("role", "body", "headers", "status"),
    [
        ("observer", MARK, {}, 403),
        ("observer", HOLD, {}, 403),
        ("responder", HOLD, {}, 403),
        ("scribe", {**HOLD, "action": "stop-and-heal"}, {}, 403),
        ("responder", {**MARK, "role": "facilitator"}, {}, 400),
        ("responder", {**MARK, "inject": SECRET}, {}, 403),
        ("responder", {**MARK, "inject": "../../x"}, {}, 400),
        ("responder", {**MARK, "value": "solved"}, {}, 400),
        ("responder", [], {}, 400),
        ("scribe", {"name": "x", "action": "note", "value": {"text": "x", "photo": "../../etc/passwd"}}, {}, 400),
        ("scribe", {"name": "", "action": "note", "value": {"text": "x"}}, {}, 400),
        ("nobody", HOLD, {}, 401),
        ("", HOLD, {}, 401),
        ("facilitator", HOLD, {"origin": "http://evil.example"}, 403),
        ("facilitator", HOLD, {"sec-fetch-site": "cross-site"}, 403),
        ("facilitator", HOLD, {"host": "evil.example"}, 421),
        ("facilitator", HOLD, {"content-type": "text/plain"}, 415),
        ("facilitator", {**HOLD, "name": "x" * 20_000}, {}, 413),
    ],
)
def test_nobody_else_presses(day, role, body, headers, status):
    """Nothing happens, and no file is written."""
    held, served = day
    assert press(served, role, body, headers) == status
    time.sleep(0.2)
    assert held.answers == []
    assert not held.clock.held


def test_a_get_presses_nothing(day):
    """Nor does any other method."""
    held, served = day
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        assert asked(served, "/press", method, given=served.tokens["facilitator"])[0] in {404, 405}
    assert held.answers == []


def test_a_press_of_who_may_is_taken_and_answered_to_them_alone(day):
    """Last, because it changes the day."""
    held, served = day
    assert press(served, "responder", {"name": "Rob", "action": "mark", "value": "noticed"}) == 202
    deadline = time.monotonic() + WITHIN_S
    while not held.answers and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [one.mark for one in held.clock.marks] == ["noticed"]
    time.sleep(0.3)
    for role, expected in (("responder", 1), ("facilitator", 0)):
        version = json.loads(asked(served, "/live", given=served.tokens[role])[1])["picture"]["version"]
        told = json.loads(asked(served, f"/live?after={version}", given=served.tokens[role])[1])["picture"]["gameday"]
        assert len(told["answers"]) == expected
        assert [one["mark"] for one in told["marks"]] == ["noticed"]
