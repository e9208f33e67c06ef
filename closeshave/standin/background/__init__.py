"""What the stand-in does after it has answered: receipts and reminders of bookings, by Celery workers over a Valkey broker of their own.

A booking's jobs are rows that are written with the booking itself (``jobs``, an outbox). Every worker has a relay, which publishes due jobs: it marks
them in the same transaction. A worker does a job, which leaves a row in ``job_effects``, and only then acknowledges it to the broker. So a job may be
delivered twice, when a worker or the broker is lost, and the second delivery finds the effect of the first.

Only numbers go through the broker: a shard and a job.

May import: standin.settings.
"""
