"""The page's server over a real socket: what it answers, to whom, and how it ends."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from closeshave import private
from closeshave.control.processes import identify
from closeshave.history import FaultEdge
from closeshave.live import access, launching, server, settings
from closeshave.live.launching import LiveView
from closeshave.probes import corpus
from closeshave.vocabulary import MarkKind
from tests.live.made import Scripted, Served, serving
from tests.live.test_settings import pair

assert pair  # a fixture

HOSTILE = [case.whole[:3000] for case in corpus.cases()][:: max(1, len(corpus.cases()) // 100)][:100]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A page of a run whose every text that somebody else may write is hostile."""
    made = Scripted(tmp_path_factory.mktemp("run"))
    made.manifest(id="</script><script>alert(1)</script>")
    made.ordinary()
    made.fault(*list(FaultEdge)[:3])
    for text in HOSTILE:
        made.mark(MarkKind.NOTE, text)
        made.signal(13.0, f"promoted self to leader {text}".replace("\n", " "))
    with serving(made.path) as page:
        yield page


def asked(
    page: Served,
    path: str,
    method: str = "GET",
    *,
    body: bytes | None = None,
    given: str | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, bytes, Mapping[str, str]]:
    """One request as a program sends it: by default with this server's name and a good token."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    sent = {"host": f"127.0.0.1:{page.port}", "authorization": f"Bearer {page.tokens[access.WATCHER] if given is None else given}"}
    sent |= headers
    if body is not None:
        sent.setdefault("content-length", str(len(body)))
    for name, value in sent.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}


def picture(page: Served, query: str = "") -> Any:
    """What the page is told."""
    status, body, _ = asked(page, f"/live?{query}")
    assert status == 200
    return json.loads(body)


def test_the_page_holds_no_data_and_runs_nothing_but_its_own(served: Served) -> None:
    """One document, with a nonce of its own for each answer, and no address of anything else."""
    status, body, headers = asked(served, "/", given="")
    text = body.decode()
    assert status == 200
    nonce = re.search(r"script-src 'nonce-([\w-]{20,})'", headers["content-security-policy"])
    assert nonce
    assert set(re.findall(r'nonce="([^"]*)"', text)) == {nonce[1]}
    assert nonce[1] not in asked(served, "/", given="")[1].decode()
    assert not any(word in headers["content-security-policy"] for word in ("unsafe", "*", "http:"))
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    assert re.findall(r"<script[^>]*>", text) == ['<script type="application/json" id="data">', *[f'<script nonce="{nonce[1]}">'] * 2]
    assert not re.search(r"\.(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text[text.rindex("<script") :])
    assert not any(token in text for token in served.tokens.values())


@pytest.mark.parametrize("given", ["", "x", "Bearer", "é", "a" * 5000])
def test_without_the_token_nothing_is_told(served: Served, given: str) -> None:
    """Not even what run it is."""
    status, body, _ = asked(served, "/live", given=given)
    assert status == 401
    assert set(json.loads(body)) == {"error"}


REFUSED: Mapping[str, tuple[int, dict[str, str]]] = {
    "DNS rebinding": (421, {"host": "evil.example:80"}),
    "another origin": (403, {"origin": "http://evil.example"}),
    "another site": (403, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}),
    "another port of this machine": (403, {"sec-fetch-site": "same-site"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_page_of_a_stranger_is_told_nothing_even_with_the_token(served: Served, case: str) -> None:
    """No answer allows another origin to read it, either."""
    status, headers = REFUSED[case]
    for path in ("/", "/live"):
        told = asked(served, path, headers=headers)
        assert told[0] == status
        assert b"smoke" not in told[1]
        assert not any(name.startswith("access-control") for name in told[2])


PATHS = (
    "/manifest.json", "/../manifest.json", "/..%2fmanifest.json", "/%2e%2e/manifest.json", "/live/../../etc/passwd", "//etc/passwd", "/static/x.js",
    "/gameday/state.json", "/plan.yaml", "/docs", "/openapi.json", "/redoc", "/favicon.ico", "/live/", "/live%00", "/.git/config", "/\\..\\x",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_a_file(served: Served, path: str) -> None:
    """There are three addresses, and everything else is nowhere."""
    status, body, headers = asked(served, path)
    assert status in {404, 307, 400}
    assert b"smoke" not in body
    assert "location" not in headers or not headers["location"].startswith("//")


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=1e9", "span=all", "width=٣", "from=" + "9" * 400, "x=1", "after=1.5", "after="]
)
def test_a_question_that_is_none_is_refused(served: Served, query: str) -> None:
    """With a sentence, not with a traceback."""
    status, body, _ = asked(served, f"/live?{query.encode().decode('latin-1')}" if query.isascii() else "/live?width=%D9%A3")
    assert status == 400
    assert json.loads(body)["error"]


def test_hostile_text_arrives_as_the_text_that_it_is(served: Served) -> None:
    """Nothing of it is JSON, markup or a control character; what the page makes of it is tested in a browser."""
    told = picture(served)["picture"]
    notes = {one["text"] for one in told["told"] if not one["fault"]}
    assert len(notes) > 60
    assert told["about"]["run"] == "</script><script>alert(1)</script>"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", json.dumps(told, ensure_ascii=False))


@pytest.mark.thorough
def test_a_page_that_knows_the_newest_waits_for_the_next(served: Served) -> None:
    """And gets it within the second."""
    seen = picture(served)["picture"]["version"]
    begun = time.monotonic()
    newer = picture(served, f"after={seen + 1}")["picture"]
    assert newer["version"] > seen + 1
    assert time.monotonic() - begun < server.HELD_S
    assert abs(newer["wall_s"] - time.time()) < 2


def test_only_new_intervals_are_sent_again(served: Served) -> None:
    """Of the width that the page has; after another one all of them."""
    series = picture(served)["series"]
    width_s, known = series["width_s"], len(series["offered"])
    assert (width_s, series["begins"]) == (1, 0)
    later = picture(served, f"width=1&from={known - 3}")["series"]
    assert later["begins"] == known - 3
    assert len(later["offered"]) < 12
    assert picture(served, f"width=8&from={known - 3}")["series"]["begins"] == 0
    assert [one["name"] for one in series["places"]] == ["", "us-east-1", "us-west-2", "shard 1", "shard 2"]


def test_ten_pages_get_the_same_bytes(served: Served) -> None:
    """What is told is made once for all of them."""
    found: list[bytes] = []
    seen = picture(served)["picture"]["version"]
    pages = [threading.Thread(target=lambda: found.append(asked(served, f"/live?after={seen + 1}")[1])) for _ in range(10)]
    for one in pages:
        one.start()
    for one in pages:
        one.join(30)
    assert len(found) == 10
    assert len(set(found)) <= 2


def test_a_request_that_never_ends_holds_up_nobody(served: Served) -> None:
    """Half a request, and garbage."""
    with socket.create_connection(("127.0.0.1", served.port)) as half, socket.create_connection(("127.0.0.1", served.port)) as noise:
        half.sendall(b"GET /live HTTP/1.1\r\nHost: ")
        noise.sendall(bytes(range(256)) * 40)
        assert picture(served)["picture"]["version"] > 0


def test_a_websocket_is_refused(served: Served) -> None:
    """There is none here, and a stranger's page could open one without being asked."""
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    status, _, _ = asked(served, "/live", headers=upgrade)
    assert status in {200, 400, 403, 426}
    assert status != 101


