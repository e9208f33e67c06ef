"""Environment files: what is accepted, and how errors are reported."""

from pathlib import Path

import pytest

from closeshave.environments.definition import read_definition
from closeshave.files.yamlfile import InvalidFile

SHIPPED = Path(__file__).parents[2] / "environments" / "embedded.yaml"


def changed(tmp_path, old, new):
    """The shipped file with one text replaced, which must be in it."""
    text = SHIPPED.read_text()
    assert old in text
    path = tmp_path / "changed.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_the_shipped_environment_holds_a_hundred_thousand_franchises_on_four_shards(definition):
    """The small environment keeps the platform's key space."""
    assert definition.topology.franchises == 100_000
    assert [shard.id for shard in definition.topology.shards] == [1, 2, 3, 4]


def test_durations_are_read_with_their_units(definition):
    """Patroni's times are stated as people write them."""
    assert (definition.database.ttl, definition.database.loop_wait, definition.database.retry_timeout) == (20, 1, 3)


def test_no_cache_group_loses_both_nodes_with_the_region_that_the_nightly_plan_loses(definition):
    """The nightly region loss must leave every tier a node."""
    assert not [group.name for group in definition.tiers if {group.primary, group.replica} == {"us-west-2"}]


def test_a_majority_of_etcd_and_of_the_sentinels_outlives_any_region(definition):
    """Failover needs both, so no region holds two of three."""
    for members in (definition.etcd, definition.sentinels):
        assert len(set(members)) == len(members) == 3


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("kind: embedded", "kind: cloud", "kind", "'cloud' is not a kind of environment; available: embedded"),
        ("kind: embedded\n", "", "kind", "is missing"),
        ("apps_per_region: 2", "app_per_region: 2", "app_per_region", "unknown key"),
        ("apps_per_region: 2", "apps_per_region: 0", "apps_per_region", "at least 1"),
        ("ttl: 20s", "ttl: 20", "database.ttl", "not a duration"),
        ("ttl: 20s", "ttl: 6s", "database.ttl", "ttl >= loop_wait + 2 * retry_timeout"),
        ("ports: auto", "ports: 40000", "ports", "the kernel uses higher ones"),
        ("ports: auto", "ports: auto\nedges: {cache: {ttl: 25h}}", "edges.cache.ttl", "at most 86400"),
        ("ports: auto", "ports: auto\nedges: {cache: {ttl: 1500ms}}", "edges.cache.ttl", "must be whole seconds"),
        (
            "ports: auto",
            "ports: auto\nedges: {cache: {ttl: 9s, keyed_by: [Cookie]}}",
            "edges.cache.keyed_by",
            "never answered from the cache",
        ),
        ("home: us-west-2,", "home: us-west-3,", "shards.1.home", "'us-west-3' is not a region of this environment"),
        ("first: 25001", "first: 25002", "shards.1.first", "must start at 25001"),
        ("home: eu-west-1, standby: eu-west-1", "home: eu-west-1, standby: us-east-1", "shards.2.standby", "may not leave it"),
        (
            "standby: us-west-2,",
            "standby: us-west-2, further_standbys: [mars],",
            "shards.0.further_standbys",
            "'mars' is not a region of this",
        ),
        ("standby: eu-west-1,", "standby: eu-west-1, further_standbys: [us-east-1],", "shards.2.further_standbys", "may not leave it"),
        (
            "standby: us-west-2,",
            f"standby: us-west-2, further_standbys: [{', '.join(3 * ['us-east-1'])}],",
            "shards.0.further_standbys",
            "at most 2",
        ),
        ("backup: ap-southeast-1", "backup: us-east-1", "shards.0.backup", "would lose its backups too"),
        ("backup: ap-southeast-1", "backup: mars", "shards.0.backup", "'mars' is not a region of this environment"),
        ("backup: eu-west-1", "backup: us-east-1", "shards.2.backup", "its backup server must be there too"),
        ("primary: eu-west-1, replica: eu-west-1", "primary: eu-west-1, replica: us-east-1", "tiers.1", "may not leave it"),
        ("replica: eu-west-1,", "replica: eu-west-1, further_replicas: [us-east-1],", "tiers.1", "may not leave it"),
        (
            "replica: us-west-2,",
            "replica: us-west-2, further_replicas: [mars],",
            "tiers.0.further_replicas",
            "'mars' is not a region of this",
        ),
        ("serves: [eu-west-1]}", "serves: [eu-west-1, us-east-1]}", "tiers", "serves us-east-1 2 times"),
        ("etcd: [us-east-1, us-west-2, ap-southeast-1]", "etcd: [us-east-1, us-west-2]", "etcd", "an odd number"),
        ("barbers_per_franchise: 3", "barbers_per_franchise: 10", "seed.barbers_per_franchise", "1 to 9"),
        ("rate_limit_scale: 1.0", "rate_limit_scale: 0", "rate_limit_scale", "above 0"),
        ("ports: auto", "entrances: {rosario: {region: mars}}", "entrances.rosario.region", "'mars' is not a region of this environment"),
        ("ports: auto", "entrances: {two words: {region: us-east-1}}", "entrances.two words", "letters, digits"),
        ("ports: auto", "entrances: {us-west-2: {region: us-east-1}}", "entrances.us-west-2", "is a region of this environment"),
        ("ports: auto", "entrances: {r: {region: us-east-1, distance: 1.5ms}}", "entrances.r.distance", "must be whole milliseconds"),
        ("ports: auto", "entrances: {r: {region: us-east-1, distance: 6s}}", "entrances.r.distance", "at most 5 s"),
    ],
)
def test_errors_are_reported_with_line_and_key(tmp_path, old, new, key, message):
    """One clear message, before anything starts."""
    path = changed(tmp_path, old, new)
    with pytest.raises(InvalidFile) as caught:
        read_definition(path)
    problem = next(problem for problem in caught.value.problems if problem.key == key)
    assert message in problem.message
    assert problem.line > 0


def test_every_problem_is_reported_at_once(tmp_path):
    """So that a user need not correct a file one error at a time."""
    path = changed(tmp_path, "apps_per_region: 2", "apps_per_region: 0")
    path.write_text(path.read_text().replace("ports: auto", "ports: 80"))
    with pytest.raises(InvalidFile) as caught:
        read_definition(path)
    assert {problem.key for problem in caught.value.problems} == {"apps_per_region", "ports"}
