"""The logged-in customers' accounts: a file that the log-in writes before the measured window, and that the generators read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.files import write_atomically


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """An account and its tokens from the log-in."""

    email: str
    password: str
    region: str
    token: str
    refresh_token: str
    csrf: str
    client: str | None
    """The platform's ID of the customer, as bookings name it."""


REFRESH_AFTER_NS = 8 * 60 * 1_000_000_000
"""An access token is valid for 15 minutes, of which some pass between the log-in and the load."""
AGAIN_AFTER_NS, AGAIN_AFTER_NS_MOST = 5_000_000_000, 60_000_000_000
"""How long after a log-in of an account that had lost its session the next one is tried, at least: twice as long each time, up to the most."""


class Wallet:
    """The accounts of a generator by home region, with tokens that are renewed while it runs."""

    def __init__(self, accounts: Sequence[LoggedIn], regions: Iterable[str], issued_ns: int) -> None:
        """``issued_ns``: when the tokens were issued. A region without accounts uses those of all regions. Raises :class:`ValueError` for none."""
        if not accounts:
            raise ValueError("no customer is logged in: the file of accounts is empty")
        self._accounts = {account.email: account for account in accounts}
        self._issued_ns = dict.fromkeys(self._accounts, issued_ns)
        self._opened_ns = dict(self._issued_ns)
        self._again: dict[str, tuple[int, int]] = {}
        everybody = tuple(self._accounts)
        self._at_home = {
            region: tuple(account.email for account in accounts if account.region == region) or everybody for region in regions
        }

    def pick(self, region: str, number: int, among: int | None = None) -> LoggedIn:
        """One of the accounts at home in ``region``, or of the first ``among`` of them, chosen by ``number`` (any integer)."""
        emails = self._at_home[region][:among]
        return self._accounts[emails[number % len(emails)]]

    def claim_refresh(self, email: str, now_ns: int) -> bool:
        """Whether this account's token is old and is not being renewed already: a caller that gets true must renew it."""
        if now_ns - self._issued_ns[email] < REFRESH_AFTER_NS:
            return False
        self._issued_ns[email] = now_ns
        return True

    def claim_log_in(self, email: str, now_ns: int) -> bool:
        """Whether this account, whose session is lost, may log in now: at once the first time, then after a wait that grows. A caller that gets true
        must do it."""
        not_before_ns, wait_ns = self._again.get(email, (now_ns, AGAIN_AFTER_NS))
        if now_ns < not_before_ns:
            return False
        self._again[email] = (now_ns + wait_ns, min(2 * wait_ns, AGAIN_AFTER_NS_MOST))
        return True

    def account(self, email: str) -> LoggedIn:
        """The account with its newest tokens."""
        return self._accounts[email]

    def opened_ns(self, email: str) -> int:
        """When the newest token was asked for: its session was opened, or opened again, no earlier."""
        return self._opened_ns[email]

    def refresh_token(self, email: str) -> str:
        """The refresh token of the account."""
        return self._accounts[email].refresh_token

    def renew(self, email: str, token: str, refresh_token: str, asked_ns: int, csrf: str | None = None) -> None:
        """Store new tokens of an account, which were asked for at ``asked_ns``."""
        old = self._accounts[email]
        self._accounts[email] = replace(old, token=token, refresh_token=refresh_token, csrf=csrf or old.csrf)
        self._issued_ns[email] = max(self._issued_ns[email], asked_ns)
        self._opened_ns[email] = asked_ns


_CODEC: TypeAdapter[tuple[LoggedIn, ...]] = TypeAdapter(tuple[LoggedIn, ...])


def save(path: Path, accounts: Sequence[LoggedIn]) -> None:
    """Write the file completely or not at all, readable only by this user."""
    write_atomically(path, _CODEC.dump_json(tuple(accounts)), 0o600)


def load(path: Path) -> tuple[LoggedIn, ...]:
    """Read the file. Raises :class:`FileNotFoundError` or :class:`ValueError`."""
    try:
        return _CODEC.validate_json(path.read_bytes())
    except ValueError:
        # The error is not quoted: its text could contain a password, and it goes to a log.
        raise ValueError(f"{path.name} holds no accounts") from None
