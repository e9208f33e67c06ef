"""Reports over all shards are right: added up, and compared with the databases."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from closeshave.clients import patroni, postgres
from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, busy, figure, settled, status
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import CannotAsk, ProbeCustomer, ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

NETWORKS = "franchise networks"
"""The name of the list in an API profile (``examined.reads``)."""
CLAIMS = ("E31",)
DRAWN = (0.0, 0.5, 1.0)
"""Which networks are looked at, by their place in the list: the first, one in the middle, the last."""
TOTALS = """
    SELECT (SELECT count(*) FROM franchises WHERE network_id = %(n)s),
           (SELECT count(*) FROM barbers b JOIN franchises f ON f.id = b.franchise_id WHERE f.network_id = %(n)s AND b.active),
           (SELECT count(*) FROM bookings k JOIN franchises f ON f.id = k.franchise_id WHERE f.network_id = %(n)s AND k.status = 'scheduled')
"""
"""Of one shard of the stand-in's tables: franchises, barbers, bookings."""
SETTLE_S, AGAIN_S = 5.0, 0.25
"""A report may read replicas, which are a little behind: it is asked again for so long."""
KINDS = ("total_locations", "total_barbers", "scheduled_appointments")


def _path(scene: ProbeScene) -> str:
    path = scene.api.profile.examined.reads.get(NETWORKS)
    if path is None:
        raise CannotAsk(f"the API profile names no list of {NETWORKS} (examined.reads)")
    return path


def _sizes(scene: ProbeScene, who: ProbeCustomer, region: str) -> tuple[Any, dict[int, int]]:
    """The answer, and network → franchises."""
    answer = scene.send(region, scene.reading(_path(scene), who, scene.basis.topology.shards[0].first))
    rows = answer.json if isinstance(answer.json, list) else []
    told = {row.get("id"): row.get("total_locations") for row in rows if isinstance(row, dict)}
    return answer, {name: size for name, size in told.items() if isinstance(name, int) and isinstance(size, int)}


def _ask_sizes(scene: ProbeScene) -> None:
    who = people.customer(scene)
    for region in scene.regions:
        answer, sizes = _sizes(scene, who, region)
        unread = len(answer.json) - len(sizes) if isinstance(answer.json, list) else None
        scene.saw(region, f"GET {_path(scene)}", answer, networks=len(sizes), franchises=sum(sizes.values()), unread=unread)


