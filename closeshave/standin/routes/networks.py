"""Networks of franchises: totals over all shards. If a shard is missing, the answer is 503."""

from __future__ import annotations

from fastapi import APIRouter

from closeshave.standin.database import Row
from closeshave.standin.errors import Json, Refused
from closeshave.standin.identity import bearer
from closeshave.standin.serving import here

router = APIRouter(prefix="/api/v2/franchise")

_NETWORKS = "SELECT network_id, count(*) AS franchises FROM franchises GROUP BY network_id"

_TOTALS = """
SELECT (SELECT home FROM shard) AS region, count(*) AS franchises,
       (SELECT count(*) FROM barbers b JOIN franchises f ON f.id = b.franchise_id WHERE f.network_id = $1 AND b.active) AS barbers,
       (SELECT count(*) FROM bookings k JOIN franchises f ON f.id = k.franchise_id
        WHERE f.network_id = $1 AND k.status = 'scheduled') AS bookings,
       (SELECT coalesce(sum(p.amount_cents), 0)::bigint FROM payments p JOIN franchises f ON f.id = p.franchise_id
        WHERE f.network_id = $1 AND p.status = 'captured') AS revenue_cents
FROM franchises WHERE network_id = $1
"""


@router.get("/networks")
async def networks() -> Json:
    """All networks, with their numbers of franchises."""
    await bearer()
    sizes: dict[int, int] = {}
    for row in await here().platform.shards.read_everywhere(_NETWORKS):
        sizes[row["network_id"]] = sizes.get(row["network_id"], 0) + row["franchises"]
    return Json([{"id": network, "name": f"Network {network}", "total_locations": size} for network, size in sorted(sizes.items())])


@router.get("/networks/{id}/regions")
async def regions(id: int) -> Json:
    """A network's franchises by region."""
    return Json([{"region": row["region"], "locations": row["franchises"]} for row in await _totals(id)])


@router.get("/networks/{id}/dashboard")
async def dashboard(id: int) -> Json:
    """A network's totals over all shards."""
    rows = await _totals(id)
    return Json(
        {
            "network_id": id,
            "total_locations": sum(row["franchises"] for row in rows),
            "total_barbers": sum(row["barbers"] for row in rows),
            "scheduled_appointments": sum(row["bookings"] for row in rows),
            "revenue": sum(row["revenue_cents"] for row in rows) / 100,
            "regions": [{"region": row["region"], "locations": row["franchises"]} for row in rows],
        }
    )


@router.get("/health")
async def health() -> Json:
    """Liveness of the franchise service."""
    return Json({"status": "healthy"})


async def _totals(network: int) -> list[Row]:
    await bearer()
    rows = [row for row in await here().platform.shards.read_everywhere(_TOTALS, network) if row["franchises"]]
    if not rows:
        raise Refused(404, "Network not found")
    return rows
