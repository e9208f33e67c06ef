"""Locks all free times of some franchises, and every booking there, in one transaction that stays open.

``python -m closeshave.faults.helpers.hold_rows PORT DATABASE USER NAME FRANCHISES AT_NS LASTS_S``. A client that books a free time waits for the end
of this transaction, and so does one that changes a booking. It is never committed; when this process ends, the server rolls it back.
"""

from __future__ import annotations

import signal
import sys

from closeshave.clients import postgres
from closeshave.faults.waiting import after, wait_until

HOTTEST = """
select f.id from franchises f left join bookings b on b.franchise_id = f.id and b.status = 'scheduled'
group by f.id order by count(b.id) desc, f.id limit %(franchises)s
"""
CALENDARS = """
insert into bookings (franchise_id, barber_id, guest_email, service_id, service_name, starts_at, minutes, price_cents)
select franchise_id, id, 'nobody@example.com', 1, 'none', lower(gap), least(minutes, %(minutes_max)s), 0
from (
    select barber.franchise_id, barber.id, gap, floor(extract(epoch from upper(gap) - lower(gap)) / 60)::int as minutes
    from barbers barber
    cross join lateral (
        select coalesce(range_agg(during), '{}') as taken from bookings where barber_id = barber.id and status = 'scheduled'
    ) booked
    cross join lateral unnest(tstzmultirange(tstzrange(now(), now() + interval '32 days')) - booked.taken) as gap
    where barber.franchise_id = any(%(franchises)s)
) gaps
where minutes > 0
on conflict do nothing
"""
"""Inserts a booking into every free gap of the coming month, each at most so long."""
ROWS = "select id from bookings where franchise_id = any(%(franchises)s) and status = 'scheduled' for update"
MONTH_MINUTES = 60 * 24 * 32
TRIES = 10
"""Customers book at the same time: if two transactions wait for each other, the server ends one of them, and it is tried again."""


def main(connection: postgres.Connection, franchises: list[int], at_ns: int, lasts_s: float) -> None:
    """From the monotonic nanosecond ``at_ns`` on, until told to end or ``lasts_s`` seconds have passed. Raises :data:`postgres.Unavailable`."""
    with connection:
        wait_until(at_ns)
        for left in reversed(range(TRIES)):
            try:
                connection.execute(CALENDARS, {"franchises": franchises, "minutes_max": MONTH_MINUTES})
                connection.execute(ROWS, {"franchises": franchises})
                break
            except postgres.Deadlock:
                connection.rollback()
                if not left:
                    raise
        wait_until(after(lasts_s), interval_s=1.0)
        connection.rollback()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port, database, user, name, ids, at_ns, lasts_s = sys.argv[1:]
    main(
        # Its statements wait as long as customers keep them waiting.
        postgres.connect(int(port), database, user, name=name, connect_timeout_s=None, statement_timeout_s=None, autocommit=False),
        [int(franchise) for franchise in ids.split(",")],
        int(at_ns),
        float(lasts_s),
    )
