"""The monitoring of an environment as it is described: who is scraped, who is told, and that a run has it only if it asks for alerts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from closeshave.environments import drivers
from closeshave.environments.alerting.settings import AlertsOf
from closeshave.environments.definition import read_definition
from closeshave.environments.layout import Layout, lay_out, ports_needed
from closeshave.environments.parts import MonitoringPrograms, Parts
from closeshave.environments.servers import alerts
from closeshave.environments.stack import Embedded
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.vocabulary import ALERTS

ROOT = Path("/state/embedded-1")
PROGRAMS = MonitoringPrograms(Path("/bin/store"), Path("/bin/engine"), Path("/bin/manager"))


@pytest.fixture
def parts(found_parts: Parts) -> Parts:
    """With the programs of the monitoring."""
    return dataclasses.replace(found_parts, monitoring=PROGRAMS)


@pytest.fixture
def watched(definition: Embedded, tmp_path: Path) -> Embedded:
    """The shipped environment with one rule file."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("groups: []\n")
    return dataclasses.replace(definition, alerts=AlertsOf((str(rules),)))


@pytest.fixture
def layout(watched: Embedded, parts: Parts) -> Layout:
    """As it is described."""
    return lay_out("an-id", ROOT, watched, parts, 20_000)


def settings(layout: Layout, name: str) -> Any:
    """The settings of a part."""
    return json.loads(layout.files[ROOT / "config" / f"{name}.json"])


def test_everything_that_serves_metrics_is_scraped_where_it_listens(layout: Layout) -> None:
    """Under its own name, by which alerts name it."""
    ports = {port: process.name for process in layout.deployment.processes for port in process.ports}
    jobs = settings(layout, alerts.STORE)["scrape_configs"]
    found = {
        (job["job_name"], target["labels"]["instance"], int(address.rpartition(":")[2]))
        for job in jobs
        for target in job["static_configs"]
        for address in target["targets"]
    }
    assert all(ports[port] == instance for _, instance, port in found)
    roles = {"application": "app", "patroni": "patroni", "etcd": "etcd"}
    for job, role in roles.items():
        assert {name for each, name, _ in found if each == job} == {each.name for each in layout.deployment.processes if each.role == role}
    assert {name for each, name, _ in found if each == "haproxy"} == {
        each.name for each in layout.deployment.processes if each.role in {"haproxy", "edge"}
    }
    assert layout.deployment.monitoring is not None
    assert layout.deployment.monitoring.targets == len(found)


def test_the_exporter_is_told_of_every_part_that_serves_no_metrics(layout: Layout) -> None:
    """Databases, stores, and the payment provider."""
    told = settings(layout, alerts.EXPORTER)
    assert {each["process"] for each in told["members"]} == {each.process for each in layout.deployment.members}
    assert {each["process"] for each in told["stores"]} == {each.process for each in layout.deployment.stores}
    assert told["payments_url"] == layout.deployment.payments.url
    assert told["edges"] == []


def test_every_alert_is_told_at_once_and_by_itself(layout: Layout) -> None:
    """To the harness alone, with the token of the environment; the alert that always fires again and again."""
    told = settings(layout, alerts.MANAGER)
    (receiver,) = told["receivers"]
    (hook,) = receiver["webhook_configs"]
    monitoring = layout.deployment.monitoring
    assert monitoring is not None
    assert hook["url"] == f"http://127.0.0.1:{monitoring.webhook_port}/alerts"
    assert hook["send_resolved"] is True
    assert hook["http_config"]["authorization"]["credentials_file"] == monitoring.token_file
    assert len(layout.files[Path(monitoring.token_file)]) == 64
    assert (told["route"]["group_by"], told["route"]["group_wait"]) == (["..."], "0s")
    assert told["route"]["routes"][0]["repeat_interval"] == "5s"


def test_every_port_is_claimed_also_the_one_at_which_the_harness_listens(layout: Layout, watched: Embedded, parts: Parts) -> None:
    """Two environments on one machine must not tell each other's harness."""
    used = [port for process in layout.deployment.processes for port in process.ports]
    assert layout.deployment.monitoring is not None
    assert sorted([*used, layout.deployment.monitoring.webhook_port]) == list(range(20_000, 20_000 + ports_needed(watched, parts)))


@pytest.mark.parametrize(("uses", "there"), [((), False), ((ALERTS,), True)])
def test_a_run_has_monitoring_only_if_its_plan_asks_for_alerts(watched: Embedded, parts: Parts, uses: tuple[str, ...], there: bool) -> None:
    """Without it nothing else is different."""
    found = lay_out("an-id", ROOT, drivers.EMBEDDED.narrow(watched, watched.links, uses), parts, 20_000)
    assert (found.deployment.monitoring is not None) is there
    assert any(process.role == "alerts" for process in found.deployment.processes) is there
    assert any(name.name.startswith("alerts") for name in found.files) is there
    assert any("prometheus-exporter" in text for text in found.files.values()) is there


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the shipped environment with another section ``alerts``."""
    text = locate("environments", "embedded-alerts").read_text(encoding="utf-8")
    start = text.index("alerts: {")

    def write(section: str) -> Path:
        path = tmp_path / "own.yaml"
        path.write_text(text[:start] + f"alerts: {section}\n" + text[text.index("\n", start) :])
        return path

    return write


def test_rules_of_your_own_lie_beside_the_environment_file(written: Callable[[str], Path], tmp_path: Path) -> None:
    """A shipped name stands for the shipped file."""
    own = tmp_path / "mine.yaml"
    own.write_text("groups: [{name: g, rules: [{alert: Mine, expr: up == 0, labels: {severity: low, category: business}}]}]\n")
    found = read_definition(written("{rules: [security, mine.yaml]}"))
    assert isinstance(found, Embedded)
    assert found.alerts is not None
    assert found.alerts.rules == (str(locate("environments/alerts", "security")), str(own))
    names = drivers.EMBEDDED.alert_rules(found)
    assert names is not None
    assert {"Mine", "CertificateExpired"} <= set(names)


@pytest.mark.parametrize(
    ("section", "key", "said"),
    [
        ("{rules: [secruity]}", "alerts.rules.0", "did you mean security"),
        ("{rules: [security, nowhere.yaml]}", "alerts.rules.1", "no such file"),
        ("{rules: []}", "alerts.rules", "at least one rule file"),
        ("{every: 100ms}", "alerts.every", "from 1 s to 5 min"),
        ("{metrics_path: metrics}", "alerts.metrics_path", "begins with a slash"),
        ("{rulez: []}", "alerts.rulez", "unknown key"),
    ],
)
def test_a_wrong_section_is_refused_with_its_line(written: Callable[[str], Path], section: str, key: str, said: str) -> None:
    """Before anything starts."""
    path = written(section)
    with pytest.raises(InvalidFile, match=said) as caught:
        read_definition(path)
    (problem,) = caught.value.problems
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if text.startswith("alerts:"))
    assert (problem.key, problem.line) == (key, line)
