"""Monitoring: a metrics store that scrapes every part, an engine that evaluates rules, an Alertmanager, and an exporter. It belongs to no region."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from closeshave.deployment import Edge, Member, Monitoring, Process, Store
from closeshave.environments.addresses import LOOPBACK
from closeshave.environments.alerting.exported import SETTINGS, ExporterSettings
from closeshave.environments.servers import apps, haproxy, patroni, payments
from closeshave.environments.site import SERVER_NICE, Site, placed
from closeshave.files.certificates import Authority
from closeshave.vocabulary import WATCHDOG

ROLE = "alerts"
STORE, ENGINE, MANAGER, EXPORTER = "alerts-store", "alerts-engine", "alerts-manager", "alerts-exporter"
RULES, TOKEN, WEBHOOK = "alerts-rules", "alerts-token", "/alerts"
BEAT_S = 5
"""How often the alert that always fires is told again."""
KEPT = "1d"
_MEMORY_BYTES = 64 << 20


def asked(site: Site) -> bool:
    """Whether this environment has monitoring."""
    return site.definition.alerts is not None


def monitoring(site: Site) -> Monitoring | None:
    """Where it is found; ``None`` if there is none."""
    if site.definition.alerts is None:
        return None
    return Monitoring(
        store_url=f"http://{LOOPBACK}:{site.ports.port(STORE, 'http')}",
        engine_url=f"http://{LOOPBACK}:{site.ports.port(ENGINE, 'http')}",
        manager_url=f"http://{LOOPBACK}:{site.ports.port(MANAGER, 'http')}",
        webhook_port=site.ports.port(MANAGER, "webhook"),
        token_file=str(site.config(TOKEN)),
        targets=sum(len(job["static_configs"]) for job in _jobs(site)),
        every_s=site.definition.alerts.every,
    )


def processes(site: Site) -> tuple[Process, ...]:
    """The four programs, or none."""
    parts = site.parts.monitoring
    if site.definition.alerts is None or parts is None:
        return ()
    every = f"{site.definition.alerts.every:g}s"
    store, engine, manager = (site.ports.port(name, "http") for name in (STORE, ENGINE, MANAGER))
    there = f"http://{LOOPBACK}:{store}"
    commands: dict[str, tuple[str, ...]] = {
        STORE: (
            str(parts.store),
            f"-httpListenAddr={LOOPBACK}:{store}",
            f"-storageDataPath={site.data(STORE)}",
            f"-promscrape.config={site.config(STORE)}.json",
            f"-retentionPeriod={KEPT}",
            f"-memory.allowedBytes={_MEMORY_BYTES}",
            # What was scraped is found at once: by default questions are answered as of half a minute ago.
            "-search.latencyOffset=0s",
            "-search.disableCache",
            # A series that is not scraped any more is not believed for minutes.
            f"-search.maxStalenessInterval={5 * site.definition.alerts.every:g}s",
            "-loggerLevel=WARN",
        ),
        ENGINE: (
            str(parts.engine),
            f"-httpListenAddr={LOOPBACK}:{engine}",
            f"-rule={site.config(RULES)}-*.yaml",
            f"-datasource.url={there}",
            f"-remoteWrite.url={there}",
            f"-notifier.url=http://{LOOPBACK}:{manager}",
            f"-evaluationInterval={every}",
            "-rule.evalDelay=0s",
            "-loggerLevel=WARN",
        ),
        MANAGER: (
            str(parts.manager),
            f"--config.file={site.config(MANAGER)}.json",
            f"--storage.path={site.data(MANAGER)}",
            f"--web.listen-address={LOOPBACK}:{manager}",
            # It is alone.
            "--cluster.listen-address=",
            "--log.level=warn",
        ),
        EXPORTER: (site.parts.python.program, "-m", "closeshave.environments.alerting.exporter", str(site.config(EXPORTER)) + ".json"),
    }
    return tuple(
        Process(
            name=name,
            role=ROLE,
            region=None,
            argv=argv,
            environ=site.parts.python.environ if name == EXPORTER else {"GOMAXPROCS": "1"},
            ports=(site.ports.port(name, "http"),),
            nice=SERVER_NICE,
        )
        for name, argv in commands.items()
    )


def files(site: Site, members: tuple[Member, ...], stores: tuple[Store, ...]) -> dict[str, str]:
    """The settings of all of them, and the rules; JSON, of which every text is YAML too."""
    wanted = site.definition.alerts
    if wanted is None:
        return {}
    served = tuple(edge for edge in haproxy.edges(site) if edge.tls is not None)
    found = {
        f"{STORE}.json": json.dumps(scraping(site), indent=1),
        f"{MANAGER}.json": json.dumps(routing(site), indent=1),
        f"{EXPORTER}.json": SETTINGS.dump_json(_exporter(site, members, stores, served), indent=1).decode(),
        TOKEN: token(site),
    }
    return found | {f"{RULES}-{number}.yaml": Path(path).read_text(encoding="utf-8") for number, path in enumerate(wanted.rules)}


def token(site: Site) -> str:
    """What the Alertmanager shows the receiver. The environment's ID is random."""
    return hashlib.sha256(f"alerts of {site.id}".encode()).hexdigest()


