"""Images of the engine: which exist, and new ones from a tar of all their files."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from closeshave.control.engine.client import EngineFailed, asking, client

if TYPE_CHECKING:
    from docker.models.images import Image

DIGEST = "closeshave.digest"
SOURCES = "closeshave.sources"
CHUNK_BYTES = 1 << 20


def image_exists(image: str) -> bool:
    """Whether the engine has this image, so that no download is needed."""
    return _find(image) is not None


def image_digest(image: str) -> str | None:
    """The digest that :func:`import_image` stored for the image; ``None`` if there is no such image or it was made in another way."""
    found = _find(image)
    return found.labels.get(DIGEST) if found else None


def image_sources(image: str) -> str | None:
    """The digest of the harness's own sources that :func:`import_image` stored for the image; ``None`` as above."""
    found = _find(image)
    return found.labels.get(SOURCES) if found else None


def import_image(tar: IO[bytes], image: str, environ: Iterable[str], digest: str, sources: str) -> None:
    """Create an image with one layer; ``environ`` are ``NAME=value``. An older image with this name is removed. Raises :class:`EngineFailed`."""
    last = _find(image)
    name, _, tag = image.rpartition(":")
    changes = [*(f"ENV {variable}" for variable in environ), f"LABEL {DIGEST}={digest} {SOURCES}={sources}"]
    # Not the file itself: then its length would be in a header, in addition to the chunked encoding.
    chunks = iter(lambda: tar.read(CHUNK_BYTES), b"")
    with asking(f"build the image {image}"):
        said: str = client().client.api.import_image_from_stream(chunks, repository=name, tag=tag, changes=changes)
    if '"error"' in said:
        raise EngineFailed(f"the container engine could not build the image {image}: {said.strip().splitlines()[-1]}")
    if last is not None and not last.tags[1:]:
        # Containers may still run from it: then it stays.
        with suppress(EngineFailed), asking(f"remove the last {image}"):
            client().client.images.remove(last.id)


def _find(image: str) -> Image | None:
    from docker.errors import ImageNotFound  # noqa: PLC0415 - see client.py

    with asking(f"look for the image {image}"):
        try:
            return client().client.images.get(image)
        except ImageNotFound:
            return None
