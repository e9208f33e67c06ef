"""An application of one's own, brought by an environment file alone: it starts fast, its verdicts are right, and nothing of it stays."""

import pytest

from closeshave.control import processes
from closeshave.environments import pgbouncer, registry
from closeshave.environments.errors import EnvironmentFailed
from tests.trial.brought import IN_WORDS, MEASURED, SLOW, carry_out, copied, planted
from tests.trial.conftest import started_by_this_test

pytestmark = [pytest.mark.trial, pytest.mark.timeout(900)]

NIGHT = ("primary-killed", "instance-killed", "instance-hung", "cache-killed", "cache-lost")


@pytest.fixture
def directory(tmp_path):
    """Where the example's plans are; after the test nothing is left of any run, whatever happened."""
    assert started_by_this_test() == [], "something else is running; this test could not tell it from its own"
    before = set(registry.running())
    yield copied(tmp_path)
    assert processes.poll_until(lambda: started_by_this_test() == [], 20), started_by_this_test()
    assert set(registry.running()) == before


def test_a_correct_application_is_measured_and_does_not_fail(directory, tmp_path):
    """A minute with the loss of its database's primary. On a busy machine there may be no answer, but never a wrong one."""
    ended = carry_out(directory, tmp_path / "runs", "smoke.yaml", *SLOW)
    assert ended.code in {0, 3}, ended.said
    assert ended.failed == []
    assert ended.summary["evidence"] == MEASURED
    assert IN_WORDS in ended.said
    assert ended.status("observed/primary-killed") == ended.status("healed/primary-killed") == "pass", ended.said
    assert ended.status("integrity/lost") == ended.status("integrity/phantom") == "pass"


def test_a_night_in_which_every_part_is_lost_once(directory, tmp_path):
    """The primary, an instance twice, the cache twice: each loss is seen, healed, and no verdict fails."""
    ended = carry_out(directory, tmp_path / "runs", "nightly.yaml", *SLOW)
    assert ended.code in {0, 3}, ended.said
    assert ended.failed == []
    for fault in NIGHT:
        assert ended.status(f"observed/{fault}") == ended.status(f"healed/{fault}") == "pass", fault
    assert ended.status("integrity/lost") == "pass"


@pytest.mark.parametrize(("defect", "verdict"), [("double-booking", "integrity/double_booked"), ("lost-booking", "integrity/lost")])
def test_a_planted_defect_is_convicted_with_a_witness(directory, tmp_path, defect, verdict):
    """By the same plan: only one variable of the application is different."""
    ended = carry_out(directory, tmp_path / "runs", "smoke.yaml", *SLOW, "--environment", planted(directory, defect))
    assert ended.code == 1, ended.said
    assert ended.status(verdict) == "fail"
    assert ended.witnesses(verdict)
    assert ended.summary["evidence"] == MEASURED


def test_with_a_pooler_in_front_of_the_database_a_failover_is_survived_too(directory, tmp_path):
    """The primary is killed behind PgBouncer: seen, healed, and no verdict fails; the report knows the version."""
    try:
        version = pgbouncer.find(print).version
    except EnvironmentFailed as error:
        pytest.skip(str(error))
    file = directory / "environment.yaml"
    file.write_text(file.read_text().replace("apps_per_region: 2\n", "apps_per_region: 2\npooler: {}\n"))
    ended = carry_out(directory, tmp_path / "runs", "smoke.yaml", *SLOW)
    assert ended.code in {0, 3}, ended.said
    assert ended.failed == []
    assert ended.status("observed/primary-killed") == ended.status("healed/primary-killed") == "pass", ended.said
    [run] = (tmp_path / "runs").glob("*")
    assert f'"pgbouncer": "{version}"' in (run / "environment.json").read_text()
    assert (run / "logs" / "pooler-main-shard1.log").exists()
