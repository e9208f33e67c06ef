-- One shard of the stand-in platform. The seed names the shard first, in the settings standin.shard, standin.first, standin.last and standin.home.

CREATE EXTENSION btree_gist;

-- Which shard this database is: one row, read by /health, and the source of the checks below.
CREATE TABLE shard (
    id    integer PRIMARY KEY,
    first integer NOT NULL,
    last  integer NOT NULL,
    home  text    NOT NULL
);
CREATE UNIQUE INDEX shard_is_one_row ON shard ((true));

-- Shard, second and a sequence in one number. A bare sequence would not do: after a failover that lost the last writes it starts again below
-- values that were already given out, and a lost booking's ID would then name somebody else's booking.
-- 1767225600 is 2026-01-01T00:00:00Z; below it lie the seeded rows.
CREATE SEQUENCE ids;
CREATE FUNCTION new_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (SELECT id FROM shard)::bigint * 1000000000000
         + (extract(epoch FROM clock_timestamp())::bigint - 1767225600) * 1000
         + nextval('ids') % 1000
$$;

CREATE TABLE services (
    id          integer PRIMARY KEY,
    name        text    NOT NULL UNIQUE,
    description text    NOT NULL,
    minutes     integer NOT NULL CHECK (minutes > 0),
    price_cents integer NOT NULL CHECK (price_cents > 0)
);

CREATE TABLE franchises (
    id         integer PRIMARY KEY,
    network_id integer NOT NULL,
    name       text    NOT NULL,
    address    text    NOT NULL,
    city       text    NOT NULL,
    phone      text    NOT NULL,
    region     text    NOT NULL,
    timezone   text    NOT NULL,
    version    integer NOT NULL DEFAULT 1
);

CREATE INDEX franchises_of_network ON franchises (network_id);

CREATE TABLE opening_hours (
    franchise_id integer PRIMARY KEY REFERENCES franchises,
    opens        time    NOT NULL DEFAULT '09:00',
    closes       time    NOT NULL DEFAULT '17:00',
    slot_minutes integer NOT NULL DEFAULT 30 CHECK (slot_minutes > 0),
    CHECK (opens < closes)
);

CREATE TABLE barbers (
    id           integer PRIMARY KEY,
    franchise_id integer NOT NULL REFERENCES franchises,
    name         text    NOT NULL,
    email        text    NOT NULL,
    active       boolean NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (id / 10 = franchise_id)
);
CREATE INDEX barbers_of_franchise ON barbers (franchise_id);

