"""Accounts, log-in and tokens."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from closeshave.standin import passwords, ratelimit
from closeshave.standin.accounts import Person
from closeshave.standin.answers import naive_utc
from closeshave.standin.database import Row
from closeshave.standin.errors import Json, Refused
from closeshave.standin.identity import bearer
from closeshave.standin.ratelimit import Limit
from closeshave.standin.serving import here
from closeshave.standin.text import Text
from closeshave.standin.tokens import REFRESH_S, Claims, InvalidToken

router = APIRouter(prefix="/api/v2/auth")

_NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$j8wYle6kuSZkbaq6whl8xg$il4NRsl3fbLunParTiSUWfCvJUwLk/md7p/i+VfGsew"
"""This hash is checked if the account does not exist, so that the answer takes as long as for an existing one."""


class Registration(BaseModel):
    """A new customer."""

    first_name: Text
    last_name: Text
    email: Annotated[str, Field(pattern="^[^@\\s\x00]+@[^@\\s\x00]+$", max_length=200)]
    password: Annotated[str, Field(min_length=8, max_length=200)]
    phone: Text | None = None
    marketing_consent: bool = False


class Credentials(BaseModel):
    """Email and password."""

    email: Text
    password: Text


class RefreshRequest(BaseModel):
    """A refresh token, for a new access token."""

    refresh_token: str


@router.post("/register-client")
async def register_client(body: Registration) -> Json:
    """Create an account, with the home region of the request's franchise, or else this region; it is logged in at once."""
    await _count(ratelimit.REGISTER)
    stored = await passwords.hash_aside(body.password)
    person = Person(body.email, stored, body.first_name, body.last_name, body.phone)
    account = await here().platform.accounts.add(person, _likely_region())
    tokens = await _open_session(account)
    return Json({"message": "Registration successful", "user": _user(account), **tokens, "token_type": "bearer"})


@router.post("/login")
async def login(body: Credentials) -> Json:
    """Log in: tokens, and three cookies with the same values."""
    await _count(ratelimit.LOGIN)
    lockout = here().platform.lockout
    await lockout.check(body.email)
    account = await here().platform.accounts.by_email(body.email, _likely_region())
    good = await passwords.matches_aside(account["password_hash"] if account else _NOBODYS_HASH, body.password)
    if account is None or not good:
        await lockout.failed(body.email)
        raise Refused(401, "Incorrect email or password", {"WWW-Authenticate": "Bearer"})
    await lockout.succeeded(body.email)
    tokens = await _open_session(account)
    csrf = secrets.token_urlsafe(24)
    answer = Json({**tokens, "token_type": "bearer", "csrf_token": csrf})
    for name, value in (*tokens.items(), ("csrf_token", csrf)):
        answer.set_cookie(name, value, max_age=REFRESH_S, httponly=name != "csrf_token", samesite="lax")
    return answer


@router.post("/refresh")
async def refresh(body: RefreshRequest) -> Json:
    """New tokens for the same session."""
    platform, now_s = here().platform, time.time()
    try:
        claims = platform.tokens.check(body.refresh_token, "refresh", now_s)
    except InvalidToken:
        raise Refused(401, "Invalid refresh token", {"WWW-Authenticate": "Bearer"}) from None
    # The refresh token outlives the session's entry in the tier; using it opens the session again.
    session = await platform.sessions.open(claims.region, claims.user, now_s, claims.session)
    return Json({**_tokens(replace(claims, session=session), now_s), "token_type": "bearer"})


@router.post("/logout")
async def logout() -> Json:
    """End the session."""
    claims = await bearer()
    await here().platform.sessions.end(claims.region, claims.session)
    return Json({"message": "Logged out"})


@router.get("/me")
async def me() -> Json:
    """The account of the caller."""
    claims = await bearer()
    return Json(_user(await here().platform.accounts.by_id(claims.user)))


async def _open_session(account: Row) -> dict[str, str]:
    now_s = time.time()
    session = await here().platform.sessions.open(account["region"], account["id"], now_s)
    return _tokens(Claims(account["id"], account["email"], account["role"], account["region"], session), now_s)


def _tokens(claims: Claims, now_s: float) -> dict[str, str]:
    tokens = here().platform.tokens
    return {"access_token": tokens.access(claims, now_s), "refresh_token": tokens.refresh(claims, now_s)}


def _likely_region() -> str:
    visit = here()
    return visit.shard.home if visit.shard else visit.platform.settings.region


def _user(account: Row) -> dict[str, Any]:
    return {
        "id": account["id"],
        "email": account["email"],
        "first_name": account["first_name"],
        "last_name": account["last_name"],
        "name": f"{account['first_name']} {account['last_name']}",
        "phone": account["phone"],
        "role": account["role"],
        "region": account["region"],
        "created_at": naive_utc(account["created_at"]),
    }


async def _count(limit: Limit) -> None:
    visit = here()
    await visit.platform.limits.count(limit, visit.address, time.time())
