"""Rows, cache entries and sessions of resident regions are stored nowhere else."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from closeshave.clients import postgres, sentinel, valkey
from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, settled, unknown
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

CLAIMS = ("E24",)


def _resident(basis: ProbeBasis) -> ProbeFinding | None:
    """Why nothing can be said; ``None`` if something is promised."""
    return None if basis.topology.resident else unknown("no region is declared as resident (resident)")


def _ask_rows(scene: ProbeScene) -> None:
    bound = [shard for shard in scene.basis.topology.shards if shard.home in scene.basis.topology.resident]
    for member in scene.deployment.members:
        for shard in bound:
            subject = f"rows of {shard.home} in {member.process}"
            try:
                with postgres.session(scene.deployment, member) as connection:
                    row = connection.execute(scene.rows.encode(), (shard.first, shard.last)).fetchone()
            except postgres.Unavailable as error:
                scene.see(subject, scene.rows, {}, postgres.first_line(error))
            else:
                scene.see(subject, scene.rows, {"rows": row[0] if row else None, "region": member.region, "home": shard.home})


def _judge_rows(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    if (nothing := _resident(basis)) is not None:
        return nothing
    if not basis.rows_counted:
        return unknown("the environment file has no query that counts the franchises of a range (read_back.resident_rows)", seen)
    homes = {
        f"rows of {shard.home} in {member}": (region, shard.home)
        for member, (_, region) in basis.members.items()
        for shard in basis.topology.shards
        if shard.home in basis.topology.resident
    }

    def wrong(one: Observation) -> str:
        rows, (region, home) = one.saw.get("rows"), homes.get(one.subject, ("", ""))
        if not isinstance(rows, int):
            return Unclear("the count is no number")
        return f"{rows:,} rows of {home} are stored in {region}" if rows and region != home else ""

    kept = [one for one in seen if one.saw.get("rows") and one.saw.get("region") == one.saw.get("home")]
    if seen and not kept:
        return unknown("no row of a resident region was found in the region itself", seen)
    return settled(seen, homes, wrong, f"no database outside {', '.join(basis.topology.resident)} has a row of it")


def _ask_entries(scene: ProbeScene) -> None:
    """Pages of resident franchises are read in every region; then every store is asked whether it has one of them."""
    for shard in scene.basis.topology.shards:
        if shard.home not in scene.basis.topology.resident:
            continue
        read = [people.franchise(shard, 60 + number) for number in range(len(scene.regions))]
        for region, where in zip(scene.regions, read, strict=True):
            scene.call("franchise", scene.nobody(region), where)
        _look_for(scene, shard.home, [f"{scene.basis.page_prefix}{where}" for where in read], "cache")


def _ask_sessions(scene: ProbeScene) -> None:
    for home in scene.basis.topology.resident:
        who = people.customer(scene, home)
        scene.logged_in.pop(who.email, None)
        part = people.customer(scene, home).token.split(".")[1]
        told = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode(errors="replace")
        words = {word for word in told.replace('"', " ").replace(",", " ").replace(":", " ").split() if len(word) >= 16 and word.isalnum()}
        _look_for(scene, home, [f"*{word}*" for word in words], "sessions")


def _look_for(scene: ProbeScene, home: str, patterns: list[str], tier: str) -> None:
    for store in scene.deployment.stores:
        if store.tier != tier:
            continue
        subject = f"{tier} of {home} in {store.process}"
        try:
            keys = [key for pattern in patterns for key in valkey.matching(store, pattern)]
        except sentinel.Unavailable as error:
            scene.see(subject, "keys of the store", {}, f"{type(error).__name__} {error}")
        else:
            scene.see(subject, f"{len(patterns)} keys, in {store.process}", {"keys": keys, "region": store.region})


def _judge_stores(tier: str, seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    if (nothing := _resident(basis)) is not None:
        return nothing
    homes = {
        f"{tier} of {home} in {store}": (region, home)
        for store, (own, _, region) in basis.stores.items()
        for home in basis.topology.resident
        if own == tier
    }

    def wrong(one: Observation) -> str:
        keys, (region, home) = one.saw.get("keys"), homes.get(one.subject, ("", ""))
        if not isinstance(keys, list):
            return Unclear("its keys are not told")
        return f"{keys[0]} of {home} is stored in {region}" if keys and region != home else ""

    found = settled(seen, homes, wrong, f"no store outside {', '.join(basis.topology.resident)} has an entry of it")
    # Without an entry at home nothing was put to the test.
    for home in basis.topology.resident:
        if found.outcome == "holds" and not any(one.saw.get("keys") for one in seen if f" of {home} in " in one.subject):
            return unknown(f"no entry of {home} was found, not even at home", seen)
    return found


FAMILY = ProbeFamily(
    "residency",
    "Rows, cache entries and sessions of resident regions are stored nowhere else. (During a failover it is a fault's matter.)",
    (
        PromiseProbe(
            "residency.rows-at-home",
            CLAIMS,
            "Every database member in every region counts the rows of resident franchises: those outside have none.",
            _ask_rows,
            _judge_rows,
            inside=True,
            needs=("franchises",),
        ),
        PromiseProbe(
            "residency.entries-at-home",
            CLAIMS,
            "Pages of resident franchises are read in every region; then no cache outside has one of them, and the one at home has.",
            _ask_entries,
            lambda seen, basis: _judge_stores("cache", seen, basis),
            inside=True,
            needs=("franchises", "franchise"),
        ),
        PromiseProbe(
            "residency.sessions-at-home",
            CLAIMS,
            "A customer of a resident region logs in: no store outside has the session, and the one at home has.",
            _ask_sessions,
            lambda seen, basis: _judge_stores("sessions", seen, basis),
            reach=ProbeReach.BOOKS,
            inside=True,
            needs=("login",),
        ),
    ),
)
