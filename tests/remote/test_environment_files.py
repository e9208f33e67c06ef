"""Every shipped environment file is valid, names no real host, and states what may be broken."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from closeshave.environments.definition import read_definition, read_remote
from closeshave.environments.remote import guard
from closeshave.environments.remote.look import look
from closeshave.faults import catalogue
from closeshave.files.yamlfile import InvalidFile
from closeshave.traffic import conventions
from closeshave.trial.preparation import prepare
from truth.plain.running import plain

FILES = sorted(Path(__file__).parents[2].glob("environments/*.yaml"))
REMOTE = [path for path in FILES if "\nkind: remote\n" in path.read_text(encoding="utf-8")]


def test_every_target_system_has_its_files():
    """One managed platform in two stages, two clouds in three, three containers, four cities, four regions."""
    assert len(REMOTE) == 11


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_environment_is_valid(path):
    """Its name is that of its file; its capabilities have a meaning."""
    definition = read_definition(path)
    assert definition.name == path.stem
    spoken = conventions.of(definition.capabilities, definition.topology)
    assert spoken.steps_off <= conventions.OPERATIONS
    assert set(definition.capabilities.limits) <= conventions.OPERATIONS


@pytest.mark.parametrize("path", REMOTE, ids=lambda path: path.stem)
def test_an_example_names_no_real_platform(path):
    """Hosts below example.com (RFC 2606), over TLS."""
    for url in read_remote(path).regions.values():
        assert urlsplit(url).scheme == "https"
        assert (urlsplit(url).hostname or "").endswith(".example.com")


@pytest.mark.parametrize("stage", ["development", "staging", "production"])
def test_the_real_application_is_recognised(stage):
    """By the route that states its stage: ``/health`` without the slash does not. One of another stage is another platform."""
    with plain("--as-seen", "--habit", f"stage={stage}") as platform:
        for path in REMOTE:
            definition = read_remote(path)
            here = replace(definition, regions=dict.fromkeys(definition.regions, platform.url))
            told = list(guard.unsound(here, look(here)))
            assert bool(told) is ("environment" in definition.fingerprint.expect and definition.stage != stage), (path.stem, told)


@pytest.mark.parametrize("path", REMOTE, ids=lambda path: path.stem)
def test_hooks_are_for_kinds_and_scopes_that_exist(path):
    """As ``validate`` checks for a plan."""
    definition = read_definition(path)
    shards = {shard.id for shard in definition.topology.shards}
    for hook in definition.hooks:
        assert catalogue.check_hook(hook) == []
        assert hook.scope.get("region", definition.topology.regions[0]) in definition.topology.regions
        assert hook.scope.get("shard", 1) in shards


@pytest.mark.parametrize("path", [path for path in REMOTE if "production" in path.stem], ids=lambda path: path.stem)
def test_production_has_strict_limits(path):
    """No payment steps, no region at once, a small rate."""
    definition = read_remote(path)
    assert definition.stage == "production"
    assert set(definition.capabilities.steps_off) >= {"pay_intent", "pay_confirm"}
    assert definition.caps.regions_at_once == 0
    assert definition.caps.requests_per_s <= 30


@pytest.mark.parametrize(
    ("plan", "environment"),
    [
        ("smoke", "bookedbarber-enterprise"),
        ("nightly", "bookedbarber-enterprise"),
        ("smoke", "bookedbarber-staging"),
        ("smoke", "bookedbarber-aws-dev"),
        ("smoke", "bookedbarber-gcp-staging"),
        ("smoke", "barberpro-argentina"),
        ("smoke", "appointment-booking"),
    ],
)
def test_the_same_plans_fit_these_platforms(plan, environment, monkeypatch):
    """Unchanged, or at the proposed rate, once their operator's programs exist: only the environment's file differs."""
    monkeypatch.setattr(guard, "unprepared", lambda *_: ())
    try:
        assert prepare(plan, environment=environment).definition.name == environment
    except InvalidFile as error:
        (named,) = [problem.message for problem in error.problems if "--rate-scale" in problem.message]
        scale = float(named.split()[-1])
        assert prepare(plan, environment=environment, rate_scale=scale).definition.name == environment


@pytest.mark.parametrize(
    ("plan", "environment", "says"),
    [
        ("smoke", "bookedbarber-production", "hooks: none"),
        ("nightly", "bookedbarber-staging", "hooks: shard.primary-killed on shard 1"),
        ("nightly", "appointment-booking", "'slots' would come from one address within 60 s; the platform allows 6,000"),
    ],
)
def test_what_a_platform_cannot_do_is_refused_by_name(plan, environment, says):
    """Before the start."""
    with pytest.raises(InvalidFile) as refused:
        prepare(plan, environment=environment)
    assert any(says in problem.message for problem in refused.value.problems)
