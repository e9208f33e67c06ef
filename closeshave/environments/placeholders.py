"""Placeholders in the commands and variables of an application: ``{port}`` stands for what only the environment knows. Pure.

A text in double braces is a text in braces: ``{{port}}`` gives ``{port}``. Braces around anything else, such as those of JSON, stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

_NAMED = re.compile(r"\{\{([a-z_][A-Za-z0-9_.-]*)\}\}|\{([a-z_][A-Za-z0-9_.-]*)\}")

MEANINGS: Mapping[str, str] = {
    "database_url": "the primary of the only shard, through the pooler if there is one; of several shards each has its own, `{database_url.1}`",
    "replica_url": "a standby of the only shard, or `{replica_url.1}`; there may be none for a while, so read from the primary then",
    "database_urls": "all primaries as a JSON object, shard → URL",
    "replica_urls": "all standbys as a JSON object, shard → URL",
    "cluster_nodes": "all nodes of the Valkey cluster, `host:port` separated by commas; empty where there is none. The URL of a tier that it holds leads "
    "to the first of them: the application asks it for the others, and follows its redirections",
    "cache_url": "the tier `cache` of this region's customers; `{cache_url.us-east-1}` is that of another region's customers",
    "sessions_url": "the tier `sessions`, in the same way",
    "ratelimit_url": "the tier `ratelimit`, in the same way",
    "cache_urls": "the tier `cache` as a JSON object, home region of the customers → URL",
    "sessions_urls": "the tier `sessions` as a JSON object, home region of the customers → URL",
    "broker_url": "the tier `broker` of this region's bookings, in the same way",
    "broker_urls": "the tier `broker` as a JSON object, home region of the bookings → URL",
    "background": "`on` where workers of this file run beside the instances, else `off`",
    "live_updates": "`on` where customers may follow their bookings (`live_updates` of this section), else `off`",
    "payments_url": "the payment provider; it runs only if this is used",
    "host": "the address on which the instance must listen",
    "port": "the port on which the instance must listen",
    "region": "the region of the instance",
    "instance": "the name of the instance, such as `app-us-east-1-0`",
    "secret": "64 hexadecimal digits, the same in all instances, other ones in each environment",
    "private_key_file": "a file with an RSA private key (PEM), the same for all instances, another one in each environment",
    "operations_file": "a file with an operator's instructions to this instance; it may be missing. With `{'error_share': 0.5}` (in JSON) in it, half "
    "of the requests must end with 500. An application that uses it can be made to err (`service.erring`)",
    "routing_file": "a file that says which ranges of franchises lie on another shard than `{topology}` says, in JSON: "
    "`{'version': 1, 'moves': [{'first': 1, 'last': 1000, 'source': 1, 'target': 5}]}`; missing while none does. It is replaced while instances "
    "run (`shard.migrate-range`)",
    "scratch": "a directory for files of the application, removed with the environment",
    "topology": "regions and shards as a JSON object",
    "rate_limit_scale": "`rate_limit_scale` of this file",
    "python": "the Python interpreter of Closeshave, which finds its modules when this is the first word of a command",
    "harness": "the directory in which Python finds Closeshave's modules",
}
"""What stands for each in the command and the variables of an instance."""
NOT_FOR_WORKERS = frozenset({"port", "operations_file"})
"""Placeholders without a meaning for a process that serves no customers."""
IN_PREPARE: Mapping[str, str] = {
    "database_url": "the database that must be prepared: that of one shard",
    "shard": "the number of that shard",
    "accounts_file": "a CSV file with the header `email,password,region`, to be written by the command: the customers' accounts",
    "barbers_per_franchise": "`seed.barbers_per_franchise` of this file",
    "accounts_per_region": "`seed.accounts_per_region` of this file",
    "topology": MEANINGS["topology"],
    "python": MEANINGS["python"],
    "harness": MEANINGS["harness"],
}
"""What stands for each where a database is prepared: no instance runs then."""


def used(*texts: str) -> Iterator[str]:
    """The names of all placeholders in these texts."""
    for text in texts:
        yield from (found[2] for found in _NAMED.finditer(text) if found[2])


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with the values of its placeholders. Raises :class:`KeyError` for an unknown one."""
    return _NAMED.sub(lambda found: f"{{{found[1]}}}" if found[1] else values[found[2]], text)


def all_filled(texts: Iterable[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """As :func:`filled`, for each text."""
    return tuple(filled(text, values) for text in texts)
