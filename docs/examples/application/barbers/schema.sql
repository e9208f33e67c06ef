-- The application's tables. It may be applied any number of times: what is there already is left as it is.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Milliseconds since the epoch and a sequence. A bare sequence would not do: after a failover that lost the last writes it gives the IDs of
-- lost bookings to others.
CREATE SEQUENCE IF NOT EXISTS ids;
CREATE OR REPLACE FUNCTION new_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint * 1000 + nextval('ids') % 1000
$$;

CREATE TABLE IF NOT EXISTS barbers (
    id   integer PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE IF NOT EXISTS services (
    id      integer PRIMARY KEY,
    name    text    NOT NULL UNIQUE,
    minutes integer NOT NULL CHECK (minutes > 0),
    cents   integer NOT NULL CHECK (cents > 0)
);

CREATE TABLE IF NOT EXISTS people (
    id       bigint PRIMARY KEY DEFAULT new_id(),
    email    text NOT NULL UNIQUE,
    password text NOT NULL,
    role     text NOT NULL DEFAULT 'client' CHECK (role IN ('client', 'admin')),
    made     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE IF NOT EXISTS bookings (
    id        bigint PRIMARY KEY DEFAULT new_id(),
    barber_id integer NOT NULL REFERENCES barbers,
    person_id bigint REFERENCES people,
    guest     text,
    service   text NOT NULL,
    starts    timestamptz NOT NULL,
    ends      timestamptz NOT NULL CHECK (ends > starts),
    cents     integer NOT NULL,
    notes     text,
    key       text,
    status    text NOT NULL DEFAULT 'scheduled' CHECK (status IN ('scheduled', 'cancelled')),
    version   integer NOT NULL DEFAULT 1,
    reminded  timestamptz,
    made      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((person_id IS NULL) = (guest IS NOT NULL)),
    -- A repeated request with the same key is the same booking.
    UNIQUE (person_id, key),
    -- No two bookings of a barber overlap, whichever instances accept them at the same time.
    CONSTRAINT one_at_a_time EXCLUDE USING gist (barber_id WITH =, tstzrange(starts, ends) WITH &&) WHERE (status = 'scheduled')
);
CREATE INDEX IF NOT EXISTS bookings_by_start ON bookings (starts) WHERE status = 'scheduled';
CREATE INDEX IF NOT EXISTS bookings_of_person ON bookings (person_id, starts DESC);

-- One payment for each booking. "charging" is written before the provider is asked, so that the worker finds what was interrupted.
CREATE TABLE IF NOT EXISTS payments (
    id         bigint PRIMARY KEY DEFAULT new_id(),
    booking_id bigint  NOT NULL UNIQUE REFERENCES bookings,
    person_id  bigint  NOT NULL REFERENCES people,
    intent     text    NOT NULL UNIQUE,
    secret     text    NOT NULL,
    cents      integer NOT NULL CHECK (cents > 0),
    status     text    NOT NULL DEFAULT 'announced' CHECK (status IN ('announced', 'charging', 'paid')),
    capture    text    UNIQUE,
    made       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((status = 'paid') = (capture IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS payments_unfinished ON payments (made) WHERE status = 'charging';
