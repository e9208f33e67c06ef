"""The cache of an edge, in HAProxy's words: what is kept, under which key, and what a kept answer says of itself.

HAProxy keeps an answer only if it is a 200 to a GET that says how long it may be kept, and never one to a request with ``Authorization``. What it cannot
do by itself is said here: answers that depend on a header of their own.
"""

from __future__ import annotations

from closeshave.environments.stack import PERSONAL, EdgeCacheOf

OBJECT_BYTES_MAX = 262_144
"""The largest answer that is kept, head and body. HAProxy permits half of the smallest cache, which has a MiB."""
MAY = "{ var(txn.may_keep) -m bool }"
VARY = "X-Edge-Vary"
"""Where a kept answer has the list of headers on which it depends, while HAProxy must not see it."""
MANAGED = "accept-encoding"
"""A header of which HAProxy itself knows what to do when an answer depends on it."""


def section(name: str, cache: EdgeCacheOf) -> str:
    """The cache of one edge."""
    lines = [
        f"cache {name}",
        f"    total-max-size {cache.size_mb}",
        f"    max-object-size {OBJECT_BYTES_MAX}",
        f"    max-age {cache.ttl:.0f}",
        # Answers that depend on Accept-Encoding, Origin or Referer are kept for each; those that depend on other headers not at all.
        "    process-vary on",
    ]
    return "\n".join(lines) + "\n"


def rules(name: str, cache: EdgeCacheOf) -> list[str]:
    """The lines of the edge's frontend."""
    personal = [f"    acl personal req.hdr_cnt({header}) gt 0" for header in sorted(PERSONAL)]
    # A header that is there twice: the application may read the other one.
    twice = [f"    acl unclear req.fhdr_cnt({header}) gt 1" for header in cache.keyed_by]
    # HAProxy's key is host and path. Values are in hexadecimal, each behind a slash of its own: whatever is in them, no two requests can be mixed up.
    key = "".join(f"/%[req.fhdr({header}),hex]" for header in cache.keyed_by)
    return [
        *personal,
        *twice,
        f"    http-request set-var(txn.may_keep) bool(true) if METH_GET !personal{' !unclear' if twice else ''}",
        f"    http-request set-var(txn.asked) pathq if {MAY}",
        f"    http-request set-pathq {key}%[var(txn.asked)] if {MAY}",
        f"    http-request cache-use {name} if {MAY}",
        # It was not kept: the application is asked for what the customer asked for.
        f"    http-request set-pathq %[var(txn.asked)] if {MAY}",
        # These are part of the key, so that HAProxy need not look at them; a kept answer tells its customers all the same.
        f"    http-response set-header {VARY} %[res.fhdr(Vary)] if {{ res.fhdr_cnt(Vary) gt 0 }} !{{ res.cache_hit }}",
        *(f"    http-response replace-value Vary (?i)^{header}$ {MANAGED}" for header in cache.keyed_by),
        # A cookie is for one customer, whatever else the answer says.
        f"    http-response cache-store {name} if {MAY} !{{ res.hdr(Set-Cookie) -m found }}",
        f"    http-after-response set-header Vary %[res.fhdr({VARY})] if {{ res.fhdr_cnt({VARY}) gt 0 }}",
        f"    http-after-response del-header {VARY}",
        # No database and no store was asked for a kept answer: the times of the first one must not be counted again.
        "    http-after-response del-header Server-Timing if { res.cache_hit }",
        "    http-after-response del-header X-Cache if { res.cache_hit }",
        f'    http-after-response set-header Cache-Status "{name}; hit" if {{ res.cache_hit }}',
        f'    http-after-response set-header Cache-Status "{name}; fwd=miss" if !{{ res.cache_hit }} {MAY}',
        f'    http-after-response set-header Cache-Status "{name}; fwd=bypass" if !{{ res.cache_hit }} !{MAY}',
    ]
