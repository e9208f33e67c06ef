"""Liveness, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from closeshave.standin.errors import Json
from closeshave.standin.serving import here

router = APIRouter()


@router.get("/health")
async def health() -> Json:
    """Always healthy: identifies this process, and checks nothing. It declares itself, because nothing that it shows is evidence about a platform."""
    settings = here().platform.settings
    shard = here().platform.shards.of_accounts(settings.region)
    return Json(
        {
            "status": "healthy",
            "stand_in": True,
            "version": settings.version,
            "region": settings.region,
            "instance": settings.instance,
            "shard_id": shard.id if shard else None,
            "database": settings.database,
            "routing": here().platform.shards.routing.now().version,
        }
    )


@router.get("/health/live")
async def live() -> Json:
    """Liveness: the event loop runs."""
    return Json({"status": "alive"})


@router.get("/health/ready")
async def ready(request: Request) -> Json:
    """Ready while a database can be reached and not all primaries are lost: one lost shard must not take a region out of rotation.

    A region that reaches no primary is cut off from the others, which can serve its customers better.
    """
    watch = request.app.state.watch
    reachable = watch.reachable()
    serves = bool(reachable) and not watch.cut_off()
    checks = {link.name: link.name in reachable for link in here().platform.shards.links}
    return Json({"status": "ready" if serves else "not_ready", "checks": checks}, 200 if serves else 503)


@router.get("/health/detailed")
@router.get("/health/dependencies")
async def dependencies() -> Json:
    """All dependencies, *down* while their breaker is open."""
    platform = here().platform
    found = {dependency.name: "down" if dependency.breaker.open else "up" for dependency in platform.dependencies}
    return Json({"status": "healthy" if "down" not in found.values() else "degraded", "dependencies": found})


@router.get("/health/database")
async def database(request: Request) -> Json:
    """The databases that have answered recently."""
    reachable = request.app.state.watch.reachable()
    return Json({"status": "healthy" if reachable else "unhealthy", "reachable": reachable}, 200 if reachable else 503)


@router.get("/health/redis")
async def redis() -> Json:
    """The Valkey tiers; the platform serves without them."""
    tiers = {tier.name: not tier.breaker.open for tier in here().platform.tiers}
    return Json({"status": "healthy" if all(tiers.values()) else "degraded", "tiers": tiers})


@router.get("/metrics")
async def metrics() -> Response:
    """For Prometheus."""
    platform = here().platform
    return Response(platform.metrics.render(platform.dependencies), media_type="text/plain; version=0.0.4; charset=utf-8")
