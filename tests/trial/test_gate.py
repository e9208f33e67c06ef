"""A gate on a real environment: interrupted, killed, continued, equal releases, and a release that breaks a promise or does not start."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from closeshave.control import processes
from closeshave.environments import registry
from closeshave.files import read_lines
from closeshave.files.shipped import locate

pytestmark = [pytest.mark.trial, pytest.mark.timeout(900)]

SHORT = (
    locate("scenarios", "gate")
    .read_text(encoding="utf-8")
    .replace("duration: 18s", "duration: 6s")
    .replace("sessions_per_s: 40", "sessions_per_s: 10")
    .replace("rate: auto", "rate: fixed")
    .replace("scenario: gate.py", f"scenario: {locate('scenarios', 'gate').with_name('gate.py')}")
)
EMBEDDED = locate("environments", "embedded").read_text(encoding="utf-8")
RELEASES = """\
  releases:
    equal: {variables: {VERSION: 1.0.0-equal}, version: 1.0.0-equal}
    doubling: {variables: {VERSION: 1.0.0-doubling, INSTANCE: "{instance}-doubling"}, version: 1.0.0-doubling}
    crashing: {variables: {RATE_LIMIT_SCALE: much}, version: 1.0.0}
    mislabelled: {variables: {VERSION: 1.0.1}, version: 1.0.2}
"""
PREPARE = """\
import os

import psycopg

from closeshave.standin.seed import main

