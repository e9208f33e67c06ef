"""The command's words: what is refused before anything starts, with one sentence and exit code 2."""

from __future__ import annotations

import pytest

from closeshave.files.shipped import locate


def refused(command, tmp_path, *arguments):
    """The sentence of the command, which made nothing."""
    done = command("capacity", *arguments, cwd=tmp_path)
    said = done.stderr.decode()
    assert done.code == 2, said
    assert b"Traceback" not in done.said
    assert not (tmp_path / "reports").exists()
    return said


def plan(tmp_path, *changes):
    """The shipped plan with these texts replaced."""
    text = locate("scenarios", "capacity").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return path


FAULT = """
faults:
  - {id: f, kind: shard.primary-killed, phase: fault, at: 1s, hold: 5s, expected: recovers, scope: {shard: 1}}
"""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param([("tests: [latency]", "tests: [availability]")], "has none for calm load that the plan tests", id="no objective"),
        pytest.param(
            [("tests: [latency]\n", FAULT), ("role: calm", "role: fault"), ("name: calm,", "name: fault,")], "by --under", id="a fault"
        ),
        pytest.param([("role: calm", "role: fault")], "needs a calm phase", id="no calm phase"),
        pytest.param([("duration: 15m", "duration: 50s")], "one level with its confirmation takes", id="too little time"),
        pytest.param([("requests: 2000000", "requests: 100")], "would send more than 100 requests", id="too few requests"),
        pytest.param([("environment: embedded", "environment: nowhere")], "nowhere", id="no environment"),
    ],
)
def test_a_plan_that_no_capacity_can_be_searched_with_is_refused(command, tmp_path, changes, words):
    """Before anything starts."""
    assert words in refused(command, tmp_path, plan(tmp_path, *changes))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--under", "region.lost"], "needs a scope with 'region'", id="no scope"),
        pytest.param(["--under", "region.lost:region=mars"], "'mars' is not a region", id="no such region"),
        pytest.param(["--under", "cache.flushed:tier=cache"], "ends at once", id="a fault that is an event"),
        pytest.param(["--under", "cache.tier-lost:tier=cache", "--under", "cache.tier-lost:tier=cache"], "each fault once", id="twice"),
        pytest.param(["--quota", "0"], "--quota", id="no processor at all"),
        pytest.param(["--environment", "containers", "--quota", "1"], "kind containers", id="a quota of containers"),
    ],
)
def test_wrong_options_are_refused(command, tmp_path, options, words):
    """Before anything starts."""
    assert words in refused(command, tmp_path, plan(tmp_path), *options)


FEWER = ("requests: 2000000", "requests: 150000")
"""As many as the owner of the remote platform allows."""


def lent(tmp_path, per_s):
    """A remote platform whose owner allows so many requests per second."""
    text = locate("environments", "bookedbarber-staging").read_text(encoding="utf-8")
    assert "requests_per_s: 120" in text
    path = tmp_path / "theirs.yaml"
    path.write_text(text.replace("requests_per_s: 120", f"requests_per_s: {per_s}"), encoding="utf-8")
    return path


@pytest.mark.parametrize("per_s", [20, 54])
def test_a_remote_platform_whose_caps_are_below_the_first_level_is_refused(command, tmp_path, per_s):
    """The plan's first level is 8 sessions a second, of 6.8 requests each."""
    said = refused(command, tmp_path, plan(tmp_path, FEWER), "--environment", lent(tmp_path, per_s))
    assert f"{per_s}" in said
    assert "--rate-scale" in said


def test_a_remote_platform_must_admit_the_search_before_its_first_level(command, tmp_path):
    """As every run: here the host of its edge is not known."""
    assert "theirs.yaml" in refused(command, tmp_path, plan(tmp_path, FEWER), "--environment", lent(tmp_path, 1000))


def test_a_directory_that_is_no_search_cannot_be_continued(command, tmp_path):
    """It says what is missing."""
    assert "order.json" in refused(command, tmp_path, "--resume", tmp_path)
