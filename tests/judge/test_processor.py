"""Processor time of the platform for each request: of whole samples in calm, of the platform's processes alone."""

from dataclasses import replace

import pytest

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import Span, spans
from closeshave.judge.measures.processor import cpu_ms_per_request, sender_cpu_ms_per_request
from tests.judge import machines
from tests.judge.histories import ns
from tests.judge.test_assess import whole


def evidence(resources):
    """A run of which this was recorded of the machine."""
    run = whole()
    return Evidence(replace(run.history, resources=resources), run.plan, run.target)


def test_it_is_the_platforms_time_over_the_requests_of_customers_and_canaries():
    """Neither the senders' time nor that of the machine as a whole."""
    found = evidence(machines.record())
    (calm,) = spans(found.history.manifest, "calm")
    seconds = int(calm.seconds)
    requests = int(
        ((found.customers | found.canaries) & (found.intended_ns >= calm.started_ns) & (found.intended_ns < calm.ended_ns)).sum()
    )
    # Of half a processor, four fifths are the application's.
    assert cpu_ms_per_request(found, [calm]) == pytest.approx(0.5 * 0.8 * seconds / requests * 1e3, rel=0.03)


def test_that_of_the_senders_is_counted_alone():
    """It says how quick the machine was, whatever the platform did."""
    record = machines.record()
    found = evidence(record)
    (calm,) = spans(found.history.manifest, "calm")
    slower = record.assign(cpu_s=record["cpu_s"].where(record["role"] != "locust", record["cpu_s"] * 1.5))
    busier = record.assign(cpu_s=record["cpu_s"].where(record["role"] == "locust", record["cpu_s"] * 1.5))
    plain = sender_cpu_ms_per_request(found, [calm])
    assert plain is not None
    assert plain > 0
    assert sender_cpu_ms_per_request(evidence(slower), [calm]) == pytest.approx(1.5 * plain)
    assert sender_cpu_ms_per_request(evidence(busier), [calm]) == pytest.approx(plain)
    assert sender_cpu_ms_per_request(evidence(None), [calm]) is None


def test_other_programs_do_not_change_it():
    """They use time of their own."""
    (calm,) = spans(evidence(None).history.manifest, "calm")
    quiet = cpu_ms_per_request(evidence(machines.record()), [calm])
    noisy = cpu_ms_per_request(evidence(machines.record((range(195), {"others": 1.5, "delay": 0.7}))), [calm])
    assert quiet == noisy


def test_too_little_record_gives_none():
    """Neither a run without one, nor a span of seconds, nor one without requests."""
    (calm,) = spans(evidence(None).history.manifest, "calm")
    assert cpu_ms_per_request(evidence(None), [calm]) is None
    assert cpu_ms_per_request(evidence(machines.record(end=3)), [calm]) is None
    assert cpu_ms_per_request(evidence(machines.record()), [Span(calm.started_ns, calm.started_ns + 2 * 10**9)]) is None
    assert cpu_ms_per_request(evidence(machines.record(start=300, end=330)), [Span(ns(300), ns(330))]) is None
