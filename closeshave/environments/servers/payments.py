"""The payment provider, which belongs to no region. It runs only if the application uses it."""

from __future__ import annotations

from closeshave.deployment import Payments, Process
from closeshave.environments.addresses import LOOPBACK
from closeshave.environments.servers import haproxy
from closeshave.environments.site import SERVER_NICE, Site

PAYMENTS = "payments"


def provider(site: Site) -> Payments:
    """The payment provider and its own ledger."""
    if not site.definition.application.pays:
        return Payments("", "", "")
    url = f"http://{LOOPBACK}:{site.ports.port(PAYMENTS, 'http')}"
    return Payments(process=PAYMENTS, url=url, ledger=str(site.data(PAYMENTS) / "ledger.jsonl"))


def processes(site: Site) -> tuple[Process, ...]:
    """Its process, or none."""
    application = site.definition.application
    if not application.pays:
        return ()
    port = site.ports.port(PAYMENTS, "http")
    # Not through the edges, whose requests are counted and compared with what customers sent.
    doors = [
        f"http://{site.address(haproxy.region_process_name(region), region)}:{haproxy.balancer_port(site, region)}{application.webhooks}"
        for region in site.definition.regions
        if application.webhooks is not None
    ]
    webhooks = [argument for door in doors for argument in ("--webhook", door)]
    listening = ("--host", site.bind, "--port", str(port))
    python = site.parts.python
    argv = (python.program, "-m", "closeshave.standin.payments", *listening, "--ledger", provider(site).ledger, *webhooks)
    return (Process(name=PAYMENTS, role="payments", region=None, argv=argv, environ=python.environ, ports=(port,), nice=SERVER_NICE),)
