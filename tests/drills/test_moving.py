"""A range that moves to another shard: which can, what the shards then hold by their constraints, what validate refuses. No server is involved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from closeshave.drills import moving
from closeshave.drills.catalogue import KINDS, check, lacking, misfit
from closeshave.environments import drivers
from closeshave.environments.definition import read_containers, read_embedded
from closeshave.environments.stack import Embedded
from closeshave.files.shipped import locate
from closeshave.plan import Drill
from closeshave.topology import Move, Routing, Shard, Topology

SPARE = Shard(5, 1, 0, "us-east-1", "us-west-2")
ONE = Shard(1, 1, 25_000, "us-east-1", "us-west-2")
FOUR = Topology(("us-east-1", "us-west-2"), (ONE, Shard(2, 25_001, 50_000, "us-west-2", "us-east-1")), (), (SPARE,))
MOVE, NEXT = Move(1, 1000, 1, 5), Move(2001, 2500, 1, 5)
FRANCHISES = moving.TABLES[0]


@pytest.fixture(scope="module")
def embedded() -> Embedded:
    """The environment that ships."""
    return read_embedded(locate("environments", "embedded"))


def drill(shard: int = 1, parameters: Mapping[str, float] = MappingProxyType({})) -> Drill:
    """A move from a shard."""
    return Drill("move", "shard.migrate-range", "broken", 10, 30, {"shard": shard}, dict(parameters))


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, ""),
        ({"first": 24_001, "franchises": 1000}, ""),
        ({"first": 24_002, "franchises": 1000}, "franchises 24,002 to 25,001 are not all on shard 1, which holds 1 to 25,000"),
        ({"first": 30_000, "franchises": 10}, "franchises 30,000 to 30,009 are not all on shard 1"),
        ({"franchises": 25_001}, "franchises 1 to 25,001 are not all on shard 1"),
    ],
)
def test_a_range_must_be_of_the_shard(parameters: dict[str, float], reason: str) -> None:
    """From the shard's own first franchise, unless another one is named."""
    found = misfit(drill(parameters=parameters), FOUR)
    assert [each.startswith(f"drill move: {reason}") for each in found] == ([True] if reason else [])


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"franchises": 0}, "franchises"),
        ({"first": -1}, "first"),
        ({"fence": 0}, "fence"),
        ({"fence": 100}, "fence"),
        ({"last": 5}, "last"),
    ],
)
def test_parameters_have_a_range(parameters: dict[str, float], named: str) -> None:
    """And no other names."""
    (found,) = check(drill(parameters=parameters), "embedded")
    assert named in found


def test_it_does_not_work_in_containers() -> None:
    """The environment has no spare shard there."""
    (found,) = check(drill(), "containers")
    assert "shard.migrate-range does not work on containers environments" in found


@pytest.mark.parametrize(
    ("shard", "spare", "routed", "lacks"),
    [
        (1, True, True, ""),
        (2, True, True, "needs a spare shard with the same home as the shard"),
        (1, False, True, "needs a spare shard"),
        (1, True, False, "needs an application that reads where franchises were moved to"),
    ],
)
def test_it_needs_a_spare_shard_at_home_there_and_an_application_that_reads_the_routing(
    embedded: Embedded, shard: int, spare: bool, routed: bool, lacks: str
) -> None:
    """Opening hours, and rows that may not leave their region, belong to the home."""
    variables = {name: value for name, value in embedded.application.variables.items() if routed or name != "ROUTING_FILE"}
    application = replace(embedded.application, variables=variables)
    definition = replace(embedded, spare=embedded.spare if spare else None, application=application)
    found = lacking(drill(shard), drivers.of("embedded").has(definition, {"shard": shard}))
    assert len(found) == bool(lacks)
    assert all(lacks in each for each in found)


def test_a_run_without_such_a_drill_starts_no_spare_shard(embedded: Embedded) -> None:
    """And decodes no log."""
    narrow = drivers.of("embedded").narrow
    assert narrow(embedded, (), ()).topology.spares == ()
    assert [each.id for each in narrow(embedded, (), KINDS["shard.migrate-range"].uses).topology.spares] == [5]


