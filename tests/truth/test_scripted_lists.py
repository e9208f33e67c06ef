"""The scripted server's lists, read by the code that reads real platforms: every form completely, each booking once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from closeshave import history
from closeshave.environments.remote import read_back
from truth.lists import SHAPES
from truth.measured import code, definition, platform
from truth.scripted import CUSTOMERS, EARLIER, TAKEN, TIMES, Script, Scripted, token

DAY = date(2030, 5, 6)


def book(server: Scripted, tag: str, franchise: int, client: int, time: str, day: date = DAY) -> httpx.Response:
    """One booking, as the traffic asks for it."""
    wanted = {"date": day.isoformat(), "time": time, "service": "haircut", "notes": tag, "barber_id": franchise * 10 + 1}
    headers = {"Authorization": f"Bearer {token(client)}", "X-Franchise-Id": str(franchise)}
    return httpx.post(f"{server.url}/api/v2/appointments/", json=wanted, headers=headers, trust_env=False, verify=False)


@pytest.mark.parametrize("rows", [20, 100])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_form_is_read_completely_and_each_booking_once(tmp_path: Path, shape: str, rows: int) -> None:
    """Both shards, every customer; without bookings that the run did not make, and without those that the server lost."""
    script = replace(Script.drawn(1), lists=shape, page_rows=rows, lost_s=3600.0)
    tag = f"closeshave:{tmp_path.name}"
    with Scripted(script).serving() as server:
        for client, _ in CUSTOMERS:
            for franchise in (1, 2, 1500):
                for days in range(2):
                    answer = book(server, tag, franchise, client, TIMES[client % len(TIMES)], DAY + timedelta(days=days))
                    assert answer.status_code == 200
        made = set(server.kept.bookings)
        forgotten = {number for number, each in server.kept.bookings.items() if each["franchise"] == 2}
        for number, each in server.kept.bookings.items():
            each["acknowledged_ns"] = 5 if number in forgotten else 20
        server.kept.began_ns = 10
        found, lacking = read_back.export(definition(server), platform(tmp_path, server), tmp_path)
    table = pq.read_table(tmp_path / history.BOOKINGS_FILE).to_pylist()
    assert lacking == {}
    assert found == len(table)
    assert sorted(row["booking"] for row in table) == sorted(made - forgotten)
    assert {row["client"] for row in table} == {str(client) for client, _ in CUSTOMERS}
    assert {(row["found_on"], row["franchise"]) for row in table} == {(1, 1), (2, 1500)}


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"whole"}))
def test_the_runs_bookings_are_beyond_the_first_page(shape: str) -> None:
    """Otherwise a reader of one page would pass too."""
    script = replace(Script.drawn(1), lists=shape, page_rows=100)
    with Scripted(script).serving() as server:
        client = CUSTOMERS[0][0]
        number = book(server, "tag", 1, client, TIMES[0]).json()["id"]
        headers = {"Authorization": f"Bearer {token(client)}", "X-Franchise-Id": "1"}
        body = httpx.get(f"{server.url}/api/v2/appointments/", headers=headers, trust_env=False, verify=False).json()
    (told,) = [rows for rows in body.values() if isinstance(rows, list)]
    assert len(told) == 100 < EARLIER
    assert number not in {row["id"] for row in told}


def test_a_taken_time_is_refused_and_no_longer_offered() -> None:
    """So the server makes no double booking, and no false list of free times."""
    with Scripted(Script.drawn(1)).serving() as server:
        first, second = (book(server, "tag", 1, client, TIMES[0]) for client, _ in CUSTOMERS[:2])
        asked = {"appointment_date": DAY.isoformat(), "barber_id": "11"}
        offer = httpx.get(
            f"{server.url}/api/v2/appointments/slots", params=asked, headers={"X-Franchise-Id": "1"}, trust_env=False, verify=False
        ).json()
    assert (first.status_code, second.status_code) == (200, TAKEN)
    assert [slot["time"] for slot in offer["slots"] if not slot["available"]] == [TIMES[0]]


def test_the_digest_of_the_code_changes_with_any_relevant_source(tmp_path: Path) -> None:
    """A new line, a new name, a new file."""
    source = tmp_path / "closeshave" / "judge" / "one.py"
    source.parent.mkdir(parents=True)
    source.write_text("a = 1\n")
    digests = [code(tmp_path)]
    source.write_text("a = 2\n")
    digests.append(code(tmp_path))
    source = source.rename(source.with_name("other.py"))
    digests.append(code(tmp_path))
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "scripted.py").write_text("")
    digests.append(code(tmp_path))
    (tmp_path / "closeshave" / "report").mkdir()
    (tmp_path / "closeshave" / "report" / "words.py").write_text("")
    assert len(set(digests)) == 4
    assert code(tmp_path) == digests[-1]
