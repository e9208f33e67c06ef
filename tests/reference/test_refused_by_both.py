"""What a schema can say, it says as the harness does: each of these files is refused by both, and the same file without its mistake by neither."""

import copy
import json
from functools import cache, reduce
from pathlib import Path

import jsonschema
import pytest

from closeshave.api.known import read_api
from closeshave.environments.definition import read_definition
from closeshave.files.yamlfile import InvalidFile, read
from closeshave.plan import read_plan
from closeshave.reference.schemas import schemas
from closeshave.target import read_target
from closeshave.traffic.profiles import Profile
from tests.tiers import thorough
from tests.yamls import loaded

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "every-key"
READERS = {
    "plan": ("plan", read_plan),
    "target": ("target", read_target),
    "embedded": ("environment", read_definition),
    "containers": ("environment", read_definition),
    "remote": ("environment", read_definition),
    "kubernetes": ("environment", read_definition),
    "profile": ("profile", lambda path: read(path, Profile)),
    "api": ("api", read_api),
}
GONE = object()

WRONG = [
    # an unknown key, a missing one, another kind of value
    ("plan", "nmae", "x"),
    ("plan", "seed", GONE),
    ("plan", "seed", -1),
    ("plan", "seed", 1.5),
    ("plan", "seed", True),
    ("plan", "name", "two words"),
    ("plan", "name", "-x"),
    ("plan", "phases", []),
    # drills
    ("plan", "drills.0.id", "Restore 1"),
    ("plan", "drills.0.kind", "restore"),
    ("plan", "drills.0.at", GONE),
    ("plan", "drills.0.limit", "0s"),
    ("plan", "drills.0.hold", "5s"),
    ("plan", "drills.0.expected.failed_requests", "150%"),
    ("plan", "drills.0.expected.duration", "0s"),
    ("plan", "drills.0.expected.loss", "-1s"),
    ("plan", "drills.0.expected.refusal", "0s"),
    ("plan", "drills.0.expected.lost_sessions", "101%"),
    ("plan", "drills.0.expected.recovery", "5s"),
    # alerts
    ("plan", "alerts.silent_within", "0s"),
    ("plan", "alerts.expected.0.fault", GONE),
    ("plan", "alerts.expected.0.alert", "Database down"),
    ("plan", "alerts.expected.0.severity", "warning"),
    ("plan", "alerts.expected.0.within", "5s"),
    ("target", "objectives.6.severities", ["warning"]),
    ("target", "objectives.6.faults", GONE),
    ("target", "objectives.6.at_least", "5m"),
    ("target", "objectives.7.at_least", -1),
    ("target", "objectives.7.at_least", 1.5),
    ("target", "objectives.7.severities", ["high"]),
    ("embedded", "alerts.rules", []),
    ("embedded", "alerts.rules", ["database"] * 2),
    ("embedded", "alerts.every", "0s"),
    ("embedded", "alerts.metrics_path", "metrics"),
    ("embedded", "alerts.receiver", "x"),
    # how releases are compared, and what is waived
    ("plan", "gate.metrics", []),
    ("plan", "gate.metrics", ["p95/book"] * 2),
    ("plan", "gate.metrics", ["p95/book", "p95/slots", "p95/login", "p95/cancel", "not-good", "cache-misses"]),
    ("plan", "gate.metrics", ["p42/book"]),
    ("plan", "gate.metrics", ["not-so-good"]),
    ("plan", "gate.tolerate", "150%"),
    ("plan", "gate.notice", "0%"),
    ("plan", "gate.notice_share", 0),
    ("plan", "gate.blocks", 4),
    ("plan", "gate.blocks", 11),
    ("plan", "gate.repeats", 11),
    ("plan", "gate.trend", "fails"),
    ("plan", "gate.alpha", 0.05),
    ("plan", "waive.0.until", GONE),
    ("plan", "waive.0.until", "tomorrow"),
    ("plan", "waive.0.until", "2026-12"),
    ("plan", "waive.0.until", 20261224),
    ("plan", "waive.0.owner", ""),
    ("plan", "waive.0.owner", GONE),
    ("target", "waive.0.reason", GONE),
    # probes
    ("target", "claims.4.probes", ["tenants"]),
    ("target", "claims.4.probes", ["Tenants.*"]),
    ("target", "claims.4.probes", ["tenants.*", "tenants.*"]),
    ("target", "claims.3.says.4.replicas", 0),
    ("target", "claims.3.says.4.pooled_connections", 0),
    ("plan", "rounds.0.id", "Two Words"),
    ("plan", "rounds.0.at", GONE),
    ("plan", "rounds.0.at", 5),
    ("plan", "rounds.0.probes", []),
    ("plan", "rounds.0.probes", ["tenants"]),
    ("plan", "rounds.0.probes", ["tenants.*", "tenants.*"]),
    ("plan", "rounds.0.every", "5s"),
    # figures of promises
    ("target", "plans", ["smoke", "smoke"]),
    ("target", "objectives.9.per", GONE),
    ("target", "objectives.9.per", "shard"),
    ("target", "claims.3.says.0.users", 0),
    ("target", "claims.3.says.0.requests_per_s", "many"),
    ("target", "claims.3.says.0.response_time", "500"),
    ("target", "claims.3.says.0.availability", "101%"),
    ("target", "claims.3.says.0.availability", GONE),
    ("target", "claims.3.says.1.rto", "0s"),
    ("target", "claims.3.says.1.rpo", 300),
    ("target", "claims.3.says.1.failover", "planet"),
    ("target", "claims.3.says.2.resident", []),
    ("target", "claims.3.says.2.regions", ["eu-west-1", "eu-west-1"]),
    ("target", "claims.3.says.2.shards", GONE),
    ("target", "claims.3.says.2.sharded_by", "name"),
    ("target", "claims.3.says.3", {"of": "franchises"}),
    ("target", "claims.3.says.3.hits", "95%"),
    ("target", "product", "two words"),
    ("target", "assumes.zipf", 11),
    ("target", "assumes.think_time", "0s"),
    ("target", "assumes.lookups_per_request", 0),
    ("target", "waive.0.verdict", ""),
    ("plan", "phases", "calm"),
    ("plan", "rate", "automatic"),
    ("plan", "phases.1.role", "quiet"),
    ("plan", "phases.1.duration", "90"),
    ("plan", "phases.1.duration", 90),
    ("plan", "phases.1.duration", "0s"),
    ("plan", "phases.1.duration", "1 m"),
    ("plan", "phases.1.duration", "-1s"),
    ("plan", "phases.1.sessions_per_s", 0),
    ("plan", "phases.1.sessions_per_s", 2_000_000),
    ("plan", "phases.1.sessions_per_s", "fast"),
    ("plan", "phases.1.sessions_per_s", True),
    ("plan", "phases.0.shape.kind", "rampp"),
    ("plan", "phases.0.shape.start", 1.1),
    ("plan", "phases.2.shape.levels", []),
    ("plan", "phases.4.shape.hours", [1.0] * 23),
    ("plan", "phases.3.shape.half_life", 0),
    ("plan", "faults.0.id", "Two Words"),
    ("plan", "faults.0.kind", "primary-killed"),
    ("plan", "faults.0.hold", GONE),
    ("plan", "faults.0.hold", 0),
    ("plan", "faults.0.at", 5),
    ("plan", "faults.0.expected", "survives"),
    ("plan", "faults.0.scope", {"shard": True}),
    ("plan", "faults.0.scope", {"shard": -1}),
    ("plan", "limits.requests", 0),
    ("plan", "limits.duration", 0),
    ("plan", "traffic.processes", 0),
    ("plan", "traffic.locust.file", GONE),
    ("plan", "traffic.locust.model", "half-open"),
    ("plan", "traffic.locust.users", 0),
    ("plan", "traffic.locust.users", 100_001),
    ("plan", "traffic.locust.tasks_per_visit", 0),
    ("plan", "traffic.processes", 257),
    ("plan", "traffic.roaming", 1.5),
    ("plan", "traffic.zipf", 11),
    ("plan", "traffic.popular_ids", "random"),
    ("plan", "traffic.per_session", {"slots": -1}),
    ("plan", "traffic.per_session", {"slts": 1}),
    ("plan", "canaries.home_per_s", 0),
    ("plan", "canaries.away_per_s", -1),
    ("plan", "canaries.restored_share", "100%"),
    ("plan", "canaries.restored_share", 0.4),
    ("plan", "nemesis.kinds", []),
    ("plan", "nemesis.overlap_max", 0),
    ("plan", "nemesis.overlap_max", 101),
    ("plan", "canaries.restored_share", "49.9 %"),
    ("plan", "aborts.leakage", 0),
    ("plan", "aborts.leakage", "0%"),
    ("plan", "aborts.budget", 1001),
    ("plan", "aborts.leakage", "101%"),
    ("plan", "aborts.budget", 0),
    ("plan", "aborts.window", 0),
    # of a target
    ("target", "claims.0.how", ["hope"]),
    ("target", "claims.0.must_have", "perhaps"),
    ("target", "claims.0.id", ""),
    ("target", "objectives.0.measure", "uptime"),
    ("target", "objectives.0.at_least", GONE),
    ("target", "objectives.0.at_least", 99.9),
    ("target", "objectives.0.at_least", "100ms"),
    ("target", "objectives.0.at_most", "99%"),
    ("target", "objectives.0.percentile", "95%"),
    ("target", "objectives.0.per", "country"),
    ("target", "objectives.0.confidence", "50%"),
    ("target", "objectives.0.confidence", "100%"),
    ("target", "objectives.0.invariants", ["lost"]),
    ("target", "objectives.0.window", "degraded"),
    ("target", "objectives.0.warm", True),
    ("target", "objectives.0.faults", ["shard.*"]),
    ("target", "objectives.5.faults", ["shard.*"]),
    ("target", "objectives.1.percentile", GONE),
    ("target", "objectives.1.percentile", 95),
    ("target", "objectives.1.percentile", "0%"),
    ("target", "objectives.1.at_most", 100),
    ("target", "objectives.1.at_most", "99%"),
    ("target", "objectives.1.operations", ["login"]),
    ("target", "objectives.4.faults", GONE),
    ("target", "objectives.4.faults", []),
    ("target", "objectives.4.per", "region"),
    ("target", "objectives.4.sliding", "10s"),
    ("target", "objectives.4.operations", ["book"]),
    ("target", "objectives.5.at_most", 0),
    ("target", "objectives.5.at_least_chances", 0),
    # of environments
    ("embedded", "kind", "cloud"),
    ("embedded", "kind", GONE),
    ("embedded", "images", {}),
    ("embedded", "name", "two words"),
    ("embedded", "regions", []),
    ("embedded", "regions", ["us-east-1", "us-east-1", "eu-west-1"]),
    ("embedded", "shards", []),
    ("embedded", "shards.0.first", 0),
    ("embedded", "shards.0.standby", GONE),
    ("embedded", "tiers.0.tier", "queue"),
    ("embedded", "etcd", []),
    # background work and live updates
    ("embedded", "tiers.0.tier", "queue"),
    ("embedded", "application.workers.0.starts", "never"),
    ("embedded", "application.read_back.jobs.query", ""),
    ("embedded", "application.read_back.jobs.within", GONE),
    ("embedded", "application.live_updates.path", "updates"),
    ("embedded", "application.live_updates.within", "0s"),
    ("embedded", "application.release", "two words"),
    ("embedded", "application.releases", {"two words": {"variables": {"X": 1}}}),
    ("embedded", "application.releases.bad.comand", ["python3"]),
    ("embedded", "application.releases.bad.variables", ["X=1"]),
    ("embedded", "apps_per_region", 0),
    ("embedded", "apps_per_region", 101),
    ("embedded", "database.ttl", 20),
    ("embedded", "database.binaries", "docker"),
    ("embedded", "seed.barbers_per_franchise", 10),
    ("embedded", "seed.accounts_per_region", 0),
    ("embedded", "ports", 40000),
    ("embedded", "ports", "any"),
    ("embedded", "links", ["app-queue"]),
    ("embedded", "rate_limit_scale", 0),
    ("embedded", "edges.tls", "https"),
    ("embedded", "edges.tls", 2),
    ("embedded", "edges.cache.ttl", GONE),
    ("embedded", "edges.cache.ttl", "0s"),
    ("embedded", "edges.cache.size_mb", 0),
    ("embedded", "edges.cache.size_mb", 1025),
    ("embedded", "edges.cache.keyed_by", ["X Franchise"]),
    ("embedded", "edges.cache.keyed_by", "X-Franchise-Id"),
    ("embedded", "edges.cache.purge", True),
    ("embedded", "evidence", "measured"),
    ("containers", "images.queue", "x"),
    ("remote", "regions", {}),
    ("remote", "regions", {"us-east-1": "https://example.com/api", "eu-west-1": "https://example.com"}),
    ("remote", "regions", {"us-east-1": "https://me:secret@example.com", "eu-west-1": "https://example.com"}),
    ("remote", "regions", {"us-east-1": "example.com", "eu-west-1": "https://example.com"}),
    ("remote", "stage", "test"),
    ("remote", "fingerprint.path", "health"),
    ("remote", "fingerprint.expect", {}),
    ("remote", "caps", GONE),
    ("remote", "caps.requests_per_s", 0),
    ("remote", "caps.duration", 3600),
    ("remote", "accounts.register", 1001),
    ("remote", "capabilities.ready_by", "hope"),
    ("remote", "capabilities.idle_barbers", [0]),
    ("remote", "capabilities.slots_per_day", 0),
    ("remote", "read_back.api", "root"),
    ("remote", "metrics.prometheus", "https://me:secret@prometheus.example.com"),
    ("remote", "proxy.url", "proxy.example.com:3128"),
    ("remote", "proxy.url", "http://proxy.example.com"),
    ("remote", "hooks.0.inject.command", ["true"]),
    ("remote", "hooks.0.inject.http", GONE),
    ("remote", "hooks.0.inject.method", "KILL"),
    ("remote", "hooks.0.inject.timeout", 30),
    ("remote", "hooks.0.heal_check.expect", {}),
    ("remote", "hooks.0.heal_check.expect.status", 99),
    ("remote", "hooks.0.undo", GONE),
    ("remote", "hooks.0.inject.experiment", "broken.yaml"),
    ("remote", "hooks.1.inject.experiment", GONE),
    ("remote", "hooks.1.inject.part", "everything"),
    ("embedded", "hooks.0.inject.experiment", GONE),
    ("remote", "hooks.0.ends", "never"),
    ("remote", "drill_hooks.0.kind", "moved"),
    ("remote", "drill_hooks.0.start", GONE),
    ("remote", "drill_hooks.0.verify", GONE),
    ("remote", "drill_hooks.0.abort", GONE),
    ("remote", "drill_hooks.0.heal_check", GONE),
    ("remote", "drill_hooks.0.finish.http", "https://operator.example.com"),
    ("remote", "drill_hooks.0.stays", "perhaps"),
    ("remote", "drill_hooks.0.verified_within", 30),
    ("remote", "drill_hooks.0.inject", {"command": ["true"]}),
    ("kubernetes", "cluster", GONE),
    ("kubernetes", "cluster.uid", "mine"),
    ("kubernetes", "cluster.uid", GONE),
    ("kubernetes", "cluster.namespaces", []),
    ("kubernetes", "cluster.preset", "crunchy"),
    ("kubernetes", "cluster.shards.0.instances", 0),
    ("kubernetes", "cluster.shards.0.namespace", "Booking Data"),
    ("kubernetes", "cluster.application.labels", {}),
    ("kubernetes", "cluster.application.instances", GONE),
    ("kubernetes", "cluster.zone_label", "a label"),
    ("kubernetes", "cluster.pods_at_once", 0),
    ("kubernetes", "cluster.nodes_at_once", -1),
    ("remote", "cluster", {"uid": "x"}),
    # of a traffic profile
    ("api", "operations.book", GONE),
    ("api", "operations.bok", {"path": "/x"}),
    ("api", "operations.book.path", "reservations"),
    ("api", "operations.book.method", "BOOK"),
    ("api", "operations.slots.answer.rows", GONE),
    ("api", "booking.id", GONE),
    ("api", "booking.notes", 3),
    ("api", "instants", "unix"),
    ("api", "money", "euros"),
    ("api", "statuses.VOID", "void"),
    ("api", "services.Cut.minutes", 0),
    ("api", "services", {}),
    ("api", "limits.book", "30 per hour or so"),
    ("api", "limits.bok", "30 per 1h"),
    ("api", "refusals.taken.0.status", 99),
    ("profile", "hours", [1.0] * 23),
    ("profile", "days", [1.0] * 8),
    ("profile", "speed", 0),
    ("profile", "crowd.peak", 0.5),
    ("profile", "crowd.half_life", 0),
    ("profile", "starts_at", "soon"),
]


