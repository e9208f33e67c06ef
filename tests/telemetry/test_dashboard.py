"""The dashboard shows the metrics that there are: by name, and in a real server that scrapes a trial and answers the dashboard's own questions."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from closeshave.control.processes import poll_until
from closeshave.environments.gobuild import VICTORIA_METRICS, CannotBuild, built
from closeshave.history import FaultEdge, Signal, Source, record
from closeshave.telemetry import families
from closeshave.telemetry.exporter import Exporter
from closeshave.telemetry.families import Family, Sort
from closeshave.telemetry.settings import LOOPBACK, Listen, TelemetrySettings
from closeshave.telemetry.totals import Totals
from closeshave.vocabulary import SignalKind
from tests.faults.toys import free_port
from tests.telemetry.made import MANIFEST, PLAN, Writer

BOARD = json.loads((Path(__file__).parents[2] / "docs" / "grafana-dashboard.json").read_text())
QUESTIONS = {f"{panel['title']} {target['refId']}": target["expr"] for panel in BOARD["panels"] for target in panel["targets"]}
RATE_OVER = "10s"
"""What Grafana would put for its own variable."""
WITHIN_S = 60.0


def served(family: Family) -> set[str]:
    """Under which names Prometheus has a metric."""
    name = f"{family.name}_{family.unit}" if family.unit else family.name
    return {Sort.COUNTER: {f"{name}_total"}, Sort.GAUGE: {name}, Sort.HISTOGRAM: {f"{name}_{end}" for end in ("bucket", "count", "sum")}}[
        family.sort
    ]


def test_every_metric_of_the_dashboard_exists_and_every_metric_is_on_it() -> None:
    """A metric that is renamed, or new, changes the dashboard."""
    made = [served(family) for family in families.families(Totals(), families.about(lambda: MANIFEST, lambda: PLAN), {})]
    asked = set(re.findall(r"closeshave_\w+", " ".join(QUESTIONS.values())))
    assert asked - set().union(*made) == set()
    assert [names for names in made if not names & asked] == []


def test_panels_fill_rows_without_overlapping() -> None:
    """Each place of the grid is taken by at most one panel."""
    places = [
        (x, y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


@contextmanager
def victoria(place: Path, scraped: str) -> Iterator[str]:
    """A server that scrapes this address once a second; yields its own."""
    try:
        program = built(VICTORIA_METRICS, lambda _: None)
    except CannotBuild as error:
        pytest.skip(f"no server that scrapes: {error}")
    config, port = place / "scrape.yml", free_port()
    jobs = [{"job_name": "closeshave", "scrape_interval": "1s", "static_configs": [{"targets": [scraped]}]}]
    config.write_text(json.dumps({"scrape_configs": jobs}))  # every JSON is YAML
    options = [
        f"-storageDataPath={place / 'data'}",
        f"-httpListenAddr={LOOPBACK}:{port}",
        f"-promscrape.config={config}",
        "-loggerLevel=ERROR",
    ]
    # What was scraped is found at once: the server otherwise answers as of half a minute ago.
    process = subprocess.Popen([str(program), *options, "-search.latencyOffset=0s"], start_new_session=True)
    try:
        yield f"http://{LOOPBACK}:{port}"
    finally:
        process.terminate()
        process.wait(20)


def answer(url: str, question: str) -> list[Any]:
    """What the server says to a question of the dashboard; nothing while it does not listen yet."""
    try:
        told = httpx.get(f"{url}/api/v1/query", params={"query": question.replace("$__rate_interval", RATE_OVER)}, timeout=5)
    except httpx.TransportError:
        return []
    assert told.status_code == 200, told.text
    found: list[Any] = told.json()["data"]["result"]
    return [one for one in found if one["value"][1] != "NaN"]


@pytest.mark.servers
def test_every_panel_of_the_dashboard_has_data_in_a_real_server(tmp_path: Path, writer: Writer) -> None:
    """While a trial goes on: its requests, its fault, the platform's signals."""
    exporter = Exporter.open(TelemetrySettings(metrics=Listen(LOOPBACK, 0)))
    (tmp_path / "victoria").mkdir()
    try:
        exporter.begin(writer.run, lambda: MANIFEST, lambda: PLAN)
        writer.phase("calm", 0)
        writer.fault(FaultEdge.PLANNED, FaultEdge.INJECTED)
        record(writer.run, Signal(1, SignalKind.PROMOTED, "shard:1", "patroni.log"))
        address = exporter.address.removeprefix("http://").removesuffix("/metrics")
        with victoria(tmp_path / "victoria", address) as url:
            missing = dict(QUESTIONS)

            def all_answered() -> bool:
                # A rate needs counts that grow between two scrapes.
                for source in (Source.CUSTOMERS, Source.CANARY):
                    writer.requests(5, 0.05, source=source)
                    writer.requests(1, 0.5, source=source, outcome="info", good=False)
                for title in [title for title, question in missing.items() if answer(url, question)]:
                    del missing[title]
                return not missing

            assert poll_until(all_answered, WITHIN_S, interval_s=0.5), missing
            (bookings,) = answer(url, 'sum(closeshave_requests_total{operation="book",outcome="ok",source="customers"})')
            (run,) = answer(url, "closeshave_run_info")
            assert run["metric"]["run"] == MANIFEST.id
            assert float(bookings["value"][1]) >= 5
    finally:
        exporter.close()
