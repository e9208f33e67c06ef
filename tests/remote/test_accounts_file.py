"""The file of accounts: found next to the environment file from any directory, as spreadsheets write it, and never quoted."""

import pytest

from closeshave.environments.definition import read_remote
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.remote import accounts

ENVIRONMENT = """
kind: remote
name: mine-staging
stage: staging
regions: {here: "http://127.0.0.1:9"}
fingerprint: {path: /health, expect: {environment: staging}}
caps: {requests_per_s: 50, requests: 20000, duration: 10m}
accounts: {file: accounts.csv}
"""
ANA = ("ana@example.org", "Xx-1234567", "here")
SPELLED = {
    "plain": b"email,password,region\nana@example.org,Xx-1234567,here\n",
    "a mark at the beginning": b"\xef\xbb\xbfemail,password,region\r\nana@example.org,Xx-1234567,here\r\n",
    "semicolons": b"email;password;region\r\nana@example.org;Xx-1234567;here\r\n",
    "tabs": b"email\tpassword\tregion\nana@example.org\tXx-1234567\there\n",
    "capitals and spaces": b"Email, Password ,REGION\nana@example.org,Xx-1234567,here\n",
    "another order and an empty line": b"region,email,password\n\nhere,ana@example.org,Xx-1234567\n,,\n",
    "quotes": b'"email","password","region"\n"ana@example.org","Xx-1234567","here"\n',
}


@pytest.mark.parametrize("spelled", SPELLED)
def test_it_is_read_as_people_write_it(tmp_path, spelled):
    """All of these are one account."""
    (tmp_path / "accounts.csv").write_bytes(SPELLED[spelled])
    (ana,) = accounts.read(tmp_path / "accounts.csv", ("here",))
    assert (ana.email, ana.password, ana.region) == ANA


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"email,password,region\nana@example.org,Gehe\xefm-1,here\n", "not UTF-8"),
        (b"", "has no accounts"),
        (b"email,password\nana@example.org,Geheim-1\n", "every line needs"),
        (b"email,password,region\nana@example.org,Geheim-1,there\n", "region is not one"),
        (b'email,password,region\n"ana@example.org,Geheim-1,here\n', "accounts.csv"),
        (None, "accounts.csv"),
    ],
    ids=str,
)
def test_errors_in_it_are_reported_without_a_password(tmp_path, data, message):
    """The message goes to a terminal, and into the run's timeline."""
    if data is not None:
        (tmp_path / "accounts.csv").write_bytes(data)
    with pytest.raises(EnvironmentFailed, match=message) as told:
        accounts.read(tmp_path / "accounts.csv", ("here",))
    assert "Gehe" not in str(told.value)


@pytest.mark.parametrize("absolute", [False, True])
def test_it_is_found_next_to_the_environment_file(tmp_path, monkeypatch, absolute):
    """From any directory, and for every way of naming the environment file."""
    place, elsewhere = tmp_path / "envs", tmp_path / "elsewhere"
    place.mkdir()
    elsewhere.mkdir()
    (place / "mine.yaml").write_text(ENVIRONMENT, encoding="utf-8-sig")
    (place / "accounts.csv").write_bytes(SPELLED["plain"])
    monkeypatch.chdir(place if not absolute else elsewhere)
    definition = read_remote((place / "mine.yaml") if absolute else (place / "mine.yaml").relative_to(place))
    monkeypatch.chdir(elsewhere)
    assert [each.email for each in accounts.existing(definition, elsewhere, print)] == [ANA[0]]
