"""A proxy that the environment file names: all requests to the platform use it, no others do, and its password is in no file."""

import os
import socket
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from closeshave.api.spoken import ApiRequest
from closeshave.clock import Anchor
from closeshave.deployment import Call, Capabilities, Proxy, load
from closeshave.environments.remote import charges, guard, metrics, preflight, read_back, status
from closeshave.environments.remote import remote as visits
from closeshave.environments.remote.api import Api, CallRefused
from closeshave.environments.remote.asking import Asker, ask_as_anybody
from closeshave.environments.remote.look import look
from closeshave.faults import catalogue
from closeshave.faults.calls import carry_out
from closeshave.files.yamlfile import InvalidFile
from closeshave.traffic import logins
from tests.proxying import LOGIN, forward
from tests.remote.definitions import remote
from truth.plain.running import plain

NAME = "platform.invalid"
URL = f"http://{NAME}:8080"
"""No name server knows it; only the test's proxy does."""


def hook(url, token=None):
    """A hook all of whose calls ask this URL, with a token from a variable."""
    call = {"http": url, "method": "GET", **({"headers_from": {"Authorization": token}} if token else {})}
    return {"kind": "shard.primary-killed", "scope": {"shard": 1}, "inject": call, "observe": call, "undo": call, "heal_check": call}


@pytest.fixture(scope="module")
def behind():
    """A platform that only a proxy with a password reaches."""
    with plain("--accounts", "5", "--limits", "50") as platform, forward({NAME: int(platform.url.rsplit(":", 1)[1])}, LOGIN) as proxy:
        yield platform, proxy


@pytest.fixture
def definition(behind, tmp_path, monkeypatch):
    """Its environment file. The environment's own proxies lead nowhere."""
    _, proxy = behind
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("CORPORATE", LOGIN)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    people = tmp_path / "people.csv"
    people.write_text("email,password,region\ncustomer1@plain.test,Plain-1234,us-east-1\n")
    able = {"franchises": False, "keyed_bookings": False}
    proxied = {"url": proxy.url, "login": "CORPORATE"}
    return remote(tmp_path, url=URL, proxy=proxied, accounts={"file": str(people)}, hooks=[hook(f"{URL}/health/ready")], capabilities=able)


def test_every_client_of_the_platform_uses_it(behind, definition, tmp_path):
    """From the first check to the last cancel; none of them could reach the platform otherwise."""
    _, proxy = behind
    (seen,) = look(definition)
    assert (seen.trouble, seen.answer["service"]) == ("", "plain-barbers")
    root, run = visits.place(definition), tmp_path / "run"
    (run / "final_state").mkdir(parents=True)
    visited = visits.up(definition, root, print)
    assert "direct connection" in visited.missing
    assert logins.log_in(visited, run, print) == 1
    assert all(part.running for part in status.status(root))
    with closing(Asker(URL, definition.proxy)) as asker:
        ask_as_anybody(asker, definition.fingerprint.path)
        asker.ask_without_csrf()
        answers = asker.ask_at_once(
            "twice", 2, ApiRequest("POST", "/api/v2/appointments/", {"Content-Type": "application/json"}, b"{}"), "book"
        )
    assert asker.heard["fingerprint"].status == 200
    assert "no csrf" not in asker.heard
    assert all(answer.status for answer in answers)
    kind = catalogue.of("shard.primary-killed", {"shard": 1}, visited)
    assert kind.prove is not None
    assert all(proof.holds for proof in kind.prove(kind.aim(visited, {"shard": 1}, {})))
    assert read_back.export(definition, visited, run)[0] == 0
    assert charges.export(definition, visited, run) == {}
    with pytest.raises(OSError, match="could not be read"):
        metrics.signals(URL, Anchor.take(), 0, 1, visited.way(URL))
    assert any(b"/api/v1/query_range" in head for head in proxy.asked)
    assert preflight.learn(definition, visited.accounts, print)
    assert visits.clean_up(visited, run, print) == ()
    assert load(root).proxy == definition.proxy
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert LOGIN.partition(":")[2].encode() not in kept
    assert all(b"Proxy-Authorization" in head for head in proxy.asked)


def test_other_hosts_are_reached_directly(behind, definition):
    """A hook's control port, a Prometheus: they are no hosts of the platform."""
    platform, proxy = behind
    before = len(proxy.asked)
    visited = replace(visits.up(definition, visits.place(definition), print), accounts=())
    before = len(proxy.asked)
    assert visited.way(f"{URL}/x") == definition.proxy
    assert visited.way(platform.control) is None
    assert carry_out(Call(http=f"{platform.control}/state", method="GET"), 5, {}, visited.way).well
    assert len(proxy.asked) == before


@pytest.mark.parametrize("given", ["", "harness:wrong"])
def test_without_its_password_nothing_is_passed_on(behind, definition, monkeypatch, given):
    """And the message does not show the password that was tried."""
    monkeypatch.setenv("CORPORATE", given)
    (seen,) = look(definition)
    assert seen.trouble or not seen.answer
    with closing(Api(URL, Capabilities(), proxy=definition.proxy)) as api, pytest.raises(CallRefused) as told:
        api.log_in("customer1@plain.test", "Plain-1234")
    assert "wrong" not in str(told.value)
    assert "Plain-1234" not in str(told.value)


