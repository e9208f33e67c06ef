"""The client against a server with every kind of behaviour: each answer has its outcome, and nothing hangs, leaks or is lost."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import gevent
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closeshave.history import Effect, Outcome
from closeshave.loadgen.client import Check, Client, Timeouts
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.records import Rows
from closeshave.loadgen.response import Response
from tests.loadgen.conftest import PATIENT
from tests.loadgen.misbehaving import ANSWERS, BODY, OK, MisbehavingServer, sends
from tests.tiers import examples


@pytest.mark.parametrize(
    "path", ["/plain", "/byte-by-byte", "/chunked", "/gzip", "/interim", "/until-close", "/announced-close", "/too-long"]
)
def test_every_valid_way_of_sending_a_body_gives_the_same_answer(client: Client, path: str) -> None:
    """In whatever pieces the bytes come, the task gets status 200 and the body, twice in a row."""
    for _ in range(2):
        response = client.get(path)
        assert (response.error, response.status, response.content, response.outcome) == (None, 200, BODY, Outcome.OK)
        assert response.json() == {"total": 3}


@pytest.mark.parametrize(
    ("path", "outcome", "error"),
    [
        ("/mid-body", Outcome.INFO, "truncated"),
        ("/mid-chunk", Outcome.INFO, "truncated"),
        ("/bad-length", Outcome.INFO, "protocol"),
        ("/two-lengths", Outcome.INFO, "protocol"),
        ("/megabyte-head", Outcome.INFO, "protocol"),
        ("/not-http", Outcome.INFO, "protocol"),
        ("/silent-close", Outcome.INFO, "closed"),
        ("/reset", Outcome.INFO, "reset"),
        ("/server-error", Outcome.INFO, "status_500"),
        ("/refused", Outcome.FAIL, "status_403"),
    ],
)
def test_a_write_that_gets_no_usable_answer_has_its_outcome(
    client: Client, server: MisbehavingServer, rows: Callable[[], Rows], path: str, outcome: Outcome, error: str
) -> None:
    """A write that may have happened is info; only a refusal is fail; and the server got the one request that the records contain."""
    response = client.post(path, json={"slot": 9})
    assert (response.outcome, response.error, response.good) == (outcome, error, False)
    assert server.seen[path] == 1 == len(rows())
    assert client.get("/plain").good, "the worker goes on"


@pytest.mark.parametrize(("path", "error"), [("/never", "first_byte_timeout"), ("/stalls-in-body", "total_timeout")])
def test_a_server_that_stops_in_the_middle_of_an_answer_times_out(hasty: Client, client: Client, path: str, error: str) -> None:
    """No wait is endless, and what was sent may have happened."""
    response = hasty.post(path, json={})
    assert (response.outcome, response.error) == (Outcome.INFO, error)
    assert client.get("/plain").good, "the worker goes on"


def test_a_refused_connection_certainly_changed_nothing(engine: Engine) -> None:
    """A refused connection is fail, and counts as no request on the wire."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    response = engine.client(f"http://127.0.0.1:{port}").post("/x", json={})
    assert (response.outcome, response.error) == (Outcome.FAIL, "refused")
    assert (engine.records.counters.sent, engine.records.counters.requests) == (1, 0)


