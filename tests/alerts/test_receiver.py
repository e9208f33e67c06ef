"""The receiver of alerts: who may tell it, what it keeps, and what it does with text that is none of its business."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.environments.alerting import receiver
from closeshave.environments.alerting.receiver import Receiver
from closeshave.environments.alerting.webhook import LONGEST, NoAlerts, already_firing, notes_of, wall_ns
from closeshave.history import AlertNote
from tests.tiers import examples

TOKEN = "a-token"
NEVER = "0001-01-01T00:00:00Z"


def alert(status: str = "firing", **fields: Any) -> dict[str, Any]:
    """An alert as an Alertmanager posts it."""
    labels = {"alertname": "DatabaseDown", "severity": "high", "category": "database", "shard": "1"}
    ended = "2026-11-30T22:51:30Z" if status == "resolved" else NEVER
    told = {"annotations": {"summary": "down"}, "startsAt": "2026-11-30T22:51:14.123456789Z", "endsAt": ended, "fingerprint": "0034"}
    return {"status": status, "labels": labels, "generatorURL": "http://vm/", **told, **fields}


def post(*alerts: Any) -> bytes:
    """Its whole post."""
    return json.dumps({"version": "4", "status": "firing", "alerts": alerts}).encode()


def test_an_alert_as_alertmanager_posts_it() -> None:
    """Its name, severity and category are labels; an end only where it ended."""
    first, last = notes_of(post(alert(), alert("resolved")), 7)
    assert (first.name, first.severity, first.category, first.state, first.received_ns) == ("DatabaseDown", "high", "database", "firing", 7)
    assert first.labels["shard"] == "1"
    assert (first.ended_wall_ns, last.ended_wall_ns) == (None, wall_ns("2026-11-30T22:51:30Z"))
    assert first.started_wall_ns == 1_796_079_074_123_456_000
    assert first.annotations == {"summary": "down"}


def test_what_an_alertmanager_lists_as_firing_is_noted_as_firing() -> None:
    """Its list has another word for the state, and an end that lies ahead."""
    listed = {**alert(), "status": {"state": "active"}, "endsAt": "2026-11-30T22:55:00Z"}
    (note,) = already_firing([listed], 9)
    assert (note.name, note.state, note.received_ns, note.ended_wall_ns) == ("DatabaseDown", "firing", 9, None)
    nonsense: tuple[Any, ...] = (None, {}, [1], [{}])
    for wrong in nonsense:
        with pytest.raises(NoAlerts):
            already_firing(wrong, 9)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b'{"alerts": 1}',
        post(1),
        post({}),
        post(alert(), alert("pending")),
        post(alert(startsAt="soon")),
        post(alert(startsAt="2026-11-30T22:51:14")),
        post(alert(fingerprint=None) | {"labels": None, "status": None}),
        b'{"alerts": [' + b"[" * 5000,
    ],
)
def test_what_is_no_alert_is_refused_as_a_whole(body: bytes) -> None:
    """Whoever sent it must send all of it again."""
    with pytest.raises(NoAlerts):
        notes_of(body, 0)


def test_long_texts_are_cut_and_stay_text() -> None:
    """Text from outside is data."""
    (note,) = notes_of(post(alert(labels={"alertname": "<b>" * 9999, "severity": 7}, annotations=["x"])), 0)
    assert len(note.name) == LONGEST
    assert note.severity == "7"
    assert note.annotations == {}


@settings(max_examples=examples(80))
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["alerts", "status", "labels", "startsAt", "fingerprint"]), inner, max_size=4), max_leaves=12))  # fmt: skip  # noqa: E501
def test_any_json_is_alerts_or_refused(told: Any) -> None:
    """Never another error: it would end the receiver."""
    with suppress(NoAlerts):
        assert all(isinstance(note, AlertNote) for note in notes_of(json.dumps(told).encode(), 0))


@pytest.fixture
def kept() -> list[AlertNote]:
    """What the receiver keeps."""
    return []


@pytest.fixture
def url(kept: list[AlertNote]) -> Iterator[str]:
    """A receiver that serves."""
    yield from serving(kept.append)


def serving(keep: Callable[[AlertNote], None]) -> Iterator[str]:
    """A receiver on a free port, until the test is over."""
    server, over = Receiver("127.0.0.1", 0, TOKEN, keep), threading.Event()
    server.timeout = 0.02
    thread = threading.Thread(target=receiver.serve, args=(server, over.is_set), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}{receiver.PATH}"
    over.set()
    thread.join(5)


def tell(url: str, body: bytes, token: str = TOKEN) -> int:
    """The status of a post."""
    return httpx.post(url, content=body, headers={"Authorization": f"Bearer {token}"}, trust_env=False).status_code


def test_an_alert_is_kept_before_it_is_acknowledged(url: str, kept: list[AlertNote]) -> None:
    """Of one post, all."""
    assert tell(url, post(alert(), alert("resolved"))) == 200
    assert [note.state for note in kept] == ["firing", "resolved"]


@pytest.mark.parametrize(
    ("path", "body", "token", "status"),
    [("", post(alert()), "wrong", 401), ("", post(alert()), "a-tokem", 401), ("x", post(alert()), TOKEN, 404), ("", b"{}", TOKEN, 400)],
)
def test_nothing_is_kept_of_what_is_not_accepted(url: str, kept: list[AlertNote], path: str, body: bytes, token: str, status: int) -> None:
    """Without the token, at another path, or no alerts."""
    assert tell(url + path, body, token) == status
    assert kept == []


def test_what_cannot_be_kept_is_not_acknowledged() -> None:
    """A full disk: the Alertmanager tells it again."""
    room: list[AlertNote] = []

    def keep(note: AlertNote) -> None:
        if not room:
            room.append(note)
            raise OSError("No space left on device")
        room.append(note)

    for url in serving(keep):
        assert tell(url, post(alert())) == 503
        assert tell(url, post(alert())) == 200


def test_a_receiver_without_a_token_does_not_start() -> None:
    """Anybody could tell it of alerts."""
    with pytest.raises(ValueError, match="needs a token"):
        Receiver("127.0.0.1", 0, "", lambda _: None)
