"""The fast path answers as FastAPI does; requests that do not fit are left to FastAPI."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Receive, Scope, Send

from closeshave.standin.direct import Direct
from closeshave.standin.errors import Json, Refused
from closeshave.standin.routes import appointments, auth, availability, catalogue, health, networks, payments, webhooks

router = APIRouter(prefix="/shop")


class Inner(BaseModel):
    """A part of an order."""

    name: Annotated[str, Field(max_length=5)]


class Order(BaseModel):
    """A body."""

    number: int
    inner: Inner | None = None


@router.get("/all")
async def every(limit: Annotated[int, Query(ge=1, le=10)] = 3, word: str | None = None) -> Json:
    """Query parameters."""
    return Json({"limit": limit, "word": word})


@router.get("/all/needed")
async def needed(number: int) -> Json:
    """A parameter that must be there."""
    return Json({"number": number})


@router.get("/refused")
async def refused() -> Json:
    """An endpoint that says no."""
    raise Refused(409, "taken")


@router.get("/asks")
async def asks(request: Request) -> Json:
    """An endpoint that reads the request itself."""
    return Json({"agent": request.headers.get("x-agent"), "title": request.app.title})


@router.get("/{id}")
async def one(id: int) -> Json:
    """A parameter in the path."""
    return Json({"id": id})


@router.post("/")
async def order(body: Order, key: Annotated[str | None, Header(alias="Idempotency-Key", min_length=2)] = None) -> Json:
    """A body and a header."""
    return Json({"order": body.model_dump(), "key": key})


@dataclass
class Counted:
    """An application that counts its requests."""

    app: ASGIApp
    seen: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self.seen.append(scope["path"])
        await self.app(scope, receive, send)


def shop() -> FastAPI:
    """The routes above as FastAPI serves them."""
    app = FastAPI(title="shop")
    app.include_router(router)
    app.add_exception_handler(Refused, _say)
    return app


async def _say(_request: Request, error: Exception) -> Json:
    assert isinstance(error, Refused)
    return error.response()


def ask(app: ASGIApp, method: str, path: str, **more: Any) -> httpx.Response:
    """One request."""

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return await client.request(method, path, **more)

    return asyncio.run(asked())


def direct(app: FastAPI) -> tuple[Direct, Counted]:
    """The fast path, and what it passes on."""
    way = Direct(app, [route for route in router.routes if isinstance(route, APIRoute)])
    rest = Counted(app)
    way._fastapi = rest  # type: ignore[assignment]  # counted on its way
    return way, rest


JSON = {"content-type": "application/json"}
GOOD = [
    ("GET", "/shop/all", {}),
    ("GET", "/shop/all?limit=7&word=a%20b%C3%A9", {}),
    ("GET", "/shop/all?limit=7&limit=8&word=", {}),
    ("GET", "/shop/all/needed?number=12", {}),
    ("GET", "/shop/12", {}),
    ("GET", "/shop/refused", {}),
    ("POST", "/shop/", {"json": {"number": 3}}),
    ("POST", "/shop/", {"json": {"number": "3", "inner": {"name": "é"}, "more": 1}, "headers": {"Idempotency-Key": "abc"}}),
    ("POST", "/shop/", {"content": b'{"number": 3}', "headers": {"content-type": "application/json; charset=utf-8"}}),
]
UNFIT = [
    ("GET", "/shop/all?limit=11", {}),
    ("GET", "/shop/all?limit=x", {}),
    ("GET", "/shop/all/needed", {}),
    ("GET", "/shop/twelve", {}),
    ("GET", "/elsewhere", {}),
    ("DELETE", "/shop/all", {}),
    ("HEAD", "/shop/all", {}),
    ("POST", "/shop/", {"json": {"number": None}}),
    ("POST", "/shop/", {"json": {"number": 3, "inner": {"name": "too long"}}}),
    ("POST", "/shop/", {"json": {"number": 3}, "headers": {"Idempotency-Key": "a"}}),
    ("POST", "/shop/", {"content": b"{", "headers": JSON}),
    ("POST", "/shop/", {"content": b"\xff\xfe", "headers": JSON}),
    ("POST", "/shop/", {"content": b"", "headers": JSON}),
    ("POST", "/shop/", {"content": b"number=3"}),
    ("POST", "/shop/", {"content": b'{"number": 3}', "headers": {"content-type": "text/plain"}}),
]


@pytest.mark.parametrize(("method", "path", "more"), GOOD)
def test_a_good_request_is_answered_as_by_fastapi_and_never_reaches_it(method: str, path: str, more: dict[str, Any]) -> None:
    """The same status and the same bytes."""
    way, rest = direct(shop())
    answer, expected = ask(way, method, path, **more), ask(shop(), method, path, **more)
    assert (answer.status_code, answer.content) == (expected.status_code, expected.content)
    assert rest.seen == []


@pytest.mark.parametrize(("method", "path", "more"), UNFIT)
def test_what_does_not_fit_is_refused_by_fastapi(method: str, path: str, more: dict[str, Any]) -> None:
    """The body is passed on too, although it was read already."""
    way, rest = direct(shop())
    answer, expected = ask(way, method, path, **more), ask(shop(), method, path, **more)
    assert (answer.status_code, answer.content) == (expected.status_code, expected.content)
    assert answer.status_code >= 400
    assert rest.seen == [path.partition("?")[0]]


def test_an_endpoint_sees_the_request_and_the_application() -> None:
    """As under FastAPI."""
    way = Direct(shop(), [route for route in router.routes if isinstance(route, APIRoute)])
    assert ask(way, "GET", "/shop/asks", headers={"X-Agent": "me"}).json() == {"agent": "me", "title": "shop"}


def test_an_endpoint_with_dependencies_is_left_to_fastapi() -> None:
    """The fast path supports parameters and one model, and nothing else."""
    app = FastAPI()

    @app.get("/depends")
    async def depends(word: Annotated[str, Depends(lambda: "solved")]) -> Json:
        return Json(word)

    assert ask(Direct(app, [route for route in app.routes if isinstance(route, APIRoute)]), "GET", "/depends").json() == "solved"


def test_every_endpoint_of_the_platform_uses_the_fast_path() -> None:
    """None of them is slow because of its signature."""
    areas = (availability, appointments, catalogue, payments, webhooks, auth, networks, health)
    routes = [route for area in areas for route in area.router.routes if isinstance(route, APIRoute)]
    way = Direct(FastAPI(), routes)
    for route in routes:
        method = next(iter(route.methods or ()))
        found = way._find(method, route.path.replace("{id}", "5"))
        assert found is not None
        assert found[0].route is route


@pytest.mark.parametrize("barber", [0, 2**31, 2**63, -1])
@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/appointments/slots?appointment_date=2030-05-01&barber_id={}",
        "/api/v2/barber-availability/check/{}?check_date=2030-05-01&start_time=10:00&end_time=11:00",
    ],
)
def test_a_number_that_no_barber_can_have_never_reaches_the_database(path: str, barber: int) -> None:
    """PostgreSQL would refuse the whole query, which the customer would see as an error of the platform."""
    app = FastAPI()
    app.include_router(availability.router)
    way = Direct(app, [route for route in availability.router.routes if isinstance(route, APIRoute)])
    assert ask(way, "GET", path.format(barber)).status_code == 422


def test_of_two_routes_that_match_a_path_the_first_is_taken() -> None:
    """As FastAPI does, also if the second is more exact."""
    app = FastAPI()
    first = APIRouter()
    first.add_api_route("/{id}", one, methods=["GET"])
    first.add_api_route("/all", every, methods=["GET"])
    app.include_router(first)
    way = Direct(app, [route for route in first.routes if isinstance(route, APIRoute)])
    assert ask(way, "GET", "/all").status_code == ask(app, "GET", "/all").status_code == 422
