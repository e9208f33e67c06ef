"""The settings of a pooler in an environment file: PgBouncer's own, by the names of its manual. What the environment must know, it sets itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from closeshave.environments.application import Setting
from closeshave.files.closest import meant

KNOWN = frozenset({
    "application_name_add_host", "autodb_idle_timeout", "cancel_wait_timeout", "client_idle_timeout", "client_login_timeout", "default_pool_size",
    "disable_pqexec", "dns_max_ttl", "dns_nxdomain_ttl", "dns_zone_check_period", "idle_transaction_timeout", "ignore_startup_parameters",
    "listen_backlog", "log_connections", "log_disconnections", "log_pooler_errors", "log_stats", "max_client_conn", "max_db_client_connections",
    "max_db_connections", "max_packet_size", "max_prepared_statements", "max_user_client_connections", "max_user_connections", "min_pool_size",
    "peer_id", "pkt_buf", "pool_mode", "query_timeout", "query_wait_notify", "query_wait_timeout", "reserve_pool_size", "reserve_pool_timeout",
    "sbuf_loopcnt", "scram_iterations", "server_check_delay", "server_check_query", "server_connect_timeout", "server_fast_close",
    "server_idle_timeout", "server_lifetime", "server_login_retry", "server_reset_query", "server_reset_query_always", "server_round_robin",
    "stats_period", "suspend_timeout", "tcp_defer_accept", "tcp_keepalive", "tcp_keepcnt", "tcp_keepidle", "tcp_keepintvl", "tcp_socket_buffer",
    "tcp_user_timeout", "track_extra_parameters", "transaction_timeout", "verbose",
})  # fmt: skip
"""Those of PgBouncer up to 1.25; an older one refuses what it does not know."""
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


def problems(stated: Mapping[str, Setting]) -> Iterator[tuple[str, str]]:
    """The name of each wrong setting, and what is wrong with it."""
    for name, value in stated.items():
        if name in OURS:
            yield name, "is set by the environment: leave it out"
        elif "_tls" in name:
            yield name, "is not for this environment: its connections are on this machine and not encrypted"
        elif name not in KNOWN:
            yield name, f"is not a setting of PgBouncer{meant(name, KNOWN)}; its manual lists them: https://www.pgbouncer.org/config.html"
        elif not text_of(value).isprintable():
            yield name, "must be in one line"
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
