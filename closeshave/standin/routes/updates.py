"""Live updates of one's bookings, by WebSocket: ``{"booking": …, "version": …, "status": …}``, and every two seconds ``{"beat": true}``."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from closeshave.standin.live.hub import Follower
from closeshave.standin.platform import Platform
from closeshave.standin.tokens import Claims, InvalidToken

PATH = "/api/v2/updates"
BEAT_S = 2.0
NOT_ALLOWED, TRY_AGAIN = 1008, 1013
"""Codes of RFC 6455 and the IANA registry: a policy was violated; try again later."""

router = APIRouter()


@router.websocket(PATH)
async def updates(socket: WebSocket) -> None:
    """Tell a customer of all their bookings, and then of each change, until one side goes away."""
    platform: Platform = socket.app.state.platform
    claims = await _bearer(platform, socket.headers.get("authorization", ""))
    if claims is None or platform.live is None:
        await socket.close(NOT_ALLOWED)
        return
    await socket.accept()
    with platform.live.hub.following(claims.user) as follower:
        await socket.send_json({"beat": True})
        tasks = [asyncio.create_task(_tell(socket, follower)), asyncio.create_task(platform.live.welcome(claims.user))]
        try:
            # A customer says nothing; this ends when they go.
            with suppress(WebSocketDisconnect, RuntimeError):
                while True:
                    await socket.receive_text()
        finally:
            for task in tasks:
                task.cancel()


async def _tell(socket: WebSocket, follower: Follower) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while not follower.lost:
            try:
                async with asyncio.timeout(BEAT_S):
                    update = await follower.waiting.get()
            except TimeoutError:
                await socket.send_json({"beat": True})
            else:
                await socket.send_json({"booking": update.booking, "version": update.version, "status": update.status})
        await socket.close(TRY_AGAIN)


async def _bearer(platform: Platform, header: str) -> Claims | None:
    """Who connects; ``None`` for nobody who may."""
    scheme, _, token = header.partition(" ")
    now_s = time.time()
    try:
        claims = platform.tokens.check(token, "access", now_s) if scheme.lower() == "bearer" else None
    except InvalidToken:
        return None
    alive = claims is not None and await platform.sessions.alive(claims.region, claims.session, now_s)
    return claims if alive else None
