"""The proof that a range lies on its new shard and nowhere else. Shares no code with what moved it: other statements, and the way of customers."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq

from closeshave.clients import edges, patroni, postgres
from closeshave.deployment import OWN_REQUESTS, Deployment
from closeshave.drills.kind import DrillDisturbed, DrillWork
from closeshave.faults.kind import Proof
from closeshave.files import append_line

ASKED = "choose the range"
HOLDING = """
    SELECT c.oid::regclass::text, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE n.nspname = 'public' AND c.relkind = 'r' AND NOT a.attisdropped
      AND (a.attname = 'franchise_id' OR (c.relname = 'franchises' AND a.attname = 'id')) ORDER BY 1
"""
"""Every table that has a franchise, by the catalogue: one that the move has forgotten is found."""


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Ask both primaries, and the edges of all regions."""
    deployment = work.aim.deployment
    first, last, old, new = (int(str(work.facts[ASKED][name])) for name in ("first", "last", "from", "to"))
    try:
        return (
            _gone(deployment, old, first, last),
            _once(deployment, new, first, last),
            _booked_once(work, old, new, first, last),
            _refuses(deployment, old, first),
            _accepts(deployment, new, first),
            *(_answers(deployment, region, shard, new) for region in deployment.topology.regions for shard in (first, last)),
        )
    except patroni.NoLeader as error:
        raise DrillDisturbed(str(error)) from error


def _session(deployment: Deployment, shard: int) -> closing[postgres.Connection]:
    return closing(postgres.connect(patroni.leader(deployment, shard).port, deployment.database, "postgres", statement_timeout_s=10))


def _gone(deployment: Deployment, shard: int, first: int, last: int) -> Proof:
    what, found = f"shard {shard} holds no row of franchises {first} to {last}", []
    try:
        with _session(deployment, shard) as connection:
            tables = connection.execute(HOLDING).fetchall()
            for table, column in tables:
                counting = f"SELECT count(*), min({column}) FROM {table} WHERE {column} >= %s AND {column} <= %s"  # noqa: S608 - the catalogue's own names
                row = connection.execute(counting.encode(), (first, last))
                count, example = row.fetchone() or (0, None)
                found += [f"{count} rows of {table} are still there, the first of franchise {example}"] if count else []
    except postgres.Unavailable as error:
        return Proof(what, False, postgres.first_line(error))
    return Proof(what, not found and bool(tables), "; ".join(found) or f"none in {len(tables)} tables")


def _once(deployment: Deployment, shard: int, first: int, last: int) -> Proof:
    what = f"shard {shard} holds each of franchises {first} to {last} once, with opening hours and barbers"
    query = """
        SELECT count(*) FILTER (WHERE f.number = 1), count(*) FILTER (WHERE h.number = 1), count(*) FILTER (WHERE b.number > 0), min(wanted.id) FILTER
            (WHERE f.number IS DISTINCT FROM 1 OR h.number IS DISTINCT FROM 1 OR coalesce(b.number, 0) = 0)
        FROM generate_series(%(first)s::int, %(last)s::int) AS wanted(id)
        LEFT JOIN (SELECT id, count(*) AS number FROM franchises GROUP BY id) AS f USING (id)
        LEFT JOIN (SELECT franchise_id AS id, count(*) AS number FROM opening_hours GROUP BY 1) AS h USING (id)
        LEFT JOIN (SELECT franchise_id AS id, count(*) AS number FROM barbers GROUP BY 1) AS b USING (id)
    """
    try:
        with _session(deployment, shard) as connection:
            shops, hours, staffed, wrong = connection.execute(query, {"first": first, "last": last}).fetchone() or (0, 0, 0, first)
    except postgres.Unavailable as error:
        return Proof(what, False, postgres.first_line(error))
    saw = f"{shops} franchises, {hours} with opening hours, {staffed} with barbers"
    return Proof(what, shops == hours == staffed == last - first + 1, saw if wrong is None else f"{saw}; not franchise {wrong}")


def _booked_once(work: DrillWork, old: int, new: int, first: int, last: int) -> Proof:
    """The bookings of this run by the query of the environment file, from both primaries."""
    what, ids = f"every booking of the range is on shard {new} only, once", dict[int, list[int]]()
    try:
        for shard in (old, new):
            path = work.keeps / f"shard{shard}.parquet"
            work.read(patroni.leader(work.aim.deployment, shard), path)
            rows = pq.read_table(path, columns=["franchise", "booking"]).to_pydict()
            ids[shard] = [
                booking for franchise, booking in zip(rows["franchise"], rows["booking"], strict=True) if first <= franchise <= last
            ]
    except OSError as error:
        return Proof(what, False, f"the bookings cannot be read: {error}")
    twice = sorted(booking for booking in set(ids[new]) if ids[new].count(booking) > 1) if len(set(ids[new])) < len(ids[new]) else []
    saw = f"{len(ids[new])} on shard {new}, {len(ids[old])} on shard {old}"
    saw += f"; booking {ids[old][0]} is still on shard {old}" if ids[old] else ""
    return Proof(what, not ids[old] and not twice, f"{saw}; booking {twice[0]} is there twice" if twice else saw)


def _refuses(deployment: Deployment, shard: int, franchise: int) -> Proof:
    """Try to add the franchise to the old shard; what was tried is rolled back in any case."""
    what = f"shard {shard} refuses a row of the range"
    statement = (
        b"INSERT INTO franchises SELECT %s, network_id, name, address, city, phone, region, timezone, version FROM franchises LIMIT 1"
    )
    try:
        with _session(deployment, shard) as connection:
            connection.execute("BEGIN")
            try:
                connection.execute(statement, (franchise,))
            except postgres.Unavailable as error:
                return Proof(what, "on_this_shard" in str(error), postgres.first_line(error))
            finally:
                connection.execute("ROLLBACK")
    except postgres.Unavailable as error:
        return Proof(what, False, postgres.first_line(error))
    return Proof(what, False, "it accepted one")


def _accepts(deployment: Deployment, shard: int, franchise: int) -> Proof:
    what = f"shard {shard} accepts a change of the range"
    try:
        with _session(deployment, shard) as connection:
            connection.execute("BEGIN")
            try:
                changed = connection.execute("UPDATE franchises SET version = version + 1 WHERE id = %s", (franchise,)).rowcount
            finally:
                connection.execute("ROLLBACK")
    except postgres.Unavailable as error:
        return Proof(what, False, postgres.first_line(error))
    return Proof(what, changed == 1, f"{changed} row changed, and was rolled back")


def _answers(deployment: Deployment, region: str, franchise: int, shard: int) -> Proof:
    """As customers ask: at the edge of a region, for a shop. The answer says by itself which shard it is from."""
    what = f"the edge of {region} serves franchise {franchise} from shard {shard}"
    # Noted before it is sent: the edges' counters are compared with the customers' requests.
    append_line(Path(deployment.root, OWN_REQUESTS), {"region": region})
    answer = edges.answer(deployment, deployment.edge(region), "/api/v2/locations/", {"X-Franchise-Id": str(franchise)})
    if answer is None:
        return Proof(what, False, "no answer")
    said = answer.headers.get("x-shard", "none")
    return Proof(what, answer.status_code == 200 and said == str(shard), f"status {answer.status_code}, shard {said}")