main(os.environ)
# Sessions name their instance. Of the bookings that the doubling release writes, every fifth is outside of the constraint.
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    connection.execute(\"\"\"
        ALTER TABLE bookings DROP CONSTRAINT bookings_no_overlap;
        ALTER TABLE bookings ADD COLUMN doubled boolean NOT NULL DEFAULT false;
        ALTER TABLE bookings ADD CONSTRAINT bookings_no_overlap
            EXCLUDE USING gist (barber_id WITH =, during WITH &&) WHERE (status = 'scheduled' AND NOT doubled);
        CREATE FUNCTION doubling() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.doubled := current_setting('application_name') LIKE '%-doubling' AND random() < 0.2;
            RETURN NEW;
        END $$;
        CREATE TRIGGER doubling BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION doubling();
    \"\"\")
"""


class Gating:
    """A gate in a process of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.before = set(registry.running())
        (place / "short.yaml").write_text(SHORT, encoding="utf-8")
        shop = EMBEDDED.replace("  releases:\n", RELEASES, 1).replace("name: embedded\n", "name: shop\n", 1)
        # Log-ins, of which each leg has one for every account, are the longest part of a leg on a busy machine.
        shop = shop.replace("accounts_per_region: 30", "accounts_per_region: 8", 1)
        assert shop.count("-m, closeshave.standin.seed]") == 1
        shop = shop.replace("-m, closeshave.standin.seed]", "prepare.py]").replace(
            "    depends:\n", "    depends:\n      - prepare.py\n", 1
        )
        (place / "shop.yaml").write_text(shop, encoding="utf-8")
        (place / "prepare.py").write_text(PREPARE, encoding="utf-8")

    def start(self, *options: str) -> "subprocess.Popen[bytes]":
        """Start it with these options."""
        self.log = (self.place / "log").open("ab")
        argv = [sys.executable, "-m", "closeshave", "gate", *options]
        return subprocess.Popen(argv, cwd=self.place, stdout=self.log, stderr=subprocess.STDOUT, env={**os.environ, "COLUMNS": "200"})

    def said(self) -> str:
        """Everything that it said."""
        return (self.place / "log").read_text(encoding="utf-8")

    def directory(self) -> Path:
        """Of the gate."""
        return next((self.place / "reports/gates").iterdir())

    def roots(self) -> set[Path]:
        """Environments that it left."""
        return set(registry.running()) - self.before


@pytest.fixture
def gating(tmp_path):
    """In a directory of its own; what is left of it is removed."""
    made = Gating(tmp_path)
    yield made
    for root in made.roots():
        subprocess.run([sys.executable, "-m", "closeshave", "env", "down", "--root", str(root)], check=False)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_gate_that_is_stopped_in_its_fifth_leg_leaves_nothing_and_goes_on(gating, how):
    """Ctrl-C ends with 130 and says how to go on; after ``kill -9`` its environment is gone within 20 s. The first block is kept."""
    process = gating.start("short.yaml", "--baseline", "current", "--candidate", "equal", "--environment", "shop.yaml")
    assert processes.poll_until(lambda: "block 2, leg 1 of 4" in gating.said() or process.poll() is not None, 900), gating.said()
    assert process.poll() is None, gating.said()
    process.send_signal(how)
    process.wait(60)
    if how == signal.SIGINT:
        assert process.returncode == 130, gating.said()
        assert f"'closeshave gate --resume {gating.directory()}' goes on" in gating.said()
        assert "judges it again" not in gating.said(), "that is said of a run"
    assert processes.poll_until(lambda: not gating.roots(), 20)
    (first,) = read_lines(gating.directory() / "blocks.jsonl")
    assert all((gating.directory() / leg["run"] / "summary.json").is_file() for leg in first["legs"])
    again = gating.start("--resume", str(gating.directory()))
    assert processes.poll_until(lambda: gating.said().count("block 2, leg 1 of 4") > 1 or again.poll() is not None, 600), gating.said()
    assert "going on after 1 finished block" in gating.said()
    again.send_signal(signal.SIGINT)
    assert again.wait(60) == 130
    assert not gating.roots()


def test_an_environment_that_does_not_start_ends_with_code_4(gating):
    """With its reason, and nothing left."""
    text = locate("environments", "embedded").read_text(encoding="utf-8").replace("binaries: wheel", "binaries: path")
    (gating.place / "none.yaml").write_text(text, encoding="utf-8")
    process = gating.start("short.yaml", "--baseline", "embedded", "--candidate", str(gating.place / "none.yaml"))
    assert process.wait(200) in {2, 4}, gating.said()
    assert not gating.roots()
    assert "Traceback" not in gating.said()


@pytest.mark.parametrize(
    ("candidate", "code", "sentence"),
    [
        ("crashing", 4, r"app-\S+-0 ended while it was starting; its log \S+ ends with .*much.*; all instances run current again"),
        ("mislabelled", 3, r"app-\S+-0 answers version 1.0.1, not 1.0.2; all instances run current again"),
    ],
)
def test_a_release_that_does_not_serve_ends_the_gate(gating, candidate, code, sentence):
    """One sentence says why, with the right code; never success, and nothing is left."""
    process = gating.start("short.yaml", "--baseline", "current", "--candidate", candidate, "--environment", "shop.yaml")
    assert process.wait(600) == code, gating.said()
    assert re.search(sentence, gating.said()), gating.said()
    assert "Traceback" not in gating.said()
    assert not gating.roots()


@pytest.mark.timeout(1800)
def test_a_release_that_doubles_bookings_in_contests_fails(gating):
    """Whatever its times are: a leg of it has the witness. The base keeps the promise on the same environment."""
    process = gating.start("short.yaml", "--baseline", "current", "--candidate", "doubling", "--environment", "shop.yaml")
    assert process.wait(1700) == 1, gating.said()
    told = json.loads((gating.directory() / "gate.json").read_text(encoding="utf-8"))
    assert {each["verdict"] for each in told["broken"] if each["side"] == "candidate"} >= {"integrity/double_booked"}
    assert not [each for each in told["broken"] if each["side"] == "base" and each["verdict"].startswith("integrity/")]
    guilty = next(each for each in told["broken"] if each["verdict"] == "integrity/double_booked")
    summary = json.loads((gating.directory() / guilty["run"] / "summary.json").read_text(encoding="utf-8"))
    [verdict] = [each for each in summary["verdicts"] if each["id"] == "integrity/double_booked"]
    assert verdict["witnesses"]
    assert not gating.roots()


def test_a_job_is_saved_as_a_baseline_that_is_then_too_small(gating):
    """One of five jobs: unknown, with the number."""
    process = gating.start("short.yaml", "--save", "main", "--json")
    assert process.wait(800) in {1, 3}, gating.said()
    saved = json.loads((gating.place / "reports/baselines/main.json").read_text(encoding="utf-8"))
    assert saved["schema"] == "closeshave.baseline/1"
    legs = [leg for block in json.loads((gating.directory() / "gate.json").read_text(encoding="utf-8"))["blocks"] for leg in block["legs"]]
    # Where other programs disturbed every leg for most of its time, none has a figure but that of processor time.
    quiet = any(leg["disturbed"] <= 0.5 for leg in legs)
    assert set(saved["jobs"][0]["figures"]) >= {"cpu-per-request", *(["not-good"] if quiet else [])}
    assert saved["fingerprint"]["machine"]["kernel"] == os.uname().release
    again = gating.start("short.yaml", "--baseline", "main", "--candidate", "embedded")
    assert again.wait(60) == 3, gating.said()
    assert "has 1 job; at least 5 are needed" in gating.said()