def test_an_address_that_drops_packets_times_out_as_not_sent(engine: Engine) -> None:
    """A listener whose queue is full answers no handshake: connect_timeout, fail."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        client = engine.client(f"http://127.0.0.1:{listener.getsockname()[1]}", timeouts=Timeouts(connect_ns=200_000_000))
        response = client.get("/x")
        for filler in fillers:
            filler.close()
    assert (response.outcome, response.error) == (Outcome.FAIL, "connect_timeout")


def test_a_name_that_does_not_exist_is_fail(engine: Engine) -> None:
    """No address, nothing sent."""
    response = engine.client("http://no-such-host.invalid").get("/x")
    assert (response.outcome, response.error) == (Outcome.FAIL, "dns")


def test_connections_are_kept_and_shared(engine: Engine, server: MisbehavingServer) -> None:
    """Two customers in turn need one connection; with connections of their own they need two more."""
    for _ in range(2):
        assert engine.client(server.url).get("/plain").good
    assert server.connections == 1
    for _ in range(2):
        own = engine.client(server.url, own_connections=True)
        assert own.get("/plain").good
        assert own.get("/plain").good
    assert server.connections == 3


def test_a_connection_that_the_server_closed_while_idle_is_not_used_again(client: Client, server: MisbehavingServer) -> None:
    """The loop notices the end of an idle connection, so that the next request, even a POST, is sent once and answered."""
    assert client.get("/closes-idle").good
    gevent.sleep(0.05)
    assert client.post("/plain", json={}).good
    assert server.connections == 2
    assert server.seen["/plain"] == 1


def test_a_stale_connection_is_retried_only_where_that_is_safe(
    engine: Engine, client: Client, server: MisbehavingServer, rows: Callable[[], Rows]
) -> None:
    """A kept connection on which the server closes instead of answering: a GET is tried again and both attempts are records; a POST is info."""
    assert client.get("/plain").good
    response = client.get("/silent-close")
    assert (response.attempt, response.error) == (2, "closed"), "tried again on a fresh connection, which no longer can be stale"
    assert client.get("/plain").good
    response = client.post("/silent-close", json={})
    assert (response.attempt, response.outcome, response.error) == (1, Outcome.INFO, "closed")
    assert server.seen["/silent-close"] == 3
    assert sum(server.seen.values()) == len(rows()) == engine.records.counters.requests


@pytest.mark.parametrize("before", ["/plain", "/byte-by-byte", "/chunked", "/gzip", "/interim"])
def test_a_kept_connection_that_is_reset_is_retried_whatever_came_on_it_before(
    client: Client, server: MisbehavingServer, before: str
) -> None:
    """An earlier answer in pieces, chunks or a coding is no beginning of the next one: the server has not answered the request that was reset."""
    assert client.get(before).good
    response = client.get("/reset")
    assert (response.attempt, response.error) == (2, "reset"), "tried again on a fresh connection"
    assert (server.seen["/reset"], server.connections) == (2, 2)


def test_head_and_204_have_no_body(client: Client) -> None:
    """A HEAD's length is not waited for, nor anything after a 204; the connection is used again."""
    assert client.head("/plain").status == 200
    assert client.get("/empty").status == 204
    assert client.get("/plain").content == BODY


@pytest.mark.parametrize("name", ["Cookie", "cookie"])
def test_the_callers_headers_replace_those_that_the_client_would_add(client: Client, server: MisbehavingServer, name: str) -> None:
    """Cookies of the jar and the type of a JSON body, in any spelling of the names."""
    client.cookies.set("a", "1", client.origin)
    assert client.post("/plain", json={}, headers={name: "b=2", "content-TYPE": "application/merge-patch+json"}).good
    lines = server.requests[-1].partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert [line for line in lines if line.startswith(b"cookie:")] == [b"cookie: b=2"]
    assert [line for line in lines if line.startswith(b"content-type:")] == [b"content-type: application/merge-patch+json"]


def test_redirects_are_followed_with_cookies_and_each_hop_is_a_record(
    client: Client, server: MisbehavingServer, rows: Callable[[], Rows]
) -> None:
    """A POST that is redirected by 302 becomes a GET, has the cookie that was set on the way, and makes two rows."""
    response = client.post("/moved", json={"a": 1})
    assert (response.status, response.attempt) == (200, 2)
    assert server.requests[-1].startswith(b"GET /landed?x=1 ")
    assert b"\r\nCookie: seen=yes\r\n" in server.requests[-1]
    assert rows()["status"].tolist() == [302, 200]


