"""The settings of a pooler in an environment file: PgBouncer's own, by the names of its manual. What the environment must know, it sets itself. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from closeshave.environments.application import Setting
from closeshave.files.closest import meant

NUMBERS = frozenset({
    "autodb_idle_timeout", "cancel_wait_timeout", "client_idle_timeout", "client_login_timeout", "default_pool_size", "dns_max_ttl",
    "dns_nxdomain_ttl", "dns_zone_check_period", "idle_transaction_timeout", "listen_backlog", "max_client_conn", "max_db_client_connections",
    "max_db_connections", "max_packet_size", "max_prepared_statements", "max_user_client_connections", "max_user_connections", "min_pool_size",
    "peer_id", "pkt_buf", "query_timeout", "query_wait_notify", "query_wait_timeout", "reserve_pool_size", "reserve_pool_timeout", "sbuf_loopcnt",
    "scram_iterations", "server_check_delay", "server_connect_timeout", "server_idle_timeout", "server_lifetime", "server_login_retry",
    "stats_period", "suspend_timeout", "tcp_defer_accept", "tcp_keepcnt", "tcp_keepidle", "tcp_keepintvl", "tcp_socket_buffer", "tcp_user_timeout",
    "transaction_timeout", "verbose",
})  # fmt: skip
SWITCHES = frozenset({
    "application_name_add_host", "disable_pqexec", "log_connections", "log_disconnections", "log_pooler_errors", "log_stats",
    "server_fast_close", "server_reset_query_always", "server_round_robin", "tcp_keepalive",
})  # fmt: skip
TEXTS = frozenset({"ignore_startup_parameters", "pool_mode", "server_check_query", "server_reset_query", "track_extra_parameters"})
KNOWN = NUMBERS | SWITCHES | TEXTS
"""Those of PgBouncer up to 1.25; an older one refuses what it does not know."""
AT_LEAST_ONE = frozenset({"default_pool_size", "max_client_conn"})
"""With none of them nobody could connect."""
LARGEST = 2**31 - 1
"""PgBouncer keeps its numbers in 32 bits."""
OURS = frozenset({
    "admin_users", "auth_dbname", "auth_file", "auth_hba_file", "auth_ident_file", "auth_query", "auth_type", "auth_user", "conffile", "job_name",
    "listen_addr", "listen_port", "logfile", "pidfile", "resolv_conf", "service_name", "so_reuseport", "stats_users", "syslog", "syslog_facility",
    "syslog_ident", "unix_socket_dir", "unix_socket_group", "unix_socket_mode", "user",
})  # fmt: skip
"""Those that the environment sets, or that have no place here."""
MODES = ("session", "transaction", "statement")
USUAL: Mapping[str, Setting] = {"server_login_retry": 1, "server_connect_timeout": 2, "ignore_startup_parameters": "extra_float_digits"}
"""Where a file says nothing else. PgBouncer's own 15 s between two tries to connect would lengthen every failover."""


def text_of(value: Setting) -> str:
    """As PgBouncer reads it: 1 and 0 for true and false."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def whole(stated: Mapping[str, Setting]) -> dict[str, str]:
    """All settings that a file may state: its own, and the usual ones."""
    return {name: text_of(value) for name, value in {**USUAL, **stated}.items()}


def wrong_value(name: str, value: Setting) -> str:
    """What is wrong with a setting's value; empty when nothing is."""
    least = int(name in AT_LEAST_ONE)
    # A NaN is in no range.
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if name in NUMBERS and not least <= number <= LARGEST:
        return f"{value!r}: must be a number from {least} to {LARGEST}"
    if name in SWITCHES and not (isinstance(value, int) and value in (0, 1)):
        return f"{value!r}: must be true or false"
    if name in TEXTS and not isinstance(value, str):
        return f"{value!r}: must be a text"
    if not text_of(value).isprintable():
        return "must be in one line"
    return ""


def problems(stated: Mapping[str, Setting]) -> Iterator[tuple[str, str]]:
    """The name of each wrong setting, and what is wrong with it."""
    for name, value in stated.items():
        if name in OURS:
            yield name, "is set by the environment: leave it out"
        elif "_tls" in name:
            yield name, "is not for this environment: its connections are on this machine and not encrypted"
        elif name not in KNOWN:
            yield name, f"is not a setting of PgBouncer{meant(name, KNOWN)}; its manual lists them: https://www.pgbouncer.org/config.html"
        elif message := wrong_value(name, value):
            yield name, message
    mode = stated.get("pool_mode")
    if mode is not None and mode not in MODES:
        yield "pool_mode", f"{mode!r} is not a mode{meant(str(mode), MODES)}; available: {', '.join(MODES)}"


def remark(stated: Mapping[str, Setting], version: str) -> str:
    """What whoever starts it should know; empty when there is nothing."""
    numbers = tuple(int(part) for part in version.split(".") if part.isdecimal())
    if whole(stated).get("pool_mode", "session") == "session" or numbers >= (1, 21):
        return ""
    return (
        f"PgBouncer {version} forgets prepared statements between transactions: an application that prepares statements fails with this pool_mode "
        "(1.21 and later keep them)"
    )
