"""Reads bookings back as a user: with the tokens of the run while they are valid, else after a new log-in. Log-ins are slow, and few are allowed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from closeshave import private
from closeshave.deployment import Account, Deployment
from closeshave.environments.remote import listing
from closeshave.environments.remote.api import Api, ApiUser, CallRefused, address_of
from closeshave.environments.remote.listing import Listed, Page
from closeshave.files import foreign

LOGGED_IN = "accounts.json"
"""In the run's private directory while it runs: the customers' tokens, written by the process that logged them in."""
_CALLERS: dict[tuple[str, str], ApiUser] = {}
"""Log-ins of this process: clean-up follows reading back, and the run's tokens are removed in between."""


class Reader:
    """An account at one region's address. Logs in when it is first needed, and again when its token is refused."""

    def __init__(self, api: Api, deployment: Deployment, account: Account, run: Path) -> None:
        """``api`` speaks to the account's region."""
        self._api, self._account, self._key = api, account, (deployment.root, account.email)
        self.url = api.url
        self._stored = _stored(run, account)
        self.client = self._stored.client if self._stored is not None else None
        """The platform's ID of the account, once it is known."""
        self._client_asked = self.client is not None

    def all(self, operation: str, franchise: int | None) -> Listed:
        """A whole list. Raises :class:`CallRefused`, :class:`closeshave.environments.remote.listing.NoList`."""
        if operation not in self._api.spoken.offers:
            raise CallRefused(f"the API profile {self._api.spoken.profile.name} has no operations.{operation}")
        path = self._api.path(self._caller(), operation, franchise)
        form = listing.form_of(self._api.spoken, operation)
        return listing.read(lambda onward: self.page(operation, onward, franchise), self.url, path, form)

    def page(self, operation: str, path: str, franchise: int | None) -> Page:
        """A page of a list. Raises :class:`CallRefused`."""
        try:
            told = self._api.page(self._caller(), operation, path, franchise)
        except CallRefused as error:
            if error.status != 401:
                raise
            told = self._api.page(self._renewed(), operation, path, franchise)
        if not self._client_asked:
            self._client_asked = True
            with suppress(CallRefused):
                self.client = self._caller().client or self._api.whoami(self._caller())
        return told

    def cancel(self, booking: int | str, franchise: int | None) -> None:
        """Cancel a booking. Raises :class:`CallRefused`."""
        try:
            self._api.cancel(self._caller(), booking, franchise)
        except CallRefused as error:
            if error.status != 401:
                raise
            self._api.cancel(self._renewed(), booking, franchise)

    def _caller(self) -> ApiUser:
        if self._key not in _CALLERS:
            _CALLERS[self._key] = self._stored or self._api.log_in(self._account.email, self._account.password)
        return _CALLERS[self._key]

    def _renewed(self) -> ApiUser:
        """By the refresh token, else by the password. Raises :class:`CallRefused`."""
        old = _CALLERS.pop(self._key, None)
        fresh: ApiUser | None = None
        if old is not None and old.refresh_token:
            with suppress(CallRefused):
                fresh = self._api.refresh(old)
        fresh = fresh or self._api.log_in(self._account.email, self._account.password)
        _CALLERS[self._key] = replace(fresh, client=fresh.client or self.client)
        return _CALLERS[self._key]


def forget(root: str) -> None:
    """Discard the log-ins at the platform of this root."""
    for key in [key for key in _CALLERS if key[0] == root]:
        del _CALLERS[key]


def _stored(run: Path, account: Account) -> ApiUser | None:
    """The tokens of the run's log-in; ``None`` if there are none that can be used."""
    try:
        told: Any = foreign.loads((private.place(run) / LOGGED_IN).read_bytes())
        mine = next(one for one in told if one["email"] == account.email)
        client = None if mine["client"] is None else str(mine["client"])
        return ApiUser(str(mine["token"]), str(mine["csrf"]), address_of(account.email), str(mine["refresh_token"]), client)
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None