@cache
def check(kind):
    """The schema of this kind of file."""
    return jsonschema.Draft202012Validator(schemas()[kind])


@cache
def example(name):
    """The document that shows every key of such a file; nobody changes it, but a copy."""
    return loaded(EXAMPLES / f"{name}.yaml")


def changed(document, path, value):
    """A copy with another value, or none, at a place."""
    whole = copy.deepcopy(document)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    holder = reduce(lambda node, part: node[part], way, whole)
    if value is GONE:
        del holder[last]
    else:
        holder[last] = value
    return whole


def in_json(document):
    """Days as text; JSON is YAML too, and much sooner written."""
    return json.dumps(document, default=lambda value: value.isoformat(), indent=1)


def complaints(kind, document):
    """What the schema says of it."""
    return [error.message for error in check(kind).iter_errors(json.loads(in_json(document)))]


def written(tmp_path, document):
    """A file of it."""
    path = tmp_path / "file.yaml"
    path.write_text(in_json(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", READERS)
def test_the_files_that_show_every_key_are_accepted_by_both(name, tmp_path):
    """So that each row below is refused for its one mistake."""
    kind, reader = READERS[name]
    assert complaints(kind, example(name)) == []
    assert reader(EXAMPLES / f"{name}.yaml")
    assert reader(written(tmp_path, example(name)))


ANYTHING = {"parameters", "variables", "members", "body", "pooler"}
"""Mappings whose values may be anything, or are checked only when all other keys are right."""


def places(node, wanted, path=()):
    """Where a document has a value that is wanted."""
    if isinstance(node, dict | list):
        for part, each in node.items() if isinstance(node, dict) else enumerate(node):
            if part not in ANYTHING:
                yield from places(each, wanted, (*path, str(part)))
    elif wanted(node):
        yield ".".join(path)


def is_truth(value):
    """Whether it is true or false."""
    return isinstance(value, bool)


def is_number(value):
    """Whether it is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


FORMS = [*((is_truth, wrong) for wrong in (1, 0, "yes", "true")), *((is_number, wrong) for wrong in (True, False))]


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(("wanted", "wrong"), FORMS, ids=lambda each: each.__name__ if callable(each) else repr(each))
def test_a_number_is_no_truth_and_a_truth_is_no_number(name, wanted, wrong, tmp_path):
    """Each such key of the file is refused by both, by its name: ``true`` is not 1, nor is ``yes`` true."""
    kind, reader = READERS[name]
    there = [*places(example(name), wanted)]
    if not there:
        return
    document = reduce(lambda whole, path: changed(whole, path, wrong), there, example(name))
    with pytest.raises(InvalidFile) as refused:
        reader(written(tmp_path, document))
    assert {*there} == {problem.key for problem in refused.value.problems} & {*there}
    if wanted is is_truth:
        assert all(str(problem).endswith(f"{wrong!r} is not true or false") for problem in refused.value.problems if problem.key in there)
    told = [".".join(map(str, error.absolute_path)) for error in check(kind).iter_errors(document)]
    # Of a value that may have several forms the schema names the place above it.
    assert [path for path in there if not any(path == place or path.startswith(f"{place}.") for place in told if place)] == []


def of_each_section():
    """The first mistake in each section of each file for the plain tests, the others for the thorough ones."""
    seen = set()
    for name, path, value in WRONG:
        section = name, *path.split(".")[:2]
        yield from [(name, path, value)] if section not in seen else thorough((name, path, value))
        seen.add(section)


@pytest.mark.parametrize(("name", "path", "value"), tuple(of_each_section()), ids=lambda each: "gone" if each is GONE else str(each)[:30])
def test_one_mistake_is_refused_by_both(name, path, value, tmp_path):
    """By the harness with the key, by the schema in the editor."""
    kind, reader = READERS[name]
    document = changed(example(name), path, value)
    with pytest.raises(InvalidFile):
        reader(written(tmp_path, document))
    assert complaints(kind, document)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("plan", "phases.1.duration", "1m 30s"),
        ("plan", "faults.0.at", 0),
        ("plan", "aborts.leakage", "0.5"),
        ("plan", "aborts.budget", "250%"),
        ("plan", "canaries.restored_share", "99.9 %"),
        ("plan", "canaries.restored_share", 0.5),
        ("plan", "faults.0.scope", {"shard": "1"}),
        ("plan", "phases.1.shape", None),
        ("target", "objectives.0.at_least", 0.999),
        ("target", "objectives.0.at_least", "100%"),
        ("target", "objectives.1.at_most", 0),
        ("target", "objectives.1.sliding", None),
        ("embedded", "ports", "auto"),
        ("remote", "hooks.0.ends", "at-once"),
        ("remote", "regions", {"us-east-1": "http://[::1]:8080/", "eu-west-1": "https://eu.example.com"}),
    ],
    ids=str,
)
def test_other_forms_are_accepted_by_both(name, path, value, tmp_path):
    """A schema is no stricter than it must be: such a file shows no error in an editor."""
    kind, reader = READERS[name]
    document = changed(example(name), path, value)
    if name == "remote" and "::1" in str(value):
        del document["proxy"]
    reader(written(tmp_path, document))
    assert complaints(kind, document) == []
