"""A burden is as large as it says, and only where it says."""

from __future__ import annotations

import asyncio
import time

import pytest
from starlette.types import Message, Receive, Scope, Send

from closeshave.standin.defective import burden
from closeshave.standin.defective.burden import Burden, Burdened

SERVICE_S = 0.05


async def service(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers after a while."""
    await asyncio.sleep(SERVICE_S)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def served(carried: Burden, path: str = "/api/v2/locations/") -> tuple[float, float, float]:
    """Until the answer began, until the request was over, and the processor time of both, in seconds."""
    began, used = time.perf_counter(), time.thread_time()
    answered: list[float] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered.append(time.perf_counter() - began)

    async def receive() -> Message:
        return {"type": "http.request"}

    asyncio.run(Burdened(service, carried)({"type": "http", "path": path}, receive, send))
    return answered[0], time.perf_counter() - began, time.thread_time() - used


@pytest.mark.parametrize("percent", [50, 100])
def test_an_answer_is_later_by_a_share_of_its_time(percent: float) -> None:
    """And uses no processor for it."""
    answered_s, _, used_s = served(Burden("time", percent))
    assert answered_s >= (1 + percent / 100) * SERVICE_S
    assert used_s < SERVICE_S


def test_a_path_that_is_many_times_slower_does_not_hold_up_the_others() -> None:
    """A release that is slow at one endpoint is slow there alone."""
    answered: list[str] = []

    async def ask(path: str) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(path)

        async def receive() -> Message:
            return {"type": "http.request"}

        await Burdened(service, burden.parse("time 500 /slow"))({"type": "http", "path": path}, receive, send)

    async def both() -> None:
        await asyncio.gather(ask("/slow"), ask("/other"))

    asyncio.run(both())
    assert answered == ["/other", "/slow"]


def test_processor_time_is_used_before_the_answer_or_after_it() -> None:
    """The customer waits for it, or does not."""
    answered_s, _, used_s = served(Burden("cpu", 40))
    assert answered_s >= SERVICE_S + 0.04
    assert used_s >= 0.04
    answered_s, over_s, used_s = served(Burden("aside", 40))
    assert over_s >= answered_s + 0.04
    assert used_s >= 0.04


@pytest.mark.parametrize(
    ("text", "path", "carried"),
    [
        ("cpu 40", "/health/ready", False),
        ("cpu 40", "/api/v2/appointments", True),
        ("cpu 40 /api/v2/appointments", "/api/v2/appointments", True),
        ("cpu 40 /api/v2/appointments", "/api/v2/appointments/slots", False),
    ],
)
def test_only_some_requests_carry_it(text: str, path: str, carried: bool) -> None:
    """Those of its path; never the question whether an instance is ready."""
    assert burden.parse(text).carried_by(path) is carried
    assert (served(burden.parse(text), path)[2] >= 0.04) is carried


@pytest.mark.parametrize("text", ["", "time", "more 10", "time ten", "time -1", "time 1 /a /b"])
def test_what_is_no_burden_is_refused(text: str) -> None:
    """The instance does not start."""
    with pytest.raises(ValueError, match=r"."):
        burden.parse(text)