@pytest.mark.parametrize(
    ("shard", "moves", "also", "held"),
    [
        (ONE, (), (), "(id BETWEEN 1 AND 25000)"),
        (ONE, (MOVE,), (), "((id BETWEEN 1 AND 25000) AND NOT (id BETWEEN 1 AND 1000))"),
        (ONE, (MOVE, NEXT), (), "(((id BETWEEN 1 AND 25000) AND NOT (id BETWEEN 1 AND 1000)) AND NOT (id BETWEEN 2001 AND 2500))"),
        (SPARE, (), (), "(false)"),
        (SPARE, (), (MOVE,), "(false) OR (id BETWEEN 1 AND 1000)"),
        (SPARE, (MOVE,), (NEXT,), "((false) OR id BETWEEN 1 AND 1000) OR (id BETWEEN 2001 AND 2500)"),
    ],
)
def test_the_constraints_of_a_shard_follow_the_routing(shard: Shard, moves: tuple[Move, ...], also: tuple[Move, ...], held: str) -> None:
    """The database itself refuses a row that belongs elsewhere."""
    assert moving.constrain(shard, Routing(len(moves), moves), also)[0] == (
        f"ALTER TABLE franchises DROP CONSTRAINT IF EXISTS franchises_on_this_shard, ADD CONSTRAINT franchises_on_this_shard CHECK ({held})"
    )


def test_every_table_is_published_fenced_and_removed() -> None:
    """Rows are removed after those that refer to them."""
    names = [table.name for table in moving.TABLES]
    assert all(f"{name} WHERE (" in moving.publication(MOVE) for name in names)
    assert [name for name in names if any(f" ON {name} FOR EACH ROW" in each for each in moving.fence(MOVE))] == names
    assert [each.split()[2] for each in moving.remove(MOVE)[1:]] == names[::-1]


def test_a_routing_says_where_a_franchise_lies_now() -> None:
    """The last move of a franchise counts; its version grows with every change."""
    routing = Routing().with_move(MOVE).with_move(NEXT)
    assert [routing.target_of(franchise) for franchise in (1, 1000, 1001, 2001, 2500, 2501)] == [5, 5, None, 5, 5, None]
    assert routing.version == 2
    assert routing.with_move(Move(1, 10, 5, 1)).target_of(10) == 1
    assert FOUR.shard(5) == SPARE
    assert FOUR.shard_of(1) == ONE
    assert FOUR.franchises == 50_000


def test_no_spare_shard_runs_in_containers(tmp_path: Path) -> None:
    """The file is refused, with its key."""
    path = tmp_path / "containers.yaml"
    path.write_text(f"{locate('environments', 'containers').read_text()}\nspare: {{id: 5, home: us-east-1, standby: us-west-2}}\n")
    with pytest.raises(ValueError, match="ranges are not moved in containers yet"):
        read_containers(path)


@pytest.mark.parametrize(
    ("spare", "message"),
    [
        ("{id: 1, home: us-east-1, standby: us-west-2}", "spare.id: 1 is the ID of a shard that holds franchises"),
        ("{id: 5, home: mars, standby: us-west-2}", "spare.home: 'mars' is not a region of this environment"),
        ("{id: 5, home: eu-west-1, standby: us-west-2}", "spare.standby: rows of eu-west-1 may not leave it"),
        ("{id: 5, home: us-east-1}", "spare.standby"),
    ],
)
def test_a_spare_shard_that_cannot_be_is_refused(tmp_path: Path, spare: str, message: str) -> None:
    """With the key and what would be right."""
    text = locate("environments", "embedded").read_text()
    path = tmp_path / "embedded.yaml"
    path.write_text(text.replace("spare: {id: 5, home: us-east-1, standby: us-west-2}", f"spare: {spare}"))
    with pytest.raises(ValueError, match="spare") as refused:
        read_embedded(path)
    assert message in str(refused.value)
