"""How the harness itself asks over HTTP, beside its load: whom it trusts, and that it asks nobody in between.

Proxies of the environment (``HTTP_PROXY``, ``ALL_PROXY``) are not honoured, and neither is ``.netrc``: log-ins carry passwords, most of what is asked
is on this machine, and the load goes straight to the platform too. Every client says ``trust_env=False``; a test looks after that.
"""

from __future__ import annotations

import re
import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """The system's authorities, or those that ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name: the same that the load trusts. Read once: it takes 20 ms."""
    return ssl.create_default_context()


def retry_after_s(told: str, otherwise: float) -> float:
    """How long a limit asks for patience by its ``Retry-After``, in seconds; ``otherwise`` where it tells none, or a date.

    At least a second, whatever is told: who comes back at once comes back all the time.
    """
    return max(1.0, float(told)) if re.fullmatch(r"[0-9]{1,6}", told) else otherwise