def test_another_host_gets_none_of_a_customers_secrets(engine: Engine, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the client's headers nor the request's own, nor cookies; nor the credentials for a proxy."""
    there = MisbehavingServer()
    monkeypatch.setitem(
        ANSWERS,
        "/elsewhere",
        sends(f"HTTP/1.1 307 Go\r\nLocation: http://localhost:{there.port}/plain#top\r\nContent-Length: 0\r\n\r\n".encode(), stay=True),
    )
    client = engine.client(server.url, headers={"X-Kept": "1", "authorization": "Bearer of-the-client"}, timeouts=PATIENT)
    assert client.get("/moved").status == 200
    own = {"Authorization": "Bearer of-the-request", "X-CSRF-Token": "c", "X-Franchise-Id": "7"}
    assert client.post("/elsewhere", json={"a": 1}, headers=own).good
    there.close()
    assert b"Bearer of-the-request" in server.requests[-1]
    (reached,) = there.requests
    assert reached.startswith(b"POST /plain HTTP/1.1\r\n")
    assert f"Host: localhost:{there.port}".encode() in reached
    assert all(told in reached for told in (b"X-Kept: 1", b"X-Franchise-Id: 7", b'{"a":1}'))
    assert not any(secret in reached for secret in (b"Bearer", b"X-CSRF-Token", b"seen=yes"))


def test_a_header_is_sent_once_whatever_its_case(engine: Engine, server: MisbehavingServer) -> None:
    """A request's own replaces the client's; the next request has the client's again."""
    client = engine.client(server.url, headers={"authorization": "Bearer old"}, timeouts=PATIENT)
    client.set_header("Authorization", "Bearer new")
    client.get("/plain", headers={"AUTHORIZATION": "Bearer once", "host": "shop.example", "User-Agent": "own"})
    client.post("/plain", json={}, headers={"content-type": "application/json; charset=utf-8"})
    once, after = (request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:] for request in server.requests)
    for lines in (once, after):
        names = [line.split(b":")[0].lower() for line in lines]
        assert len(names) == len(set(names))
    assert {b"AUTHORIZATION: Bearer once", b"host: shop.example", b"User-Agent: own"} <= set(once)
    assert {
        b"Authorization: Bearer new",
        b"content-type: application/json; charset=utf-8",
        f"Host: 127.0.0.1:{server.port}".encode(),
    } <= set(after)


def test_redirects_end(client: Client, server: MisbehavingServer) -> None:
    """A loop of redirects stops after ten."""
    answer = client.get("/round-and-round")
    assert (answer.status, answer.good, answer.error) == (302, False, "status_302")
    assert server.seen["/round-and-round"] == 11


@pytest.mark.parametrize("check", [None, lambda response: response.status == 302])
def test_a_redirect_that_is_not_to_be_followed_is_the_answer(client: Client, check: Check | None) -> None:
    """A task that does not want to be led elsewhere gets what it asked for."""
    answer = client.get("/round-and-round", allow_redirects=False, check=check)
    assert (answer.status, answer.good, answer.error) == (302, True, None)
    assert not client.get("/round-and-round", allow_redirects=False, check=lambda _: False).good


def test_a_task_may_judge_the_answer_itself(client: Client, rows: Callable[[], Rows]) -> None:
    """``check`` and ``catch_response`` decide what is good, and the record agrees."""
    assert not client.get("/plain", check=lambda response: response.json()["total"] == 4).good
    with client.get("/plain", catch_response=True) as response:
        response.failure("stale price")
    with client.get("/refused", catch_response=True) as response:
        response.success()
    assert rows()["good"].tolist() == [0, 0, 1]


