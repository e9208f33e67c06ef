"""What may be kept of an answer on its way, as its ``Cache-Control`` says: which answers are public, and for how long; all others are private."""

from __future__ import annotations

from collections.abc import Mapping

Pairs = tuple[tuple[bytes, bytes], ...]

PRIVATE: Pairs = ((b"cache-control", b"private, no-store"),)


def _public(shared_s: int) -> Pairs:
    # Browsers ask again each time; only caches that serve many keep it. The franchise stands in a header, so the answer depends on it.
    return ((b"cache-control", b"public, max-age=0, s-maxage=%d" % shared_s), (b"vary", b"X-Franchise-Id"))


PUBLIC: Mapping[str, Pairs] = {
    "/api/v2/public/services/": _public(60),
    # Outdated by the next booking. A booking decides, so that a list may be a second old.
    "/api/v2/appointments/slots": _public(1),
}
"""Path → headers, of the pages that need no account and show the same to everybody.

A shop's page is none of them: a change of it is shown at once, everywhere, and no edge can be told of that.
"""


def said(path: str, status: int) -> Pairs:
    """The headers of an answer. A refusal is never public: the next customer may not be refused."""
    return PUBLIC.get(path, PRIVATE) if status == 200 else PRIVATE
