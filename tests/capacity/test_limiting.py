"""Which resource is named at the knee: known records of the machine. Pure."""

from __future__ import annotations

import pandas as pd
import pytest

from closeshave.capacity.level import LevelAsk, LevelPurpose
from closeshave.capacity.limiting import limiting, said, used
from closeshave.judge.evidence.windows import Span
from tests.capacity.simulated import result

CORES = 2
SPAN = Span(0, 4_000_000_000)


def record(**cores: float) -> pd.DataFrame:
    """Four seconds of a machine with two cores: ``app_2=1.5`` are two processes of the application that use 1.5 cores together; ``others`` too."""
    rows: list[dict[str, object]] = []
    own = sum(cores.values())
    for second in range(1, 5):
        at_ns = second * 1_000_000_000
        host: dict[str, object] = {
            "role": "host",
            "region": None,
            "processes": 0,
            "cpu_s": own,
            "user_s": own,
            "system_s": 0.0,
            "idle_s": CORES - own,
        }
        rows.append({"at_ns": at_ns, "interval_s": 1.0, "iowait_s": 0.0, "steal_s": 0.0, "others_s": 0.0, "delay_s": None, **host})
        for key, value in cores.items():
            role, _, processes = key.partition("_")
            group: dict[str, object] = {"role": role, "region": "here", "processes": int(processes or 1), "cpu_s": value, "delay_s": 0.1}
            rows.append({"at_ns": at_ns, "interval_s": 1.0, **group})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("cores", "resource", "words"),
    [
        pytest.param({"app_1": 0.97, "patroni_1": 0.2}, "app/here", "each process uses 97% of one core", id="one interpreter"),
        pytest.param(
            {"app_4": 1.2, "patroni_9": 0.75}, "machine", "98% of 2 cores, of which the application's processes 62%", id="the machine"
        ),
        pytest.param({"app_2": 0.6, "patroni_2": 0.3}, "", "nothing that is recorded is saturated", id="something else"),
        pytest.param(
            {"app_2": 0.6, "locust_1": 0.99}, "", "nothing that is recorded is saturated", id="a busy sender is no limit of the platform"
        ),
        pytest.param({"patroni_1": 1.3}, "", "nothing that is recorded", id="a database has a process for each session"),
    ],
)
def test_what_is_named(cores: dict[str, float], resource: str, words: str) -> None:
    """With its figure in a sentence; nothing where nothing is used up."""
    found = said(used(record(**cores), SPAN))
    assert found.resource == resource
    assert words in found.sentence


def test_a_quota_that_is_used_up_is_the_limit() -> None:
    """Half a core for the region: 0.48 of it are used."""
    found = said(used(record(app_2=0.4, patroni_1=0.08), SPAN), quota_cores=0.5)
    assert found.resource == "quota of here"
    assert "96% of its 0.5 cores" in found.sentence


def test_seconds_outside_of_the_level_do_not_count() -> None:
    """Nor does a record without any in it say anything."""
    assert used(record(app_1=0.9), Span(10_000_000_000, 20_000_000_000)) == {}
    assert used(None, SPAN) == {}
    assert said({}).resource == ""


def test_the_level_at_the_knee_counts() -> None:
    """The lowest one from the knee on, and no overload."""

    def level(rate: float, use: float, purpose: LevelPurpose = LevelPurpose.STEP) -> object:
        return result(LevelAsk(rate, 10, purpose), resources={"app/here of each process": use, "app/here cores": use})

    levels = [level(5, 0.2), level(10, 0.9), level(20, 0.99), level(15, 1.0, LevelPurpose.OVERLOAD)]
    found = limiting(levels, 10)  # type: ignore[arg-type]  # results
    assert found is not None
    assert found.use == 0.9
    assert limiting(levels, None) is None  # type: ignore[arg-type]  # results
    assert limiting([], 10) is None