def test_a_check_that_raises_makes_the_answer_wrong_and_is_logged_once(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A bug in a check must not look like a defect of the platform with no trace of it; and must not fill a disk."""

    def stumbles(response: Response) -> bool:
        return bool(response.json()["no such member"])

    for _ in range(3):
        assert not client.get("/plain", check=stumbles).good
    [told] = [record for record in caplog.records if record.name == "closeshave.loadgen.client"]
    assert "stumbles raised KeyError" in told.message
    assert told.exc_info is not None
    assert "no such member" in str(told.exc_info[1])


def test_a_writes_effect_is_recorded_with_its_operation(engine: Engine, client: Client) -> None:
    """The journey states the effect of the answer on the platform's data; the effect has the operation's own ID."""

    def effect(response: Response, operation: int) -> Effect:
        return Effect(operation=operation, action="create", franchise=1, shard=1, booking=response.json()["total"])

    client.get("/plain")
    client.post("/plain", json={}, effect=effect)
    engine.flush()
    assert engine.settings.records is not None
    (line,) = (engine.settings.records / "worker-0.effects.jsonl").read_bytes().splitlines()
    assert (orjson.loads(line)["operation"], orjson.loads(line)["booking"]) == (1, 3)


def test_a_body_larger_than_the_socket_buffer_arrives_completely(client: Client, server: MisbehavingServer) -> None:
    """A partial send is continued when the socket has room again."""
    body = os.urandom(8_000_000)
    client = client.__class__(server.url, client._pools, client._records)
    assert client.post("/plain", data=body).good
    assert server.requests[-1].endswith(body)


def test_a_killed_greenlet_leaves_its_record(client: Client, server: MisbehavingServer, rows: Callable[[], Rows]) -> None:
    """Stopping in the middle of a request loses no record: it may have happened."""
    asking = gevent.spawn(client.post, "/never")
    deadline = time.monotonic() + 5
    while not server.seen["/never"] and time.monotonic() < deadline:
        gevent.sleep(0.01)
    asking.kill()
    assert rows()["outcome"].tolist() == [2]


def test_a_bounded_pool_serves_in_turn_and_times_out(tmp_path: Path, server: MisbehavingServer) -> None:
    """With one connection, five requests are served in turn; while it hangs, the next one ends without having been sent."""
    engine = Engine(Settings(pool_limit=1))
    client = engine.client(server.url)
    asking = [gevent.spawn(client.get, "/plain") for _ in range(5)]
    gevent.joinall(asking)
    assert [asked.get().good for asked in asking] == [True] * 5
    assert server.connections == 1
    stuck = gevent.spawn(engine.client(server.url).get, "/never")
    gevent.sleep(0.05)
    response = engine.client(server.url, timeouts=Timeouts(connect_ns=100_000_000)).get("/plain")
    assert (response.outcome, response.error) == (Outcome.FAIL, "pool_timeout")
    stuck.kill()
    assert client.get("/plain").good, "the killed one's place is free again"
    engine.close()


def test_nothing_leaks(tmp_path: Path, server: MisbehavingServer) -> None:
    """After every kind of answer, and the engine's end, the process has the descriptors that it had before."""
    paths = ["/plain", "/mid-body", "/reset", "/megabyte-head", "/never", "/until-close", "/silent-close", "/too-long", "/closes-idle"]
    Engine(Settings()).close()  # the hub keeps a few descriptors of its own once it has run
    before = set(Path("/proc/self/fd").iterdir())
    engine = Engine(Settings(records=tmp_path / "leaks"))
    clients = [engine.client(server.url, timeouts=Timeouts(first_byte_ns=50_000_000)) for _ in range(10)]
    gevent.joinall([gevent.spawn(client.get, path) for client in clients for path in paths])
    engine.close()
    del clients
    ours = {path for path in set(Path("/proc/self/fd").iterdir()) - before if path.exists() and "record" in str(path.readlink())}
    assert not ours
    assert not engine.loop.ready


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 400), max_size=12), chunked=st.booleans())
def test_any_split_of_a_valid_answer_gives_the_same_over_a_real_socket(
    client: Client, server: MisbehavingServer, cuts: list[int], chunked: bool
) -> None:
    """Into whatever packets the network splits an answer, it is the same answer."""
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n" + BODY + b"\r\n0\r\nX-Trailer: 1\r\n\r\n" if chunked else OK
    edges = [0, *sorted({cut for cut in cuts if cut < len(whole)}), len(whole)]
    server.pieces = [whole[a:b] for a, b in pairwise(edges)]
    assert client.get("/pieces").content == BODY
