"""Entries of the stores live as long as promised: read from the stores themselves."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from typing import Any

from closeshave.clients import leads, sentinel, valkey, valkey_cluster
from closeshave.files import foreign
from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, figure, settled, unknown
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import CannotAsk, ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

YOUNG_S = 15.0
"""An entry was written so recently at most: its remaining life may be shorter by this."""


def _longest(scene: ProbeScene, tier: str, pattern: str) -> tuple[str, float] | None:
    """The key that matches and lives longest, in the stores that lead the groups of a tier; ``None`` if there is none. Raises :class:`CannotAsk`."""
    found: list[tuple[str, float]] = []
    for group in sentinel.groups_of(scene.deployment, tier):
        try:
            for store in leads.primaries(scene.deployment, group):
                lives = ((key, valkey.lives_s(store, key)) for key in valkey.matching(store, pattern))
                found += [(key, lives_s) for key, lives_s in lives if lives_s is not None]
        except (sentinel.Unavailable, sentinel.NoPrimary) as error:
            raise CannotAsk(f"group {group} cannot be read: {error}") from None
    return max(found, key=lambda one: one[1], default=None)


def _saw(scene: ProbeScene, subject: str, tier: str, pattern: str) -> None:
    asked = f"time to live of {pattern} in the tier {tier}"
    found = _longest(scene, tier, pattern)
    if found is None:
        scene.see(subject, asked, {"key": None})
    else:
        key, lives_s = found
        # JSON has no infinity.
        scene.see(subject, asked, {"key": key, "ttl_s": None if lives_s == math.inf else lives_s, "expires": lives_s != math.inf})


def _judge(of: str, subjects: Callable[[ProbeBasis], Sequence[str]]) -> Callable[[Sequence[Observation], ProbeBasis], ProbeFinding]:
    def judge(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
        said = basis.promised("ttl", of)
        if said is None or said.ttl is None:
            return unknown(f"the target does not state how long entries of {of} live (says: {{ttl: 1h, of: {of}}})", seen)
        promised_s = said.ttl

        def wrong(one: Observation) -> str:
            if one.saw.get("key") is None:
                return Unclear("no entry was found in the store")
            if one.saw.get("expires") is not True:
                return f"{one.saw.get('key')} never expires; promised {promised_s:g} s"
            left_s = figure(one, "ttl_s")
            if left_s is None:
                return Unclear("its time to live is no number")
            if not promised_s - YOUNG_S <= left_s <= promised_s:
                return f"{one.saw.get('key')} lives {left_s:.1f} s; promised {promised_s:g} s"
            return ""

        return settled(seen, subjects(basis), wrong, f"entries of {of} live {promised_s:g} s")

    return judge


def _shards(basis: ProbeBasis) -> list[str]:
    return [f"page of shard {shard.id}" for shard in basis.topology.shards]


def _ask_pages(scene: ProbeScene) -> None:
    for number, shard in enumerate(scene.basis.topology.shards):
        # Another one each time, so that its entry is new.
        where = people.franchise(shard, 1_000 + number)
        key = f"{scene.basis.page_prefix}{where}"
        for group in sentinel.groups_of(scene.deployment, "cache"):
            _forget(scene, group, key)
        scene.call("franchise", scene.nobody(shard.home), where)
        _saw(scene, f"page of shard {shard.id}", "cache", key)


def _forget(scene: ProbeScene, group: str, key: str) -> None:
    """An entry that was there before says nothing of the time that a new one gets."""
    try:
        if valkey_cluster.clustered(scene.deployment, group):
            valkey_cluster.forget(sentinel.stores_of(scene.deployment, group), key)
            return
        with sentinel.session(sentinel.primary(scene.deployment, group).port) as store:
            store.delete(key)
    except (sentinel.Unavailable, sentinel.NoPrimary) as error:
        raise CannotAsk(f"group {group} cannot be reached: {error}") from None


def _ask_sessions(scene: ProbeScene) -> None:
    account = people.account_of(scene)
    scene.logged_in.pop(account.email, None)
    token = people.log_in(scene, account).token
    words = [word for word in _claims(token).values() if isinstance(word, str) and len(word) >= 16]
    for word in words:
        if _longest(scene, "sessions", f"*{word}*") is not None:
            _saw(scene, "a new session", "sessions", f"*{word}*")
            return
    scene.see("a new session", "an entry of the tier sessions with a word of the token", {"key": None})


def _claims(token: str) -> dict[str, Any]:
    """What a token says of itself; empty for one that cannot be read (RFC 7519)."""
    part = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        told = foreign.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _ask_counters(scene: ProbeScene) -> None:
    shard = scene.basis.topology.shards[0]
    somebody = scene.nobody(shard.home)
    # A look at free times is limited by the minute, so that its counter is one of the minute.
    free = next(people.free_times_as(scene, somebody, people.franchise(shard, 1)), None)
    if free is None:
        raise CannotAsk("no free times are listed")
    _saw(scene, "a new counter", "ratelimit", f"*{somebody.address}*")


FAMILY = ProbeFamily(
    "ttl",
    "Entries live as long as promised, read from the stores.",
    (
        PromiseProbe(
            "ttl.franchise-pages",
            ("E14",),
            "A franchise of every shard is read for the first time: its entry lives as long as the target says of franchises.",
            _ask_pages,
            _judge("franchises", _shards),
            reach=ProbeReach.BOOKS,
            inside=True,
            needs=("franchises", "franchise"),
        ),
        PromiseProbe(
            "ttl.sessions",
            ("E14",),
            "Somebody logs in: the session's entry lives as long as the target says of sessions.",
            _ask_sessions,
            _judge("sessions", lambda _basis: ["a new session"]),
            reach=ProbeReach.BOOKS,
            inside=True,
            needs=("login",),
        ),
        PromiseProbe(
            "ttl.rate-limits",
            ("E14",),
            "Somebody looks for free times: the counter of that address lives as long as the target says of rate limits.",
            _ask_counters,
            _judge("rate limits", lambda _basis: ["a new counter"]),
            inside=True,
            needs=("slots", "forwarded_for"),
        ),
    ),
)
