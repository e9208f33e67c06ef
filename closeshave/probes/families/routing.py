"""Franchise IDs lead to the shard that owns their range."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from closeshave.clients import postgres
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, busy, settled, status, unknown
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding
from closeshave.topology import Shard

SHARD = "x-shard"
CLAIMS = ("E04",)
NEEDS = ("franchises", "franchise")


def _subject(franchise: int | str, region: str) -> str:
    return f"franchise {franchise} at {region}"


def _ask_at_all(scene: ProbeScene, franchises: Sequence[int | str]) -> None:
    for region in scene.regions:
        for franchise in franchises:
            request = scene.request("franchise", scene.nobody(region), franchise)
            scene.saw(_subject(franchise, region), f"GET {request.path} for franchise {franchise}", scene.send(region, request))


def _end_of_ranges(name: str, says: str, end: Callable[[Shard], int]) -> PromiseProbe:
    """A probe of one end of every range."""

    def ask(scene: ProbeScene) -> None:
        _ask_at_all(scene, [end(shard) for shard in scene.basis.topology.shards])

    def judge(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
        owners = {_subject(end(shard), region): shard.id for shard in basis.topology.shards for region in basis.edges}

        def wrong(one: Observation) -> str:
            if unclear := busy(one):
                return unclear
            owner, told = owners.get(one.subject), one.saw.get(SHARD)
            if status(one) != 200:
                return f"answers {status(one)}; shard {owner} owns it"
            if told is None:
                return Unclear("its answer does not tell which shard it is of (X-Shard)")
            return "" if str(told) == str(owner) else f"answered by shard {told}; shard {owner} owns it"

        return settled(seen, owners, wrong, f"all {len(owners)} answers came from the shard that owns the range")

    return PromiseProbe(name, CLAIMS, says, ask, judge, needs=NEEDS)


def _outside(basis: ProbeBasis) -> tuple[int | str, ...]:
    return (0, basis.topology.shards[-1].last + 1, "abc")


def _ask_outside(scene: ProbeScene) -> None:
    _ask_at_all(scene, _outside(scene.basis))


def _judge_outside(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        return busy(one) or ("" if 400 <= status(one) < 500 else f"answers {status(one)}; there is no such franchise")

    subjects = [_subject(franchise, region) for region in basis.edges for franchise in _outside(basis)]
    return settled(seen, subjects, wrong, "every ID outside of all ranges is refused")


def _range(shard: int, member: str) -> str:
    return f"range of shard {shard} in {member}"


def _ask_rows(scene: ProbeScene) -> None:
    for member in scene.deployment.members:
        for shard in scene.basis.topology.shards:
            try:
                with postgres.session(scene.deployment, member) as connection:
                    row = connection.execute(scene.rows.encode(), (shard.first, shard.last)).fetchone()
            except postgres.Unavailable as error:
                scene.see(_range(shard.id, member.process), scene.rows, {}, postgres.first_line(error))
            else:
                scene.see(_range(shard.id, member.process), scene.rows, {"rows": row[0] if row else None})


def _judge_rows(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    if not basis.rows_counted:
        return unknown("the environment file has no query that counts the franchises of a range (read_back.resident_rows)", seen)
    wanted = {
        _range(shard.id, member): shard.last - shard.first + 1 if own == shard.id else 0
        for member, (own, _) in basis.members.items()
        for shard in basis.topology.shards
    }

    def wrong(one: Observation) -> str:
        rows = one.saw.get("rows")
        if not isinstance(rows, int):
            return Unclear("the count is no number")
        right = wanted.get(one.subject, rows)
        return "" if rows == right else f"has {rows:,} franchises, and {right:,} belong there"

    return settled(seen, wanted, wrong, f"all {len(basis.members)} database members hold every franchise of their own range and no other")


FAMILY = ProbeFamily(
    "routing",
    "Every franchise ID leads to the shard that owns its range, from every region.",
    (
        _end_of_ranges(
            "routing.first-of-each-range", "The first ID of every range, in every region: its own shard answers.", lambda shard: shard.first
        ),
        _end_of_ranges(
            "routing.last-of-each-range", "The last ID of every range, in every region: its own shard answers.", lambda shard: shard.last
        ),
        PromiseProbe(
            "routing.outside-refused",
            CLAIMS,
            "0, the ID after the last one, and text that is no number, in every region: each is refused with a 4xx.",
            _ask_outside,
            _judge_outside,
            needs=NEEDS,
        ),
        PromiseProbe(
            "routing.rows-in-own-shard",
            CLAIMS,
            "Every database member, primary or standby, counts the franchises of every range: all of its own range, none of another.",
            _ask_rows,
            _judge_rows,
            inside=True,
            needs=("franchises",),
        ),
    ),
)
