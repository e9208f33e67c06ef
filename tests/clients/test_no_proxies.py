"""No client of the harness uses the proxies of the environment variables, and no configuration file of the user changes a trial."""

from __future__ import annotations

import ast
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiers import thorough

PACKAGE = Path(__file__).parents[2] / "closeshave"
ASKING = {"Client", "AsyncClient", "get", "post", "put", "patch", "delete", "head", "request", "stream"}


def careless(text: str) -> list[str]:
    """Calls of HTTP libraries that would ask the environment whom to ask."""
    found: list[str] = []
    if not any(name in text for name in ("httpx", "requests", "urllib")):
        # Most modules: to read them would take seconds.
        return found
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            found += [name for name in names if name == "urllib.request"]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            library, name = node.func.value.id, node.func.attr
            told = {keyword.arg for keyword in node.keywords}
            if (library == "httpx" and name in ASKING and "trust_env" not in told) or (library == "requests" and name in ASKING):
                found.append(f"{node.lineno}: {library}.{name}")
    return found


def test_every_client_states_that_it_uses_no_proxy():
    """In each call: a library's default is to use the environment variables."""
    found = {path: careless(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    assert len(found) > 100
    assert {str(path): calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize("text", ["httpx.get('/')", "httpx.Client(timeout=1)", "requests.post('/')", "import urllib.request"])
def test_a_careless_client_is_found(text):
    """The test above can fail."""
    assert careless(text)


@contextlib.contextmanager
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that records its requests."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    asked.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked


ASK = """
from truth.plain.running import plain
from closeshave.deployment import Capabilities
from closeshave.environments.remote.api import Api
from closeshave.clients import toxiproxy
from closeshave.loadgen.engine import Engine, Settings
with plain("--accounts", "1") as platform:
    Api(platform.url, Capabilities()).log_in("customer1@plain.test", "Plain-1234")
    try:
        toxiproxy.Server(int(platform.url.rsplit(":", 1)[1])).version()
    except toxiproxy.Unavailable as error:
        assert "404" in str(error), error
    engine = Engine(Settings())
    assert engine.client(platform.url).get("/health").status == 200
    engine.close()
"""


def test_nothing_on_this_machine_is_reached_through_a_proxy():
    """Log-ins with their passwords, Toxiproxy's calls, the load: they reach the platform, and the proxy gets none."""
    with proxy() as (url, asked):
        names = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), url)
        kept = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
        done = subprocess.run(
            [sys.executable, "-c", ASK], env={**kept, **names, "PYTHONPATH": str(PACKAGE.parent)}, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert (done.returncode, asked) == (0, []), done.stderr


@pytest.mark.parametrize("place", [*thorough("home"), "cwd"])
def test_locusts_configuration_files_change_nothing(tmp_path, place):
    """Locust files in the home directory, or next to the run, are not the harness's."""
    home, cwd = tmp_path / "home", tmp_path / "cwd"
    home.mkdir()
    cwd.mkdir()
    told = "users = 77\nrun-time = 1s\n"
    ((home / ".locust.conf") if place == "home" else (cwd / "locust.conf")).write_text(told)
    program = (
        "from closeshave.traffic import bare_locust; import sys\n"
        "if sys.argv[1] == 'bare': bare_locust.forget_files()\n"
        "from locust.argument_parser import get_parser\n"
        "print(get_parser().parse_args([]).num_users)"
    )
    environ = {**os.environ, "HOME": str(home), "PYTHONPATH": str(PACKAGE.parent)}
    said = {
        how: subprocess.run(
            [sys.executable, "-c", program, how], cwd=cwd, env=environ, capture_output=True, text=True, check=True
        ).stdout.strip()
        for how in ("bare", "as ever")
    }
    assert said == {"bare": "None", "as ever": "77"}
