"""What a command does that copies a finished run directory to an object store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import Exit

if TYPE_CHECKING:
    from closeshave.cli.saying import Voice
    from closeshave.clients.objectstore import ObjectStore


def store(address: str, option: str = "--upload") -> ObjectStore | None:
    """The store, into which something was just written; ``None`` for no address. Raises :class:`InvalidFile`: nothing was started yet."""
    if not address:
        return None
    from closeshave.clients import objectstore
    from closeshave.clients.objectstore import NoStore, ObjectStore

    try:
        found = ObjectStore.open(objectstore.place_of(address))
        found.check()
    except ValueError as error:
        raise InvalidFile(Problem(option, 0, "", str(error))) from None
    except NoStore as error:
        raise InvalidFile(Problem(option, 0, "", f"{address} cannot be written: {error}")) from None
    return found


def copied(found: ObjectStore | None, directory: Path, voice: Voice, code: int) -> int:
    """Copy the run, if there is a store. Returns the exit code: the report is not where it was asked for, if that fails."""
    if found is None:
        return code
    from closeshave.clients.objectstore import NoStore

    try:
        voice.note(f"copied to {found.copy(directory)}")
    except NoStore as error:
        voice.note(
            f"the run directory could not be copied to {found.place.address}: {error}; closeshave upload {directory} {found.place.address} tries again"
        )
        return code if code in {Exit.INTERRUPTED, Exit.SAFETY} else Exit.BROKEN
    return code
