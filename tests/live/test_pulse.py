"""A server that stood still, as on a laptop that slept: what waited in its socket is not what somebody wants now."""

from __future__ import annotations

import json
import signal
import socket
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from closeshave import private
from closeshave.gameday import presses
from closeshave.live import access, page, settings
from closeshave.live.launching import LiveView
from closeshave.live.pulse import BEAT_S, CATCH_UP_S, STILL_S, Pulse
from closeshave.vocabulary import PersonRole
from tests.live.day import holding
from tests.live.made import Scripted, Served
from tests.live.test_server import asked


def test_a_server_that_goes_on_takes_every_press() -> None:
    """Also one that is slow."""
    pulse = Pulse(100.0)
    for at_s in (100.5, 101.0, 108.9):
        assert pulse.stood_still_s(at_s) is None
        pulse.beat(at_s)


def test_what_is_read_just_after_a_standstill_may_be_old() -> None:
    """Whether the first beat or the first press comes first; what is pressed after that is new."""
    for beats_first in (True, False):
        pulse = Pulse(100.0)
        if beats_first:
            pulse.beat(220.0)
        assert pulse.stood_still_s(220.0) == 120.0
        pulse.beat(220.5)
        assert pulse.stood_still_s(220.0 + CATCH_UP_S - 0.01) == 120.0
        assert pulse.stood_still_s(220.0 + CATCH_UP_S) is None
    assert BEAT_S < STILL_S / 2
    assert f"AbortSignal.timeout({STILL_S * 1000:.0f})" in (page.HERE / "script" / "gameday.js").read_text()


def sent(port: int, token: str, action: str) -> socket.socket:
    """A press as a page sends it, whose answer nobody waits for."""
    body = json.dumps({"name": "Ada", "action": action}).encode()
    head = (
        f"POST /press HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", port), 20)
    connection.sendall(head.encode() + body)
    return connection


def actions(run: Path) -> list[str]:
    """What has been pressed, as the trial finds it."""
    return [press.action.value for _, press in presses.untaken(run, ()) if isinstance(press, presses.Press)]


def serves(served: Served, token: str) -> None:
    """Wait until the server's own process answers: an interpreter on a busy machine takes its time to start."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(TimeoutError):
            assert asked(served, "/live", given=token)[0] == 200
            return
    raise AssertionError("nobody serves the page")


@pytest.mark.thorough
@pytest.mark.usefixtures("runtime")
def test_a_press_that_waited_in_a_stopped_server_happens_only_if_it_is_a_stop(tmp_path: Path) -> None:
    """The real process, by SIGSTOP and SIGCONT. The page has said long ago that nobody answers; what is pressed afterwards counts."""
    with holding(Scripted(tmp_path / "run")) as held:
        view = LiveView(settings.read("127.0.0.1", 0, None, None))
        tokens = access.tokens(PersonRole)
        links = view.begin(held.run.path, tokens)
        assert view.process is not None
        port = int(links["facilitator"].partition("#")[0].rstrip("/").rpartition(":")[2])
        served, token = Served("", tokens, port, None), tokens["facilitator"]  # type: ignore[arg-type]
        try:
            serves(served, token)
            view.process.send_signal(signal.SIGSTOP)
            with closing(sent(port, token, "hold")) as waits:
                # Whoever pressed this one has given up.
                sent(port, token, "hold").close()
                time.sleep(STILL_S + 1)
                stop = sent(port, token, "stop-and-heal")
                view.process.send_signal(signal.SIGCONT)
                answer = waits.recv(4096).decode()
                assert answer.startswith("HTTP/1.1 503")
                stop.settimeout(20)
                assert stop.recv(4096).startswith(b"HTTP/1.1 202")
                stop.close()
            assert actions(held.run.path) == ["stop-and-heal"]
            time.sleep(CATCH_UP_S)
            with closing(sent(port, token, "hold")) as again:
                assert again.recv(4096).startswith(b"HTTP/1.1 202")
            assert actions(held.run.path) == ["stop-and-heal", "hold"]
        finally:
            view.process.send_signal(signal.SIGCONT)
            view.process.kill()
            view.process.wait()
            private.forget(held.run.path)