CREATE TABLE users (
    id            bigint PRIMARY KEY DEFAULT new_id(),
    email         text NOT NULL UNIQUE CHECK (email = lower(email)),
    password_hash text NOT NULL,
    first_name    text NOT NULL,
    last_name     text NOT NULL,
    phone         text,
    role          text NOT NULL DEFAULT 'client' CHECK (role IN ('client', 'admin')),
    region        text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- PostgreSQL calls timestamptz + interval stable, because days and months depend on the session's time zone. Minutes do not, so this may be
-- declared immutable, as a generated column asks for.
CREATE FUNCTION period(starts_at timestamptz, minutes integer) RETURNS tstzrange LANGUAGE sql IMMUTABLE AS $$
    SELECT tstzrange(starts_at, starts_at + make_interval(mins => minutes))
$$;

CREATE TABLE bookings (
    id              bigint PRIMARY KEY DEFAULT new_id(),
    franchise_id    integer NOT NULL,
    barber_id       integer NOT NULL,
    client_id       bigint,
    guest_name      text,
    guest_email     text,
    guest_phone     text,
    service_id      integer NOT NULL,
    service_name    text NOT NULL,
    starts_at       timestamptz NOT NULL,
    minutes         integer NOT NULL CHECK (minutes > 0),
    during          tstzrange NOT NULL GENERATED ALWAYS AS (period(starts_at, minutes)) STORED,
    status          text NOT NULL DEFAULT 'scheduled' CHECK (status IN ('scheduled', 'cancelled')),
    price_cents     integer NOT NULL,
    notes           text,
    idempotency_key text UNIQUE,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Service name, length and price are copies: what was agreed, whatever becomes of the service. A booking is a client's or a guest's.
    CHECK ((client_id IS NULL) = (guest_email IS NOT NULL)),
    CONSTRAINT bookings_barber_of_franchise CHECK (barber_id / 10 = franchise_id),
    -- The promise itself: no two scheduled bookings of a barber overlap, whatever their lengths.
    CONSTRAINT bookings_no_overlap EXCLUDE USING gist (barber_id WITH =, during WITH &&) WHERE (status = 'scheduled')
);
CREATE INDEX bookings_of_day ON bookings (franchise_id, starts_at) WHERE status = 'scheduled';
CREATE INDEX bookings_of_client ON bookings (client_id, starts_at);

-- Who listens to this channel hears of every change of a customer's booking when it is committed. Only sessions that say so tell of theirs.
CREATE FUNCTION tell_of_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('bookings', json_build_object(
        'client', NEW.client_id, 'booking', NEW.id, 'version', NEW.version, 'status', NEW.status)::text);
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_tell AFTER INSERT OR UPDATE ON bookings FOR EACH ROW
    WHEN (NEW.client_id IS NOT NULL AND current_setting('standin.live', true) = 'on') EXECUTE FUNCTION tell_of_change();

-- What the platform reads and writes: every column but the range, which is the database's own business.
CREATE VIEW appointments AS
    SELECT id, franchise_id, barber_id, client_id, guest_name, guest_email, guest_phone, service_id, service_name, starts_at, minutes, status,
           price_cents, notes, idempotency_key, version, created_at
    FROM bookings;

-- One payment a booking. It is written before the provider is asked to charge, so that a crash in between can be picked up again.
CREATE TABLE payments (
    id           bigint PRIMARY KEY DEFAULT new_id(),
    booking_id   bigint  NOT NULL UNIQUE REFERENCES bookings,
    franchise_id integer NOT NULL,
    client_id    bigint  NOT NULL,
    intent_id    text    NOT NULL UNIQUE,
    secret       text    NOT NULL,
    amount_cents integer NOT NULL CHECK (amount_cents > 0),
    status       text    NOT NULL DEFAULT 'requires_confirmation' CHECK (status IN ('requires_confirmation', 'captured')),
    capture_id   text    UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    captured_at  timestamptz,
    CHECK ((status = 'captured') = (capture_id IS NOT NULL))
);

-- Keys seen on payment routes: one key means one request.
CREATE TABLE payment_keys (
    key          text    PRIMARY KEY,
    request      text    NOT NULL,
    booking_id   bigint  NOT NULL,
    -- That of the booking, so that a key moves with it; 0 for a key that was sent with no known booking.
    franchise_id integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Work to be done later for a booking, written with the booking itself, so that neither is there without the other. It stays empty where no worker runs.
CREATE TABLE jobs (
    id           bigint PRIMARY KEY DEFAULT new_id(),
    booking_id   bigint  NOT NULL REFERENCES bookings ON DELETE CASCADE,
    franchise_id integer NOT NULL,
    kind         text    NOT NULL CHECK (kind IN ('receipt', 'reminder')),
    due_at       timestamptz NOT NULL,
    published_at timestamptz, -- when the broker took it; from then on it is the broker's and the workers' affair
    deliveries   integer NOT NULL DEFAULT 0, -- how often a worker got it and came to its end; more than once is allowed, more than one effect is not
    UNIQUE (booking_id, kind)
);
CREATE INDEX jobs_to_publish ON jobs (due_at) WHERE published_at IS NULL;

-- What a job did: the message that a customer gets. No constraint keeps a job from doing it twice, the workers do: so a double one would be seen.
CREATE TABLE job_effects (
    id           bigint PRIMARY KEY DEFAULT new_id(),
    job_id       bigint  NOT NULL REFERENCES jobs ON DELETE CASCADE,
    booking_id   bigint  NOT NULL,
    kind         text    NOT NULL,
    result       text    NOT NULL CHECK (result IN ('sent', 'skipped')),
    worker       text    NOT NULL,
    done_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX effects_of_job ON job_effects (job_id);

-- Constants of this shard become part of its definition: a row that belongs elsewhere is refused by the database itself.
DO $$
DECLARE
    shard_id integer := current_setting('standin.shard');
    first    integer := current_setting('standin.first');
    last     integer := current_setting('standin.last');
    home     text    := current_setting('standin.home');
    tab      text;
BEGIN
    INSERT INTO shard VALUES (shard_id, first, last, home);
    FOREACH tab IN ARRAY ARRAY['bookings', 'payments'] LOOP
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (franchise_id BETWEEN %s AND %s)', tab, tab || '_on_this_shard', first, last);
    END LOOP;
    EXECUTE format('ALTER TABLE franchises ADD CONSTRAINT franchises_on_this_shard CHECK (id BETWEEN %s AND %s)', first, last);
    FOREACH tab IN ARRAY ARRAY['franchises', 'users'] LOOP
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (region = %L)', tab, tab || '_in_home_region', home);
        EXECUTE format('ALTER TABLE %I ALTER COLUMN region SET DEFAULT %L', tab, home);
    END LOOP;
END $$;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
GRANT INSERT, UPDATE ON bookings, appointments, payments, payment_keys, users, franchises, opening_hours, barbers, jobs, job_effects TO PUBLIC;
GRANT USAGE ON SEQUENCE ids TO PUBLIC;
