"""Customers who follow their bookings: who they are, what they understand, and that they come back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pyarrow.parquet as pq
import pytest

from closeshave.clients import updates
from closeshave.clients.updates import BookingNow, update_of
from closeshave.deployment import FOLLOWED, LiveUpdates
from closeshave.files import append_line
from closeshave.history import UPDATES_FILE, Told
from closeshave.traffic import followers
from closeshave.traffic.accounts import LoggedIn

LIVE = LiveUpdates("/updates", 5.0)


def customer(number: int, region: str = "east", client: str | None = "x") -> LoggedIn:
    """Somebody who is logged in."""
    return LoggedIn(f"c{number}@{region}", "secret", region, f"token-{number}", "", "", f"{number}" if client else None)


@pytest.mark.parametrize(
    ("text", "update"),
    [
        ('{"booking": 7, "version": 2, "status": "scheduled"}', BookingNow(7, 2)),
        ('{"booking": "b-7", "version": 1}', BookingNow("b-7", 1)),
        ('{"beat": true}', None),
        ('{"booking": 7}', None),
        ('{"booking": 7, "version": true}', None),
        ('{"booking": null, "version": 1}', None),
        ('{"booking": 7, "version": "2"}', None),
        ("[]", None),
        ("", None),
        (b"\xff", None),
        ("[" * 100_000, None),
    ],
)
def test_a_message_is_an_update_or_is_ignored(text: str | bytes, update: BookingNow | None) -> None:
    """What a platform says is data; nothing in it can break a follower."""
    assert update_of(text) == update


def test_a_few_of_each_region_follow() -> None:
    """Those whose ID the platform has told: by it their bookings are known."""
    everybody = [*(customer(n) for n in range(20)), customer(30, "west", None), customer(31, "west")]
    found = followers.chosen(everybody, ("east", "west", "south"))
    assert [one.client for one in found] == ["0", "1", "2", "3", "4", "5", "31"]


class Script:
    """Stands where a connection is opened: refused, then messages and an end, then silence until it is over."""

    def __init__(self, over: threading.Event) -> None:
        self.over = over
        self.opened: list[tuple[str, str, str]] = []

    def __call__(self, url: str, path: str, token: str) -> Script:
        self.opened.append((url, path, token))
        if len(self.opened) == 1:
            raise updates.NoStream("not yet")
        self.messages: Iterator[str | None] = iter(['{"beat": true}', '{"booking": 7, "version": 1}', None, "nonsense"])
        return self

    def receive(self, _timeout_s: float) -> str | None:
        if len(self.opened) > 2:
            self.over.set()
            return None
        try:
            return next(self.messages)
        except StopIteration:
            raise updates.StreamEnded("cut") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        pass


def test_a_follower_comes_back_whenever_the_connection_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each handshake is announced before it is made, because an edge counts it."""
    over, seen, announced = threading.Event(), list[Told](), list[int]()
    script = Script(over)
    monkeypatch.setattr(updates, "UpdateStream", script)
    monkeypatch.setattr(followers, "AGAIN_S", 0.01)
    followers.follow(customer(1), "http://edge", LIVE, seen.append, lambda: announced.append(1), over)
    assert [(told.what, told.booking, told.version) for told in seen] == [
        ("opened", None, None), ("update", 7, 1), ("closed", None, None), ("opened", None, None), ("closed", None, None),
    ]  # fmt: skip
    assert {(told.client, told.region) for told in seen} == {("1", "east")}
    assert len(announced) == len(script.opened) == 3
    assert script.opened[0] == ("http://edge", "/updates", "token-1")


def test_a_follower_does_not_give_up_after_an_unexpected_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It would look like a platform that tells nothing."""
    over, tries = threading.Event(), list[int]()

    def fail(*_told: str) -> None:
        tries.append(1)
        if len(tries) == 3:
            over.set()
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(updates, "UpdateStream", fail)
    monkeypatch.setattr(followers, "AGAIN_S", 0.01)
    followers.follow(customer(1), "http://edge", LIVE, lambda _told: None, lambda: None, over)
    assert len(tries) == 3
    assert capsys.readouterr().err.count("RuntimeError: nobody thought of this") == 3


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"])
def test_whatever_answers_a_handshake_wrongly_has_refused_it(answer: bytes) -> None:
    """Also a server that closes the connection without a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(updates.NoStream):
            updates.UpdateStream(f"http://127.0.0.1:{server.getsockname()[1]}", "/updates", "token")
        thread.join(5)


def test_what_they_saw_becomes_a_table(tmp_path: Path) -> None:
    """And a damaged file is an error, not a shorter table."""
    root, run = tmp_path / "root", tmp_path / "run"
    root.mkdir()
    for line in (
        {"what": "opened", "client": "1", "region": "east", "at_ns": 1},
        {"what": "ended", "client": "", "region": "", "at_ns": 2},
    ):
        append_line(root / FOLLOWED, line)
    followers.collect(root, run)
    assert [row["what"] for row in pq.read_table(run / UPDATES_FILE).to_pylist()] == ["opened", "ended"]
    append_line(root / FOLLOWED, {"what": "opened", "whose": "?"})
    with pytest.raises(TypeError):
        followers.collect(root, run)
