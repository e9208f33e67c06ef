"""Logs every account in once, before the window: a password hash is slow by design, and its load is not what a trial is about."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from closeshave import private
from closeshave.deployment import Account, Deployment
from closeshave.processes import poll_until
from closeshave.traffic import accounts, answers, dialect, manners
from closeshave.traffic.accounts import LoggedIn
from closeshave.traffic.load import ACCOUNTS_FILE
from closeshave.traffic.manners import Manners
from closeshave.traffic.transport import Request

AT_ONCE = 4
"""More would only queue at the password hash."""
TIMEOUT_S = 10.0
PATIENCE_S = 30.0
"""How long one account may be refused before it counts as lost."""


class LoginFailed(Exception):
    """An account could not be logged in, so the load would not be what the plan says."""


def log_in(deployment: Deployment, run: Path, say: Callable[[str], None]) -> int:
    """Log in every account through its region's edge and write ``accounts.json`` into the run's private directory; returns how many there are.

    Raises :class:`LoginFailed` with the first account that was refused, :class:`OSError`.
    """
    say(f"logging {len(deployment.accounts)} customers in")
    with httpx.Client(timeout=TIMEOUT_S) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        logged_in = list(pool.map(lambda account: _patiently(client, deployment, account), deployment.accounts))
    accounts.save(private.make(run) / ACCOUNTS_FILE, logged_in)
    return len(logged_in)


def _patiently(client: httpx.Client, deployment: Deployment, account: Account) -> LoggedIn:
    found: list[LoggedIn] = []
    problems: list[str] = []

    def attempt() -> bool:
        try:
            found.append(_once(client, deployment, account))
        except (httpx.HTTPError, LoginFailed) as error:
            problems.append(str(error) or type(error).__name__)
        return bool(found)

    if not poll_until(attempt, PATIENCE_S, interval_s=0.5):
        # A platform may quote in its refusal what it was sent.
        told = problems[-1].replace(account.password, "…")
        raise LoginFailed(f"{account.email} could not log in at {deployment.edge(account.region).url}: {told}")
    return found[0]


def _once(client: httpx.Client, deployment: Deployment, account: Account) -> LoggedIn:
    edge, spoken = deployment.edge(account.region).url, manners.of(deployment.capabilities, deployment.topology)
    franchise = _franchise_near(deployment, account)
    # An address of its own for each attempt, or the platform's limit per address would stop us after 50.
    address = dialect.new_address(random.Random(secrets.randbits(64)))  # noqa: S311 -- not for cryptography
    caller = dialect.Caller(account.email, account.password, "", secrets.token_hex(8), franchise, address)
    body = _json(client, edge, spoken, dialect.log_in(caller), answers.having("access_token", "refresh_token"))
    token, refresh = str(body["access_token"]), str(body["refresh_token"])
    csrf = str(body.get("csrf_token") or caller.csrf)
    profile = _json(client, edge, spoken, dialect.me(caller.admitted(token, csrf)), answers.having("id"))
    return LoggedIn(account.email, account.password, account.region, token, refresh, csrf, str(profile["id"]))


def _franchise_near(deployment: Deployment, account: Account) -> int:
    """Any at home where the account is; a region that is home to none asks for somebody else's."""
    at_home = [shard.first for shard in deployment.topology.shards if shard.home == account.region]
    return at_home[0] if at_home else deployment.topology.shards[0].first


def _json(client: httpx.Client, edge: str, spoken: Manners, request: Request, check: answers.Check) -> dict[str, object]:
    # A client that keeps cookies would send one customer's to the next.
    client.cookies.clear()
    request = spoken.apply(request)
    response = client.request(request.method, edge + request.path, headers=dict(request.headers), content=request.body)
    body = answers.parse(response.content)
    if response.status_code != 200 or not check(body) or not isinstance(body, dict):
        raise LoginFailed(f"{request.method} {request.path} answered {response.status_code} {answers.message(body)}".strip())
    return body
