"""Which picture a page gets first: none that is more than a second old, however long nobody watched."""

from __future__ import annotations

import asyncio
import time

import pytest

from closeshave.clock import now_ns
from closeshave.live.picture import Picture, Stage
from closeshave.live.server import STALE_S, WATCHED_S, Screen


def picture(version: int, age_s: float, stage: Stage = Stage.LOADED) -> Picture:
    """One that was made so long ago."""
    return Picture(version, now_ns() - round(age_s * 1e9), 0.0, stage)


async def first(old: Picture, new: Picture, asked_before_s: float = 0.1) -> tuple[int, bool]:
    """The version that a new page gets, and whether a look was made for it; ``new`` is what that look finds."""
    screen = Screen(asked_s=time.monotonic() - asked_before_s)
    screen.show(old)
    asking = asyncio.create_task(screen.after(0))
    try:
        await asyncio.wait_for(screen.pause(600.0), 0.2)
        looked = True
    except TimeoutError:
        looked = False
    if not asking.done():
        screen.show(new)
    return (await asking).version, looked


@pytest.mark.parametrize(
    ("age_s", "stage", "version", "looked"),
    [
        pytest.param(STALE_S / 4, Stage.LOADED, 7, False, id="somebody watches already"),
        pytest.param(STALE_S * 2, Stage.LOADED, 8, True, id="nobody watched for two seconds"),
        pytest.param(STALE_S * 600, Stage.STARTING, 8, True, id="nobody watched for long"),
        pytest.param(STALE_S * 600, Stage.OVER, 7, False, id="the trial is over: there will be no newer one"),
    ],
)
def test_the_first_picture_of_a_page(age_s: float, stage: Stage, version: int, looked: bool) -> None:
    """What is old is looked at again at once."""
    assert asyncio.run(first(picture(7, age_s, stage), picture(8, 0.0, stage))) == (version, looked)


def test_whoever_comes_first_is_not_left_with_one_picture_for_seconds() -> None:
    """The picture is new, but the next look was planned for when nobody watched."""
    assert asyncio.run(first(picture(7, 0.1), picture(8, 0.0), asked_before_s=WATCHED_S + 1)) == (7, True)
