"""What a rollout will do, and what its record says, without doing anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.deployment import Deployment
from closeshave.environments.layout import Layout, lay_out
from closeshave.environments.parts import Parts
from closeshave.environments.rollout import record, steps
from closeshave.files import jsonfile
from tests.environments.test_application import plain

SECTION = """\
application:
  command: [python3, server.py]
  variables: {DATABASE_URL: "{database_url}", PORT: "{port}", LEVEL: low}
  version: {path: /health, header: X-App-Version}
  release: v1
  workers: [{name: mail, command: [python3, mail.py]}]
  releases: {v2: {variables: {LEVEL: high}, version: "2"}}
"""


@pytest.fixture
def shop(tmp_path: Path, found_parts: Parts) -> Deployment:
    """One region with two instances and a worker."""
    return lay_out("an-id", Path("/state/shop-1"), plain(tmp_path, SECTION), found_parts, 20_000).deployment


def test_the_declared_release_is_one_of_them(shop: Deployment) -> None:
    """Its processes are those with which the environment starts, and workers belong to a release too."""
    application = shop.application
    assert (application.declared, application.release, list(application.releases)) == ("v1", "v1", ["v1", "v2"])
    assert [process for process in shop.processes if process.role in {"app", "worker"}] == list(application.releases["v1"].processes)
    assert {process.name: process.environ["LEVEL"] for process in application.releases["v2"].processes} == {
        "app-here-0": "high",
        "app-here-1": "high",
        "worker-mail-here-0": "high",
    }


def test_every_instance_is_replaced_once_and_workers_last(layout: Layout) -> None:
    """Of four regions one instance each at the same time, or one after another."""
    waves = steps.one_per_region(layout.deployment)
    assert [len(wave) for wave in waves] == [4, 4]
    assert {name[-1] for name in waves[0]} == {"0"}
    declared = [process.name for process in layout.deployment.processes if process.role == "app"]
    assert steps.one_by_one(layout.deployment) == tuple((name,) for name in declared)
    assert sorted(name for wave in waves for name in wave) == sorted(declared)
    assert steps.all_at_once(layout.deployment) == (tuple(declared),)


def test_a_rollout_says_what_it_will_do(shop: Deployment) -> None:
    """From the release that runs to another."""
    found = steps.planned(shop, "v2", steps.one_by_one(shop))
    assert found == steps.Rollout("v1", "v2", (("app-here-0",), ("app-here-1",)), ("worker-mail-here-0",))
    with pytest.raises(KeyError):
        steps.planned(shop, "v3", ())


def test_a_balancer_can_be_told_of_every_region(layout: Layout) -> None:
    """By a port of its own, that its process listens on."""
    deployment = layout.deployment
    assert [each.region for each in deployment.balancers] == list(deployment.topology.regions)
    for each in deployment.balancers:
        assert each.admin_port in deployment.process(f"haproxy-{each.region}").ports
        settings = layout.files[Path(f"/state/embedded-1/config/haproxy-{each.region}.cfg")]
        assert f"    stats socket ipv4@127.0.0.1:{each.admin_port} level admin\n\ndefaults\n" in settings
        assert f"listen {each.backend}\n" in settings


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """And a damaged one is named, rather than taken for none."""
    assert record.unfinished(tmp_path) is None
    kept = record.RolloutRecord("v1", "v2", {"app-here-0": "v2"}, "1.0")
    record.write(tmp_path, kept)
    assert record.unfinished(tmp_path) == kept
    (tmp_path / record.FILE).write_text('{"before": ')
    with pytest.raises(jsonfile.Damaged, match=r"rollout.json is damaged"):
        record.unfinished(tmp_path)
    record.remove(tmp_path)
    record.remove(tmp_path)
    assert record.unfinished(tmp_path) is None


def test_a_record_without_an_instance_says_so() -> None:
    """Killed before the first one."""
    assert record.RolloutRecord("v1", "v2", {}).told() == "a rollout of v2 was not finished: all instances have v1"


@pytest.mark.parametrize(
    ("releases", "forked"),
    [
        ("{v2: {variables: {LEVEL: high}}}", ("server",)),
        ("{v2: {variables: {PYTHONMALLOC: malloc}}}", ()),
        ("{v2: {variables: {LD_PRELOAD: libjemalloc.so}}}", ()),
        ("{v2: {directory: next}}", ()),
        ("{v2: {command: ['{python}', -O, -m, server]}}", ()),
        ("{}", ("server",)),
    ],
)
def test_instances_are_forked_in_all_releases_or_in_none(
    tmp_path: Path, found_parts: Parts, releases: str, forked: tuple[str, ...]
) -> None:
    """Else the forked one would be the cheaper one. What acts when a program starts, a fork would not notice."""
    section = f"""\
application:
  command: ["{{python}}", -m, server]
  variables: {{DATABASE_URL: "{{database_url}}", PORT: "{{port}}"}}
  preload: [server]
  releases: {releases}
"""
    (tmp_path / "next").mkdir()
    shop = lay_out("an-id", Path("/state/shop-1"), plain(tmp_path, section), found_parts, 20_000).deployment
    assert shop.application.preload == forked
