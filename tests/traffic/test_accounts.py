"""Accounts are shared by visits and keep a valid token, however long the load lasts."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.traffic import accounts
from closeshave.traffic.accounts import REFRESH_AFTER_NS, LoggedIn, Wallet


def logged_in(email: str, region: str) -> LoggedIn:
    """An account with a token named after it."""
    return LoggedIn(email, "pw", region, f"token {email}", f"refresh {email}", "c", "7")


EVERYBODY = (logged_in("a", "x"), logged_in("b", "x"), logged_in("c", "y"))


def test_accounts_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    """All of them, in order."""
    accounts.save(tmp_path / "accounts.json", EVERYBODY)
    assert accounts.load(tmp_path / "accounts.json") == EVERYBODY


def test_a_customer_has_an_account_of_the_home_region() -> None:
    """Any number selects one; a region without accounts uses those of all regions."""
    wallet = Wallet(EVERYBODY, ("x", "y", "z"), 0)
    assert {wallet.pick("x", number).email for number in range(10)} == {"a", "b"}
    assert {wallet.pick("y", number).email for number in range(10)} == {"c"}
    assert {wallet.pick("z", number).email for number in range(10)} == {"a", "b", "c"}
    assert {wallet.pick("x", number, among=1).email for number in range(10)} == {"a"}


def test_a_token_is_renewed_once_before_it_expires() -> None:
    """By the first customer who finds it old; the next gets the new one."""
    wallet = Wallet(EVERYBODY, ("x",), 0)
    assert not wallet.claim_refresh("a", REFRESH_AFTER_NS - 1)
    assert wallet.claim_refresh("a", REFRESH_AFTER_NS)
    assert not wallet.claim_refresh("a", REFRESH_AFTER_NS + 1)
    wallet.renew("a", "new", "newer", REFRESH_AFTER_NS)
    assert wallet.pick("x", 0).token == "new"
    assert wallet.refresh_token("a") == "newer"
    assert wallet.claim_refresh("a", 2 * REFRESH_AFTER_NS)


def test_an_account_that_lost_its_session_logs_in_at_once_and_then_waits_longer_each_time() -> None:
    """5, 10, 20, 40 and then 60 seconds; each account for itself. A token of another kind changes nothing of it."""
    wallet, second = Wallet(EVERYBODY, ("x",), 0), 1_000_000_000
    tried = [at for at in range(200) if wallet.claim_log_in("a", at * second)]
    assert tried == [0, 5, 15, 35, 75, 135, 195]
    assert wallet.claim_log_in("b", second)


def test_a_new_token_says_when_it_was_asked_for() -> None:
    """Everybody gets it who comes later, with its CSRF token; one without leaves the old one."""
    wallet = Wallet(EVERYBODY, ("x",), 7)
    assert wallet.opened_ns("a") == 7
    wallet.renew("a", "new", "newer", 9, "d")
    assert (wallet.account("a").token, wallet.account("a").csrf, wallet.opened_ns("a"), wallet.opened_ns("b")) == ("new", "d", 9, 7)
    wallet.renew("a", "newest", "newer", 11)
    assert (wallet.account("a").token, wallet.account("a").csrf, wallet.opened_ns("a")) == ("newest", "d", 11)


def test_without_accounts_no_customer_is_logged_in() -> None:
    """A load without accounts would send nothing worth recording."""
    with pytest.raises(ValueError, match="no customer is logged in"):
        Wallet((), ("x",), 0)
