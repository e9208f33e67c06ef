"""The stand-in as an application: what a file without a section ``application`` runs. The files that ship state the same."""

from __future__ import annotations

from dataclasses import replace

from closeshave.deployment import VersionAt
from closeshave.environments.application import ApplicationOf, CachedPages, FinalState, JobsOf, LiveUpdatesOf, Prepare, ReleaseOf, WorkerOf
from closeshave.standin.franchises import PAGE

BOOKINGS = """\
SELECT id, franchise_id, barber_id, coalesce(client_id::text, guest_email) AS client_id, starts_at AS start_time, minutes AS duration_minutes, status,
       version, idempotency_key, created_at, price_cents / 100.0 AS price
FROM bookings WHERE created_at >= to_timestamp(%(since_s)s)
"""
JOBS = """\
SELECT j.id AS job, b.id AS booking_id, b.franchise_id, k.kind, coalesce(j.due_at, b.created_at) AS due_at, e.done_at, e.worker
FROM bookings b CROSS JOIN (VALUES ('receipt'), ('reminder')) AS k (kind)
     LEFT JOIN jobs j ON j.booking_id = b.id AND j.kind = k.kind LEFT JOIN job_effects e ON e.job_id = j.id
WHERE b.created_at >= to_timestamp(%(since_s)s)
"""
SOURCES = ("seed.py", "schema.sql", "passwords.py", "regions.py")
"""The stand-in's sources on which the contents of its databases depend."""

STAND_IN = ApplicationOf(
    command=("{python}", "-m", "closeshave.standin.app"),
    variables={
        "INSTANCE": "{instance}",
        "REGION": "{region}",
        "HOST": "{host}",
        "PORT": "{port}",
        "TOPOLOGY": "{topology}",
        "DATABASE_URLS": "{database_urls}",
        "REPLICA_URLS": "{replica_urls}",
        "CACHE_URLS": "{cache_urls}",
        "SESSIONS_URLS": "{sessions_urls}",
        "RATELIMIT_URL": "{ratelimit_url}",
        "CLUSTER_NODES": "{cluster_nodes}",
        "PAYMENTS_URL": "{payments_url}",
        "SIGNING_KEY_FILE": "{private_key_file}",
        "OPERATIONS_FILE": "{operations_file}",
        "ROUTING_FILE": "{routing_file}",
        "DEFECTS_FILE": "{scratch}/defects",
        "RATE_LIMIT_SCALE": "{rate_limit_scale}",
        "BACKGROUND": "{background}",
        "LIVE_UPDATES": "{live_updates}",
        "VERSION": "1.0.0",
        "HARDENED": True,
    },
    prepare=Prepare(
        command=("{python}", "-m", "closeshave.standin.seed"),
        variables={
            "DATABASE_URL": "{database_url}",
            "SHARD": "{shard}",
            "ACCOUNTS_FILE": "{accounts_file}",
            "BARBERS_PER_FRANCHISE": "{barbers_per_franchise}",
            "ACCOUNTS_PER_REGION": "{accounts_per_region}",
        },
        depends=tuple(f"{{harness}}/closeshave/standin/{name}" for name in SOURCES),
    ),
    version=VersionAt(path="/health/ready", header="X-App-Version"),
    # The discard service's port, where no program listens: ready, it reads from standbys, and reaches no primary.
    releases={
        "next": ReleaseOf(variables={"VERSION": "1.0.1"}, version="1.0.1"),
        "bad": ReleaseOf(variables={"VERSION": "1.0.1-bad", "DATABASE_PORT": 9}, version="1.0.1-bad"),
    },
    read_back=FinalState(
        query=BOOKINGS,
        jobs=JobsOf(query=JOBS, within=30.0),
        cached=CachedPages(prefix="franchise:", query=f"{PAGE.strip()}\n"),
        resident_rows="SELECT count(*) FROM franchises WHERE id BETWEEN %s AND %s",
    ),
    webhooks="/api/v2/webhooks/payments",
    live_updates=LiveUpdatesOf(path="/api/v2/updates", starts="used"),
    tables="stand-in",
    patient=True,
    preload=("closeshave.standin.app",),
)

WITH_WORKERS = replace(
    STAND_IN,
    workers=(
        WorkerOf(
            name="jobs",
            command=("{python}", "-m", "closeshave.standin.background"),
            variables={"BROKER_URLS": "{broker_urls}"},
            starts="used",
        ),
    ),
)
"""The same with its workers, one in each region: what a file without that section runs if it has a broker."""