def _judge_sizes(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if unclear := busy(one):
            return unclear
        if status(one) != 200:
            return Unclear(f"the list answers {status(one)}")
        # Rounds of older versions do not tell what they could not read.
        unread = one.saw.get("unread", 0)
        if unread is None:
            return Unclear("it is no list")
        if unread:
            return Unclear(f"{unread} of its networks have no ID and no number of franchises of their own")
        total = figure(one, "franchises")
        return (
            "" if total == basis.topology.franchises else f"its networks add up to {total:,.0f} franchises of {basis.topology.franchises:,}"
        )

    return settled(seen, basis.edges, wrong, f"the networks add up to all {basis.topology.franchises:,} franchises, in every region")


def _drawn(scene: ProbeScene, who: ProbeCustomer) -> list[tuple[int, int]]:
    _, sizes = _sizes(scene, who, scene.regions[0])
    if not sizes:
        raise CannotAsk("no network is listed")
    names = sorted(sizes)
    return [(names[round(at * (len(names) - 1))], sizes[names[round(at * (len(names) - 1))]]) for at in DRAWN]


def _subjects(basis: ProbeBasis) -> list[str]:
    return [f"network {number + 1} of {len(DRAWN)} at {region}" for number in range(len(DRAWN)) for region in basis.edges]


def _ask_dashboards(scene: ProbeScene) -> None:
    who = people.customer(scene)
    for number, (network, size) in enumerate(_drawn(scene, who)):
        for region in scene.regions:
            answer = scene.send(region, scene.reading(f"{_path(scene)}/{network}/dashboard", who, scene.basis.topology.shards[0].first))
            told = answer.json if isinstance(answer.json, dict) else {}
            parts = told.get("regions")
            found = {row.get("region"): row.get("locations") for row in parts if isinstance(row, dict)} if isinstance(parts, list) else {}
            saw: dict[str, Any] = {"network": network, "listed": size, "total": told.get("total_locations"), "regions": found}
            scene.saw(f"network {number + 1} of {len(DRAWN)} at {region}", f"the dashboard of network {network}", answer, **saw)


def _judge_dashboards(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    homes = {shard.home for shard in basis.topology.shards}

    def wrong(one: Observation) -> str:
        if unclear := busy(one):
            return unclear
        if status(one) != 200:
            return Unclear(f"the dashboard answers {status(one)}")
        total, listed, parts = figure(one, "total"), figure(one, "listed"), one.saw.get("regions")
        if total is None or listed is None or not isinstance(parts, dict) or not all(isinstance(count, int) for count in parts.values()):
            return Unclear("its total or its regions are not told")
        if total != listed:
            return f"states {total} franchises; the list of networks says {listed}"
        if set(parts) != homes:
            return f"has franchises of {', '.join(sorted(map(str, parts)))}; shards are in {', '.join(sorted(homes))}"
        return "" if sum(parts.values()) == total else f"its regions add up to {sum(parts.values())} of {total:.0f} franchises"

    return settled(seen, _subjects(basis), wrong, "totals, lists and regions of three networks agree, in every region")


def _stored(scene: ProbeScene, network: int) -> list[int]:
    """The totals of a network, from the primary of every shard. Raises :class:`CannotAsk`."""
    totals = [0, 0, 0]
    for shard in scene.basis.topology.shards:
        try:
            leader = patroni.leader(scene.deployment, shard.id)
            with postgres.session(scene.deployment, leader) as connection:
                row = connection.execute(TOTALS.encode(), {"n": network}).fetchone()
        except (postgres.Unavailable, patroni.NoLeader) as error:
            raise CannotAsk(f"shard {shard.id} cannot be counted: {error}") from None
        totals = [before + int(more) for before, more in zip(totals, row or (), strict=True)]
    return totals


def _differs(reported: list[Any], before: list[Any], after: list[Any]) -> str:
    """Which total is not what the databases had before or after it; empty if all are. What was booked in between may be in it or not."""
    for kind, told, least, most in zip(KINDS, reported, before, after, strict=True):
        if not isinstance(told, int) or not min(least, most) <= told <= max(least, most):
            return f"{kind} is {told}; the databases have {least}"
    return ""


def _ask_databases(scene: ProbeScene) -> None:
    if not scene.basis.stand_in_tables:
        raise CannotAsk("only the tables of the stand-in are known, by which totals are counted")
    who = people.customer(scene)
    for number, (network, _) in enumerate(_drawn(scene, who)):
        for region in scene.regions:
            request = scene.reading(f"{_path(scene)}/{network}/dashboard", who, scene.basis.topology.shards[0].first)
            until = time.monotonic() + SETTLE_S
            while True:
                before, answer = _stored(scene, network), scene.send(region, request)
                told = answer.json if isinstance(answer.json, dict) else {}
                saw: dict[str, Any] = {"reported": [told.get(kind) for kind in KINDS], "before": before, "after": _stored(scene, network)}
                if not _differs(saw["reported"], saw["before"], saw["after"]) or time.monotonic() > until:
                    break
                time.sleep(AGAIN_S)
            scene.saw(
                f"network {number + 1} of {len(DRAWN)} at {region}", f"network {network}: dashboard, and the databases", answer, **saw
            )


def _judge_databases(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if unclear := busy(one):
            return unclear
        reported, before, after = (one.saw.get(name) for name in ("reported", "before", "after"))
        if not (isinstance(reported, list) and isinstance(before, list) and isinstance(after, list)):
            return Unclear("the totals are not told")
        if lacking := [kind for kind, told in zip(KINDS, reported, strict=True) if not isinstance(told, int)]:
            return Unclear(f"{lacking[0]} is not told")
        return _differs(reported, before, after)

    return settled(seen, _subjects(basis), wrong, "franchises, barbers and bookings of three networks are as in the databases")


FAMILY = ProbeFamily(
    "reports",
    "Reports over all shards are right.",
    (
        PromiseProbe(
            "reports.networks-complete",
            CLAIMS,
            "The list of networks adds up to every franchise of every shard, asked in every region.",
            _ask_sizes,
            _judge_sizes,
            reach=ProbeReach.BOOKS,
            needs=("franchises", "login"),
        ),
        PromiseProbe(
            "reports.totals-agree",
            CLAIMS,
            "Dashboards of three networks, asked in every region: their totals are those of the list, and their regions add up to them.",
            _ask_dashboards,
            _judge_dashboards,
            reach=ProbeReach.BOOKS,
            needs=("franchises", "login"),
        ),
        PromiseProbe(
            "reports.as-in-databases",
            CLAIMS,
            "Dashboards of three networks state what the primaries of all shards have, counted before and after.",
            _ask_databases,
            _judge_databases,
            reach=ProbeReach.BOOKS,
            inside=True,
            needs=("franchises", "login"),
        ),
    ),
)
