"""Totals of the edges' own counters."""

import pytest

from closeshave.environments.evidence import edge_counts
from closeshave.environments.evidence.edge_counts import EdgeCountsUnreadable
from closeshave.history import EdgeCount

# The columns that matter, of the hundred that HAProxy 2.8 writes.
STATISTICS = """\
# pxname,svname,scur,smax,slim,stot,bin,bout,rate,req_rate,req_rate_max,req_tot,mode,
edge-us-east-1,us-east-1,0,3,,1200,18000,99000,2,,,1200,http,
edge-us-east-1,FRONTEND,3,12,4000,90,18000,99000,2,20,42,1234,http,
edge-us-east-1,BACKEND,0,3,400,1230,18000,99000,2,,,1230,http,
edge-eu-west-1,FRONTEND,0,1,4000,7,180,990,0,0,1,0,http,
database,FRONTEND,0,1,4000,7,180,990,0,,,,tcp,
"""


@pytest.mark.parametrize(("frontend", "requests"), [("edge-us-east-1", 1234), ("edge-eu-west-1", 0)])
def test_the_frontends_requests_count(frontend, requests):
    """Customers' requests are counted where they arrive: in the frontend, not once more in servers and backends."""
    assert edge_counts.total(STATISTICS, frontend, "r") == requests


@pytest.mark.parametrize(
    ("statistics", "frontend", "reason"),
    [
        (STATISTICS, "edge-ap-southeast-1", "no frontend edge-ap-southeast-1"),
        (STATISTICS, "database", "counts no HTTP requests"),
        ("", "edge-us-east-1", "no frontend"),
        ("<html>503</html>", "edge-us-east-1", "no frontend"),
    ],
)
def test_what_is_not_counted_is_not_zero(statistics, frontend, reason):
    """A frontend that is missing, or that counts connections only, has no number."""
    with pytest.raises(EdgeCountsUnreadable, match=reason):
        edge_counts.total(statistics, frontend, "r")


def test_between_two_readings_lie_the_requests_of_the_run():
    """What the edge counted before does not belong to it."""
    before, after = (EdgeCount("a", 10), EdgeCount("b", 0)), (EdgeCount("a", 15), EdgeCount("b", 7))
    assert edge_counts.between(before, after) == (EdgeCount("a", 5), EdgeCount("b", 7))


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ((EdgeCount("a", 10),), (EdgeCount("a", 9),), "were reset during the run: a"),
        ((EdgeCount("a", 10),), (EdgeCount("a", 12), EdgeCount("b", 9)), "only once: b"),
        ((EdgeCount("a", 10), EdgeCount("b", 9)), (EdgeCount("a", 12),), "only once: b"),
    ],
)
def test_a_counter_that_decreased_or_disappeared_is_no_evidence(before, after, reason):
    """A proxy that was started again counts from zero: the difference would be invented."""
    with pytest.raises(EdgeCountsUnreadable, match=reason):
        edge_counts.between(before, after)