def routing(site: Site) -> dict[str, Any]:
    """The Alertmanager's settings: every alert is told at once, by itself, and again when it is over."""
    hook = {
        "url": f"http://{LOOPBACK}:{site.ports.port(MANAGER, 'webhook')}{WEBHOOK}",
        "send_resolved": True,
        "http_config": {"authorization": {"type": "Bearer", "credentials_file": str(site.config(TOKEN))}},
    }
    at_once = {"receiver": "harness", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    beats = {"matchers": [f'alertname="{WATCHDOG}"'], "group_interval": f"{BEAT_S}s", "repeat_interval": f"{BEAT_S}s"}
    return {
        "route": {**at_once, "repeat_interval": "12h", "routes": [{**at_once, **beats}]},
        "receivers": [{"name": "harness", "webhook_configs": [hook]}],
    }


def scraping(site: Site) -> dict[str, Any]:
    """The store's settings: whom it scrapes."""
    every = site.definition.alerts.every if site.definition.alerts else 0
    return {
        "global": {"scrape_interval": f"{every:g}s", "scrape_timeout": f"{min(every, 2):g}s"},
        "scrape_configs": list(_jobs(site)),
    }


def _jobs(site: Site) -> Iterator[dict[str, Any]]:
    definition = site.definition

    def target(port: int, instance: str, **labels: str) -> dict[str, Any]:
        return {"targets": [f"{LOOPBACK}:{port}"], "labels": {"instance": instance, **labels}}

    def job(name: str, targets: Iterable[dict[str, Any]], **more: object) -> dict[str, Any]:
        return {"job_name": name, "static_configs": list(targets), **more}

    if definition.alerts is not None and definition.alerts.metrics_path:
        instances = (target(port, name, region=region) for region in definition.regions for name, port in apps.names(site, region))
        yield job("application", instances, metrics_path=definition.alerts.metrics_path)
    proxies = [
        target(haproxy.metrics_port(site, region), haproxy.region_process_name(region), region=region) for region in definition.regions
    ]
    proxies.append(target(site.ports.port(haproxy.EDGES, "stats"), haproxy.EDGES))
    yield job("haproxy", proxies, metrics_path=haproxy.METRICS)
    yield job(
        "patroni",
        (target(member.api_port, member.process, region=member.region, shard=str(member.shard)) for member in patroni.members(site)),
    )
    yield job("etcd", (target(site.ports.port(name, "client"), name, region=region) for name, region in placed("etcd", definition.etcd)))
    yield job("exporter", [target(site.ports.port(EXPORTER, "http"), EXPORTER)], honor_labels=True)


def _exporter(site: Site, members: tuple[Member, ...], stores: tuple[Store, ...], edges: tuple[Edge, ...]) -> ExporterSettings:
    tls = haproxy.certificates(site)
    return ExporterSettings(
        host=LOOPBACK,
        port=site.ports.port(EXPORTER, "http"),
        root=str(site.root),
        every_s=site.definition.alerts.every if site.definition.alerts else 0,
        database=patroni.DATABASE,
        user=patroni.USER,
        members=members,
        stores=stores,
        edges=edges,
        authority=str(Authority.within(tls).certificate) if tls else "",
        payments_url=payments.provider(site).url,
    )