def test_with_a_certificate_it_speaks_tls_alone(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    """By the name that the certificate holds for."""
    made = Scripted(tmp_path)
    with serving(made.path, place=settings.read("127.0.0.1", 0, *pair)) as page:
        assert page.url == f"https://page.example:{page.port}/"
        trusting = ssl.create_default_context(cafile=str(pair[0].with_name("authority.pem")))
        connection = http.client.HTTPSConnection("127.0.0.1", page.port, context=trusting, timeout=20)
        connection.request("GET", "/", headers={"host": f"page.example:{page.port}"})
        assert connection.getresponse().status == 200
        plain = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
        plain.request("GET", "/")
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            plain.getresponse()


def test_when_the_trial_has_ended_the_page_is_told_and_the_server_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last picture says so; then nobody listens any more."""
    monkeypatch.setattr(server, "LINGER_S", 0.3)
    monkeypatch.setattr(server, "IDLE_EVERY_S", 0.1)
    made = Scripted(tmp_path)
    made.manifest()
    made.ordinary()
    (made.path / "summary.json").write_text('{"status": "fail"}')
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE)
    with serving(made.path, identify(child.pid)) as page:
        seen = picture(page)["picture"]
        assert seen["stage"] == "loaded"
        child.kill()
        child.wait()
        while seen["stage"] != "over":
            seen = picture(page, f"after={seen['version']}")["picture"]
        assert seen["verdict"] == "fail"
        assert seen["reading"]["all"]["bookings"] > 0
        deadline = time.monotonic() + 20
        while listens(page.port) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not listens(page.port)


def listens(port: int) -> bool:
    """Whether a connection to the port is accepted."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.thorough
@pytest.mark.usefixtures("runtime")
def test_the_servers_own_process(tmp_path: Path) -> None:
    """Started beside a trial: it serves, keeps no secret in the run's directory or in its command line, has a low priority, and may be killed."""
    made = Scripted(tmp_path / "run")
    made.manifest()
    made.ordinary()
    view = LiveView(settings.read("127.0.0.1", 0, None, None))
    (link,) = view.begin(made.path).values()
    assert view.process is not None
    try:
        url, _, token = link.partition("#")
        page = Served(url, {access.WATCHER: token}, int(url.rstrip("/").rpartition(":")[2]), None)  # type: ignore[arg-type]
        # The port has been open all the time: whoever asks early waits.
        assert picture(page)["picture"]["about"]["plan"] == "smoke"
        me = identify(view.process.pid)
        assert me is not None
        process = me.handle()
        assert process is not None
        assert process.nice() >= 10
        assert token not in " ".join(process.cmdline()) + str(process.environ())
        assert not any(token.encode() in path.read_bytes() for path in made.path.rglob("*") if path.is_file())
        kept = private.place(made.path) / access.FILE
        assert kept.stat().st_mode & 0o077 == 0
        begun = process.cpu_times()
        for _ in range(6):
            seen = picture(page)["picture"]["version"]
            picture(page, f"after={seen}")
        spent = process.cpu_times()
        assert spent.user + spent.system - begun.user - begun.system < 1.0
        view.process.send_signal(signal.SIGKILL)
        view.process.wait(10)
        assert not listens(page.port)
        again = access.kept(made.path)
        assert again is not None
        assert (again.port, again.tokens) == (page.port, page.tokens)
    finally:
        view.process.kill()
        view.process.wait()
        private.forget(made.path)


@pytest.mark.usefixtures("runtime")
def test_a_trial_that_cannot_be_watched_goes_on(tmp_path: Path) -> None:
    """It is said what shows it later."""
    said: list[tuple[str, str, str]] = []
    view = LiveView(settings.read("127.0.0.1", 0, None, None))
    launching.told(view, tmp_path / "gone", lambda *line: said.append(line))
    view.close()
    (line,) = said
    assert "cannot be served" in line[0]
    assert f"closeshave live {tmp_path / 'gone'}" in line[0]
