"""Whole trials of a platform with unusual answers: one of them spoils nothing else, and no text of the platform prevents a trial from cleaning up."""

import json
from collections import Counter
from dataclasses import replace
from functools import partial

import pyarrow.parquet as pq
import pytest

from closeshave.history import EFFECTS_FILE
from tests.remote import plans
from tests.remote.command import call
from tests.remote.defective import bent, books
from truth.plain.habits import STATED, Habits, scaled
from truth.plain.running import Plain

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]

ROOMY = Habits(limits=scaled(STATED, 50))
EPOCH_MS = 1_795_225_500_000
MARKUP = "no handler found for uri [/api/v2/auth/login] and method [POST]"


@pytest.fixture
def closeshave(tmp_path):
    """The command, with a state and a private directory of its own."""
    (tmp_path / "runtime").mkdir(mode=0o700)
    return partial(call, tmp_path, XDG_RUNTIME_DIR=str(tmp_path / "runtime"))


def test_a_version_that_is_a_time_loses_no_effect(tmp_path, closeshave):
    """The fifth booking has milliseconds since 1970 as its version."""
    booked: Counter[str] = Counter()

    def bend(asked, told):
        booked["all"] += books(asked) and told.status == 200
        return replace(told, body={**told.body, "version": EPOCH_MS}) if books(asked) and booked["all"] == 5 else told

    with bent(bend, ROOMY) as platform:
        plans.environment(tmp_path, Plain(platform.url, platform.url), hooks=[])
        ended = closeshave("run", plans.plan(tmp_path, calm_s=10), "--runs", tmp_path / "runs")
        assert booked["all"] > 5
        assert platform.standing() == []
    told = ended.verdicts()
    assert {told[name]["status"] for name in ("reconciled", "reconciled/effects", "complete", "evidence")} == {"pass"}, ended.said
    versions = pq.read_table(ended.run / EFFECTS_FILE).column("version").to_pylist()
    assert EPOCH_MS in versions
    assert len(versions) > 5


def test_log_ins_that_are_refused_with_text_like_markup(tmp_path, closeshave):
    """Exit code 4 and one message; everything is cleaned up, and nothing private is left."""

    def bend(asked, told):
        return replace(told, status=404, body={"error": MARKUP}) if asked.path == "/api/v2/auth/login" else told

    with bent(bend, ROOMY) as platform:
        plans.environment(tmp_path, Plain(platform.url, platform.url), hooks=[])
        ended = closeshave("run", plans.plan(tmp_path), "--runs", tmp_path / "runs")
        assert platform.standing() == []
    assert ended.code == 4, ended.said
    assert list((tmp_path / "runtime").rglob("accounts.json")) == []
    assert "Traceback" not in ended.said
    assert MARKUP in " ".join(ended.said.split())
    assert (ended.run / "ending").read_text().split() == ["environment"]
    assert MARKUP in json.loads((ended.run / "manifest.json").read_text())["interrupted"]


def test_a_phase_with_a_name_like_markup_is_refused_by_its_name(tmp_path, closeshave):
    """The name is shown unchanged; nothing is started."""
    with bent(lambda _asked, told: told, ROOMY) as platform:
        plans.environment(tmp_path, Plain(platform.url, platform.url), hooks=[])
        phase = {"name": "evening peak [/eu]", "role": "calm", "duration": "6s", "sessions_per_s": 3}
        ended = closeshave("run", plans.plan(tmp_path, phases=[phase]), "--runs", tmp_path / "runs")
    assert ended.code == 2
    assert "'evening peak [/eu]'" in ended.said
    assert not ended.runs.exists()