@pytest.mark.parametrize(("given", "refused"), [(None, True), ("", True), ("only-a-token", True), (LOGIN, False)])
def test_its_password_must_be_set_before_anything_starts(definition, given, refused):
    """In the variable that the file names."""
    environ = {} if given is None else {"CORPORATE": given}
    nothing: Any = SimpleNamespace(disruptions=())
    told = list(guard.unprepared(definition, nothing, environ, lambda _program: True))
    assert bool(told) is refused
    assert all("CORPORATE" in sentence and "only-a-token" not in sentence for sentence in told)


@pytest.mark.parametrize(
    ("changes", "key", "sentence"),
    [
        ({"proxy": "http://proxy.example.com:3128"}, "proxy", ""),
        ({"proxy": {"url": "https://proxy.example.com:3128"}}, "proxy.url", "plain HTTP address with its port"),
        ({"proxy": {"url": "socks5://proxy.example.com:1080"}}, "proxy.url", "plain HTTP address with its port"),
        ({"proxy": {"url": "http://proxy.example.com"}}, "proxy.url", "plain HTTP address with its port"),
        ({"proxy": {"url": "http://proxy.example.com:99999"}}, "proxy.url", "plain HTTP address with its port"),
        ({"proxy": {"url": "http://[::1:3128"}}, "proxy.url", "plain HTTP address with its port"),
        ({"proxy": {"url": ""}}, "proxy.url", "plain HTTP address with its port"),
        ({"regions": {"us-east-1": "http://[::1"}}, "regions.us-east-1", "is not a base URL"),
        ({"regions": {"us-east-1": "http://h:99999"}}, "regions.us-east-1", "is not a base URL"),
        ({"hooks": [hook("http://[::1")]}, "hooks.0.inject", "is not the URL of an HTTP request"),
        ({"proxy": {"url": "http://proxy.example.com:3128/path"}}, "proxy.url", "plain HTTP address with its port"),
        ({"proxy": {"url": "proxy.example.com:3128"}}, "proxy.url", "plain HTTP address with its port"),
        ({"proxy": {"url": "http://harness:Planted-9@proxy.example.com:3128"}}, "proxy.url", "login names a variable"),
        ({"proxy": {"url": "harness:Planted-9@proxy.example.com:3128"}}, "proxy.url", "login names a variable"),
        ({"proxy": {"url": "http://proxy.example.com:3128", "password": "Planted-9"}}, "proxy.password", ""),
        ({"regions": {"us-east-1": "http://127.0.0.1:80"}}, "regions.us-east-1", "leave proxy out"),
        ({"regions": {"us-east-1": "http://localhost:80"}}, "regions.us-east-1", "leave proxy out"),
        ({"regions": {"us-east-1": "http://[::1]:80"}}, "regions.us-east-1", "leave proxy out"),
        ({"regions": {"us-east-1": "https://me:Planted-9@platform.example.com"}}, "regions.us-east-1", "credentials do not belong"),
        ({"metrics": {"prometheus": "http://me:Planted-9@prometheus.example.com"}}, "metrics.prometheus", "credentials do not belong"),
        (
            {"hooks": [hook("http://me:Planted-9@ops.example.com")]},
            "hooks.0.inject", "credentials do not belong",
        ),
    ],
)  # fmt: skip
def test_an_error_in_its_address_is_reported_without_its_password(tmp_path, changes, key, sentence):
    """A copy of the file is in each run directory, and a message in a log."""
    whole = {"regions": {"us-east-1": "https://platform.example.com"}, "proxy": {"url": "http://proxy.example.com:3128"}} | changes
    with pytest.raises(InvalidFile) as told:
        remote(tmp_path, **whole)
    assert [problem.key for problem in told.value.problems][:1] == [key]
    assert sentence in str(told.value)
    assert "Planted-9" not in str(told.value)


def test_a_proxy_without_a_login_needs_no_more_than_its_address(tmp_path):
    """Without a login where it wants none."""
    definition = remote(tmp_path, url="https://platform.example.com", proxy={"url": "http://proxy.example.com:3128"})
    assert definition.proxy == Proxy("http://proxy.example.com:3128")
    assert definition.secrets.all == ()


def test_each_process_gets_only_the_secrets_that_it_needs(tmp_path):
    """Reading back, faults and senders each need different ones."""
    definition = remote(
        tmp_path, url="https://platform.example.com", hooks=[hook("https://ops.example.com", "OPS_TOKEN")],
        proxy={"url": "http://proxy.example.com:3128", "login": "CORPORATE"},
        read_back={"sql": {1: "SHARD_1"}, "api": "admin", "admin": "ADMIN"},
    )  # fmt: skip
    secrets = definition.secrets
    assert set(secrets.not_for_senders) == {"SHARD_1", "ADMIN", "OPS_TOKEN"}
    assert set(secrets.not_for_faults) == {"SHARD_1", "ADMIN"}
    assert set(secrets.all) == {"SHARD_1", "ADMIN", "OPS_TOKEN", "CORPORATE"}


def test_the_name_that_these_tests_use_does_not_resolve():
    """Otherwise they would prove nothing."""
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(NAME, 8080)
    assert os.environ.get("CORPORATE") is None
