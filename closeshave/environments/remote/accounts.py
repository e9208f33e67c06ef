"""The customers of a remote platform: listed in a file, or registered by the harness for this run."""

from __future__ import annotations

import csv
import io
import secrets
from pathlib import Path

from closeshave.caps.pace import Pace
from closeshave.deployment import Account
from closeshave.environments.driver import Say
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.remote import speaking
from closeshave.environments.remote.api import Api, CallRefused
from closeshave.environments.remote.definition import Remote
from closeshave.plurals import counted

COLUMNS = ("email", "password", "region")


def existing(definition: Remote, directory: Path, say: Say, authority: str = "") -> tuple[Account, ...]:
    """Existing accounts. ``directory`` is the directory from which a relative path counts; ``authority`` the file of the only authority that is trusted,
    if there is one. Raises :class:`EnvironmentFailed`."""
    if definition.accounts.file is not None:
        return read(directory / definition.accounts.file, tuple(definition.regions))
    made, pace = [], Pace(definition.caps.requests_per_s)
    for region, url in definition.regions.items():
        spoken = speaking.of(definition.api)
        api = Api(url, definition.capabilities, pace=pace, proxy=definition.proxy, spoken=spoken, authority=authority)
        try:
            for _ in range(definition.accounts.register):
                account = new_account(region)
                api.register(account)
                made.append(account)
        except CallRefused as error:
            raise EnvironmentFailed(
                f"{region}: {error}; {counted(len(made), 'account was', 'accounts were')} registered; a file of accounts needs no registration"
            ) from None
        finally:
            api.close()
    say(f"{counted(len(made), 'customer')} registered")
    return tuple(made)


def new_account(region: str) -> Account:
    """A user that does not exist yet."""
    return Account(f"closeshave-{secrets.token_hex(6)}@example.com", f"Cs-{secrets.token_urlsafe(12)}-1", region)


def read(path: Path, regions: tuple[str, ...]) -> tuple[Account, ...]:
    """The accounts of a CSV file. Raises :class:`EnvironmentFailed` naming the line and what would be right, but never the contents of the line."""
    try:
        rows = _rows(path.read_bytes())
    except UnicodeDecodeError:
        raise EnvironmentFailed(f"{path}: is not UTF-8; save it as 'CSV UTF-8'") from None
    except (OSError, csv.Error) as error:
        raise EnvironmentFailed(f"{path}: {error}") from None
    for number, row in enumerate(rows, start=2):
        if any(not row.get(column) for column in COLUMNS):
            raise EnvironmentFailed(f"{path}:{number}: every line needs {', '.join(COLUMNS)}, as in the header")
        if row["region"] not in regions:
            raise EnvironmentFailed(f"{path}:{number}: the region is not one of this environment; available: {', '.join(regions)}")
    if not rows:
        raise EnvironmentFailed(f"{path}: has no accounts; its first line must be {','.join(COLUMNS)}")
    return tuple(Account(row["email"], row["password"], row["region"]) for row in rows)


def _rows(data: bytes) -> list[dict[str, str]]:
    """Also in the forms that spreadsheets write: with a byte order mark, with semicolons or tabs instead of commas, with names in capitals."""
    text = data.decode("utf-8-sig")
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip().lower() for name in next(reader, [])]
    return [dict(zip(names, row, strict=False)) for row in reader if any(cell.strip() for cell in row)]
