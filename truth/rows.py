"""What is broken, one thing a row, and the promises that must be refuted by it; every other promise stays as it is on the unbroken platform. Data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from closeshave.probes import people
from closeshave.standin.switches import Defect
from closeshave.topology import Topology
from truth import breaking
from truth.breaking import Breaking, Planted
from truth.stage import HERE

INVALIDATED = 50
"""The number of the franchise that the probes of invalidation change (:func:`closeshave.probes.people.franchise`)."""


@dataclass(frozen=True, slots=True)
class TextEdit:
    """One change of a file: a text that must be there, and what stands in its place."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RowSystem:
    """A target system and the environment that stands for it."""

    letter: str
    """The first letter of its promises, in small."""
    target: str
    environment: str
    edit: TextEdit | None = None
    """What is changed in the environment file for all of its rows, the unbroken ones too."""


@dataclass(frozen=True, slots=True)
class PromiseRow:
    """One thing that is broken: either while the platform runs, or in a file of it before it starts."""

    name: str
    system: str
    what: str
    refuted: frozenset[str]
    """Every promise that must be refuted, and no other."""
    shown_by: str
    """A regular expression for the reason: the verdict that must refute it."""
    breaking: Breaking | None = None
    environment_also: TextEdit | None = None
    """What is changed in the environment file for this row and for the unbroken platform that it is compared with."""
    environment_edit: TextEdit | None = None
    plan_edit: TextEdit | None = None
    plan: str = ""
    """A plan of ``truth/plans/rows`` that decides it, beside the probes; empty where probes do."""

    @property
    def own_environment(self) -> bool:
        """Whether the row needs an environment of its own."""
        return self.environment_edit is not None or bool(self.plan)


SYSTEMS: Mapping[str, RowSystem] = {
    one.letter: one
    for one in (
        RowSystem("e", "bookedbarber-enterprise", "embedded-enterprise"),
        RowSystem("p", "bookedbarber-single-region", "embedded-single-region"),
        # T13 asks for TLS at the entrance, which the environment has only if a file says so.
        RowSystem(
            "t", "bookedbarber-terraform", "embedded-aws-dev", TextEdit("apps_per_region: 1", "apps_per_region: 1\nedges: {tls: true}")
        ),
        RowSystem("a", "appointment-booking", "embedded-appointments"),
        RowSystem("b", "barberpro-argentina", "embedded-argentina"),
    )
}


def _changed_by_probes(topology: Topology) -> Iterable[int]:
    return [people.franchise(shard, INVALIDATED) for shard in topology.shards]


def _row(name: str, what: str, refuted: str, shown_by: str, breaking: Breaking | None = None, **more: object) -> PromiseRow:
    return PromiseRow(name, name[0], what, frozenset(refuted.split()), shown_by, breaking, **more)  # type: ignore[arg-type]  # fields by name


def _described(stage: str) -> str:
    return f"""\
kind: remote
name: bookedbarber-gcp-dev
stage: {stage}
regions: {{us-central1: "https://dev.example.com"}}
fingerprint: {{path: /health, expect: {{status: healthy}}}}
caps: {{requests_per_s: 50, requests: 20000, duration: 10m}}
"""


