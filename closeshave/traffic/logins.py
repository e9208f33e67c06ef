"""Logs every account in once, before the load: password hashes are slow by design, and a trial does not measure that.

A series of trials may keep its customers logged in (:mod:`.keptlogins`): then only their tokens are renewed before each load.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from closeshave import private
from closeshave.api.spoken import spoken as speaking
from closeshave.caps.pace import Pace
from closeshave.clients import web
from closeshave.deployment import Account, Deployment
from closeshave.loadgen.transport import Request
from closeshave.plurals import counted
from closeshave.traffic import accounts, answers, conventions, dialect
from closeshave.traffic.accounts import LoggedIn
from closeshave.traffic.conventions import Conventions
from closeshave.traffic.keptlogins import KeptLogins
from closeshave.traffic.load import ACCOUNTS_FILE

AT_ONCE = 4
"""Log-ins at the same time; more would only wait for the password hash."""
TIMEOUT_S = 30.0
"""Time-out in seconds. While other programs used the machine, a password hash of half a second took more than ten seconds."""
PATIENCE_S = 90.0
"""Seconds for which an account may be refused before its log-in counts as failed."""
PATIENCE_WITH_A_LIMIT_S = 180.0
"""The same if the reason is a rate limit, which says when to try again."""
SHARE_OF_A_LIMIT = 0.8
"""The part of a shared rate limit that log-ins use, because there may have been other log-ins from this address just before."""
OLD_S = 5 * 60.0
"""Tokens that are older than this after the last log-in are renewed: they are valid for 15 minutes, and the load should begin with new ones."""
TOLD_EVERY_S = 15.0
RENEWALS, RENEWED_AFTER_S = 3, 0.5
"""How often the renewal of a token is tried before it counts as refused, and how long after each other: a refusal is not taken from a single failure."""
_DONE = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})


class LoginFailed(Exception):
    """An account could not be logged in, so the load would not be what the plan says."""


class _Limited(LoginFailed):
    """A rate limit refused the request, and said when to try again."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def log_in(
    deployment: Deployment, run: Path, say: Callable[[str], None], per_s: float | None = None, kept: KeptLogins | None = None
) -> int:
    """Log in every account through its region's edge and write ``accounts.json`` into the run's private directory; returns how many there are.

    ``per_s`` is the highest number of requests per second that the platform's owner allows, if there is a limit. ``kept`` has the customers of an earlier
    trial: if all their tokens can be renewed, nobody logs in again. Raises :class:`LoginFailed` with the first account that was refused, :class:`OSError`.
    """
    if not deployment.accounts:
        accounts.save(private.make(run) / ACCOUNTS_FILE, [])
        return 0
    with (
        web.client(TIMEOUT_S, deployment.proxy, before_each=Pace(per_s).wait, authority=deployment.authority) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        logged_in = _still_logged_in(client, pool, deployment, kept, say) if kept is not None else []
        logged_in = logged_in or _newly_logged_in(client, pool, deployment, say)
    if kept is not None:
        if not _renews(deployment):
            kept.give_up("how long its tokens are valid is unknown, because the API profile has no operations.refresh")
        kept.keep(deployment.id, logged_in)
    accounts.save(private.make(run) / ACCOUNTS_FILE, logged_in)
    return len(logged_in)


def _newly_logged_in(client: web.Client, pool: ThreadPoolExecutor, deployment: Deployment, say: Callable[[str], None]) -> list[LoggedIn]:
    gap_s = spacing_s(deployment, len(deployment.accounts))
    expected = f", one every {gap_s:.1f} s: about {gap_s * len(deployment.accounts):.0f} s" if gap_s else ""
    say(f"logging {counted(len(deployment.accounts), 'customer')} in{expected}")
    began = told = time.monotonic()
    due = [(account, began + index * gap_s) for index, account in enumerate(deployment.accounts)]
    made: list[tuple[LoggedIn, float]] = []
    lost: list[LoginFailed] = []
    for one in pool.map(lambda item: _at(client, deployment, item[0], item[1], lost), due):
        made.append(one)
        if time.monotonic() - told > TOLD_EVERY_S:
            told = time.monotonic()
            say(f"{len(made):,} of {counted(len(due), 'customer')} logged in")
    now = time.monotonic()
    return [_renewed(client, deployment, one) if now - at > OLD_S else one for one, at in made]


def _still_logged_in(
    client: web.Client, pool: ThreadPoolExecutor, deployment: Deployment, kept: KeptLogins, say: Callable[[str], None]
) -> list[LoggedIn]:
    """The customers of an earlier trial with new tokens, which the platform as it is now has given them; nobody if one of them is refused."""
    try:
        return list(pool.map(lambda old: _insistently_renewed(client, deployment, old), kept.of(deployment.id)))
    except (*web.FAILED, LoginFailed) as error:
        kept.give_up(str(error) or type(error).__name__)
        say(f"a customer of the trial before is no longer logged in ({kept.given_up}): from now on everybody logs in before each load")
        return []


def _insistently_renewed(client: web.Client, deployment: Deployment, old: LoggedIn) -> LoggedIn:
    """The same customer with a new token. Raises :class:`LoginFailed` or one of ``web.FAILED`` when the platform gives none, however often it is asked."""
    for _ in range(RENEWALS - 1):
        with suppress(*web.FAILED, LoginFailed):
            return _renewal(client, deployment, old)
        time.sleep(RENEWED_AFTER_S)
    try:
        return _renewal(client, deployment, old)
    except LoginFailed as error:
        # A platform may quote in its refusal what it was sent.
        raise LoginFailed(str(error).replace(old.refresh_token, "…")) from None


def spacing_s(deployment: Deployment, count: int) -> float:
    """Seconds between two log-ins: 0 if each customer has its own address and limits, or if the shared limit allows all at once. Pure."""
    shared = not deployment.capabilities.forwarded_for or "forwarded_for" in deployment.missing
    limit = _conventions(deployment).limits.get("login")
    if not shared or limit is None or count <= limit[0] * SHARE_OF_A_LIMIT:
        return 0.0
    return limit[1] / max(1.0, limit[0] * SHARE_OF_A_LIMIT)


def _at(client: web.Client, deployment: Deployment, account: Account, due_s: float, lost: list[LoginFailed]) -> tuple[LoggedIn, float]:
    """Log in when it is due; also returns that time, as ``time.monotonic``."""
    time.sleep(max(0.0, due_s - time.monotonic()))
    return _patiently(client, deployment, account, lost), time.monotonic()


def _patiently(client: web.Client, deployment: Deployment, account: Account, lost: list[LoginFailed]) -> LoggedIn:
    """Log in, and repeat it for a while. ``lost`` holds an account whose log-in took too long: after one, the others do not wait as long."""
    began = time.monotonic()
    while True:
        if lost:
            raise lost[0]
        wait_s, patience_s = 0.5, PATIENCE_S
        try:
            return _once(client, deployment, account)
        except _Limited as limited:
            problem, wait_s, patience_s = str(limited), limited.wait_s, PATIENCE_WITH_A_LIMIT_S
        except (*web.FAILED, LoginFailed) as error:
            problem = str(error) or type(error).__name__
        if time.monotonic() + wait_s - began > patience_s:
            # A platform may quote in its refusal what it was sent.
            told = problem.replace(account.password, "…")
            lost.append(LoginFailed(f"{account.email} could not log in at {deployment.edge(account.region).url}: {told}"))
            continue
        time.sleep(wait_s)


def _renewed(client: web.Client, deployment: Deployment, old: LoggedIn) -> LoggedIn:
    """The same customer with a new token; with the old one if the platform gives none, and the load then renews it."""
    if not _renews(deployment):
        return old
    try:
        return _renewal(client, deployment, old)
    except (*web.FAILED, LoginFailed):
        return old


def _renewal(client: web.Client, deployment: Deployment, old: LoggedIn) -> LoggedIn:
    """The same customer with a new token. Raises :class:`LoginFailed` or one of ``web.FAILED``."""
    spoken, franchise = _conventions(deployment), deployment.topology.shards[0].first
    caller = dialect.Caller(old.email, old.password, old.token, old.csrf, franchise, dialect.new_address(_lots()), old.client, spoken.api)
    body = _json(client, deployment.edge(old.region).url, spoken, dialect.refresh(caller, old.refresh_token), answers.a_token)
    return replace(old, token=str(body["access_token"]), refresh_token=str(body.get("refresh_token") or old.refresh_token))


def _renews(deployment: Deployment) -> bool:
    """Whether the platform gives new tokens for old ones."""
    return "refresh" in _conventions(deployment).api.offers


def _lots() -> random.Random:
    return random.Random(secrets.randbits(64))  # noqa: S311 -- not for cryptography


def _once(client: web.Client, deployment: Deployment, account: Account) -> LoggedIn:
    edge, spoken = deployment.edge(account.region).url, _conventions(deployment)
    franchise = _franchise_near(deployment, account)
    # An address of its own for each attempt, or the platform's limit per address would stop us after 50.
    address = dialect.new_address(_lots())
    caller = dialect.Caller(account.email, account.password, "", secrets.token_hex(8), franchise, address, api=spoken.api)
    renews = "refresh" in spoken.api.offers
    body = _json(client, edge, spoken, dialect.log_in(caller), _renewable if renews else answers.a_token)
    token, refresh = str(body["access_token"]), str(body.get("refresh_token") or "")
    csrf = str(body.get("csrf_token") or caller.csrf)
    if "profile" in spoken.api.offers:
        body = _json(client, edge, spoken, dialect.me(caller.admitted(token, csrf)), answers.having("client_id"))
    if body.get("client_id") is None:
        raise LoginFailed("the answer to the log-in names no customer where operations.login.answer.client_id of the API profile says")
    return LoggedIn(account.email, account.password, account.region, token, refresh, csrf, str(body["client_id"]))


def _renewable(body: answers.Body) -> bool:
    return answers.a_token(body) and answers.having("refresh_token")(body)


def _conventions(deployment: Deployment) -> Conventions:
    return conventions.of(deployment.capabilities, deployment.topology, api=speaking(deployment.api))


def _franchise_near(deployment: Deployment, account: Account) -> int:
    """A franchise in the account's home region; if there is none, one of another region."""
    at_home = [shard.first for shard in deployment.topology.shards if shard.home == account.region]
    return at_home[0] if at_home else deployment.topology.shards[0].first


def _json(client: web.Client, edge: str, spoken: Conventions, request: Request, check: answers.Check) -> dict[str, object]:
    # A client that keeps cookies would send one customer's to the next.
    client.cookies.clear()
    request = spoken.apply(request)
    response = client.request(request.method, edge + request.path, headers=dict(request.headers), content=request.body)
    raw, status = answers.parse(response.content), response.status_code
    if spoken.api.is_throttled(status, raw):
        told = response.headers.get("retry-after", "")
        raise _Limited(f"{request.method} {request.path} answered {status}", web.retry_after_s(told, 5.0))
    # 202 asks for a second factor: that is no log-in.
    body = spoken.api.told(request.kind, raw) if status in _DONE else None
    if not check(body) or not isinstance(body, dict):
        raise LoginFailed(f"{request.method} {request.path} answered {status} {answers.message(raw, spoken.api)}".strip())
    return body