RULES = HERE / "plans" / "rules"
OPTIONS, TLS = "ssl-default-bind-options ", "ssl-min-ver TLSv1.2"
OLD_CIPHERS = "ssl-default-bind-ciphers DEFAULT@SECLEVEL=0"
"""Without it OpenSSL 3 agrees on no old version, whatever the program permits."""
ROWS = (
    # E: BookedBarber V2 Enterprise
    _row("e-page-ttl", "pages of franchises are cached for ten minutes", "E14", "probe/ttl.franchise-pages", Planted(Defect.SHORT_LIVED_PAGES)),
    _row("e-session-ttl", "sessions are stored for an hour", "E14", "probe/ttl.sessions", Planted(Defect.SHORT_LIVED_SESSIONS)),
    _row("e-replica", "one of three replicas of a shard does not stream", "E12", "probe/replicas.as-many-as-promised",
         breaking.replica_that_does_not_stream),
    _row("e-region", "a region has no instance left", "E03", "probe/regions.serving", breaking.without_instances("ap-southeast-1")),
    _row("e-boundary", "the last franchise of a range is looked for in the next shard", "E04", "probe/routing.last-of-each-range",
         breaking.released_with(breaking.boundary_shifted)),
    _row("e-limit", "a rate limit refuses at half of what is stated", "E28", "probe/limits.as-stated",
         breaking.released_with(lambda _: {"RATE_LIMIT_SCALE": "0.5"})),
    _row("e-stale-page", "a changed franchise stays in the cache", "E25", "probe/invalidation.everywhere",
         Planted(Defect.NEVER_INVALIDATED, _changed_by_probes)),
    _row("e-cache-abroad", "pages of European franchises are cached in America", "E24", "probe/residency.entries-at-home",
         breaking.pages_cached_abroad("eu-west-1", "us-east-1")),
    _row("e-session-region", "a region does not find the sessions of another one", "E16", "probe/sessions.good-everywhere",
         breaking.released_with(breaking.sessions_looked_for_in_the_cache("ap-southeast-1"), "us-west-2")),
    _row("e-report", "reports leave a shard out", "E31", "probe/reports", Planted(Defect.INCOMPLETE_REPORTS)),
    _row("e-pooler", "one of sixteen poolers takes 500 clients", "E11", "probe/poolers.clients-taken",
         breaking.pooler_takes(500, "pooler-eu-west-1-shard2")),
    # P: BookedBarber V2 in one region
    _row("p-header", "answers lack X-Frame-Options", "P08", "probe/headers.frame-options", Planted(Defect.NO_FRAME_OPTIONS)),
    _row("p-transport", "answers lack Strict-Transport-Security", "P08", "probe/headers.strict-transport-security",
         Planted(Defect.NO_TRANSPORT_SECURITY)),
    _row("p-lockout", "no account is ever locked", "P09", "probe/lockout.after-failed-logins", Planted(Defect.NO_LOCKOUT)),
    _row("p-limit", "a rate limit refuses at half of what is stated", "P07", "probe/limits.as-stated",
         breaking.released_with(lambda _: {"RATE_LIMIT_SCALE": "0.5"})),
    _row("p-progressive", "whoever goes on after a refusal waits no longer", "P07", "probe/limits.progressive", Planted(Defect.FORGIVING_LIMITS)),
    _row("p-raw-errors", "a quotation mark in a search is answered with the database's error", "P10", "probe/hostile.search",
         Planted(Defect.RAW_ERRORS)),
    _row("p-live-key", "a page shows a live payment key", "P11", "probe/keys.kind-by-stage", Planted(Defect.LIVE_KEY_SHOWN)),
    _row("p-replica", "one of two replicas does not stream", "P06", "probe/replicas.as-many-as-promised", breaking.replica_that_does_not_stream),
    _row("p-pooler", "the pooler takes 600 clients", "P05", "probe/poolers.clients-taken", breaking.pooler_takes(600, "pooler-us-east-1-shard1")),
    # T: BookedBarber V2 by Terraform
    _row("t-empty-file", "the file of a stage is empty", "T12", "probe/described.clouds-and-stages", breaking.described_as("bookedbarber-gcp-dev", "")),
    _row("t-other-stage", "the file of the development stage says that it is staging", "T12", "probe/described.clouds-and-stages.*'staging'",
         breaking.described_as("bookedbarber-gcp-dev", _described("staging"))),
    _row("t-old-tls", "the entrance speaks no TLS 1.3", "T13", "probe/tls.newest-version-accepted",
         breaking.edges_with(TLS, f"{TLS} ssl-max-ver TLSv1.2")),
    _row("t-errors", "some answers with status 200 hold an error", "T03", "availability/all", Planted(Defect.ERROR_IN_200), plan="t-calm"),
    _row("t-warning", "the bound of the rule about slow responses is in milliseconds, and the metric in seconds", "T08",
         "alert/zone-slow/ResponseTimeElevated|warning/zone-slow", plan="t-warnings",
         environment_also=TextEdit("apps_per_region: 1", "apps_per_region: 1\nalerts: {rules: [application, infrastructure], every: 2s}"),
         environment_edit=TextEdit("rules: [application,", f"rules: [{RULES / 'milliseconds.yaml'},")),
    _row("t-release", "the release that is deployed reaches no primary", "T10", "drill.*/blue-green", plan="t-deploy",
         plan_edit=TextEdit("release: next", "release: bad")),
    # A: the appointment-booking monorepo
    _row("a-tenant", "a booking is shown to everybody who is logged in", "A10", "probe/tenants.read-refused", Planted(Defect.OPEN_BOOKINGS)),
    _row("a-list", "a list of bookings has everybody's", "A10", "probe/tenants.lists-separate", Planted(Defect.SHARED_LISTS)),
    _row("a-transport", "answers lack Strict-Transport-Security", "A13", "probe/headers.strict-transport-security",
         Planted(Defect.NO_TRANSPORT_SECURITY)),
    _row("a-certificate", "the certificate ends in five days", "A13", "probe/tls.certificate-lasts", breaking.certificate_that_ends_in(5)),
    _row("a-old-tls", "TLS 1.0 and 1.1 are accepted", "A13", "probe/tls.old-versions-refused",
         breaking.edges_with(f"{OPTIONS}{TLS}", f"{OLD_CIPHERS}\n    {OPTIONS}ssl-min-ver TLSv1.0")),
    _row("a-new-tls-only", "TLS 1.2 is refused", "A13", "probe/tls.current-version-accepted", breaking.edges_with(TLS, "ssl-min-ver TLSv1.3")),
    _row("a-log-interval", "the log is backed up every half hour instead of every quarter", "A08", "drill-loss/log-interval",
         plan="a-log-interval", plan_edit=TextEdit("interval: 10, stands_for: 900", "interval: 20, stands_for: 1800")),
    # B: BarberPro Argentina
    _row("b-header", "answers lack X-Frame-Options", "B17", "probe/headers.frame-options", Planted(Defect.NO_FRAME_OPTIONS)),
    _row("b-tenant", "a booking is shown to everybody who is logged in", "B17", "probe/tenants.read-refused", Planted(Defect.OPEN_BOOKINGS)),
    _row("b-list", "a list of bookings has everybody's", "B17", "probe/tenants.lists-separate", Planted(Defect.SHARED_LISTS)),
    _row("b-replica", "the standby does not stream", "B17", "probe/replicas.declared-stream", breaking.replica_that_does_not_stream),
    _row("b-instance", "one of five instances has ended", "B17 B18", "probe/regions.instances-ready",
         partial(breaking.without_instances, count=1)("sa-east-1")),
    _row("b-edge-private", "edges keep every answer, also that to a customer who is logged in", "B17", "probe/edge.private-answers-never",
         breaking.edges_that_keep_everything(for_s=5)),
    _row("b-edge-key", "edges forget that an answer depends on the franchise", "B17", "probe/edge.franchises-apart",
         breaking.edges_with("/%[req.fhdr(X-Franchise-Id),hex]", "")),
    _row("b-city", "Rosario is 150 ms away", "B02", "latency-rosario", plan="b-cities",
         environment_edit=TextEdit("rosario: {region: sa-east-1, distance: 26ms}", "rosario: {region: sa-east-1, distance: 150ms}")),
    _row("b-node", "replicas of the cluster evict what they copy", "B22", "drill.*/node-replaced|integrity/lost_sessions",
         breaking.replicas_that_evict, plan="b-node"),
)  # fmt: skip
