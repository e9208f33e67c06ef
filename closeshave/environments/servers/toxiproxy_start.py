"""Starts the Toxiproxy of an entrance with its distance: ``toxiproxy_start.py API_PORT LINK DELAY_MS SERVER [OPTION …]``.

Toxiproxy's settings file lists proxies and no toxics, so that somebody must add the delay whenever the process starts, also after a fault has ended it.
A child of this process does, once the API answers, and ends; this process becomes the server. It runs isolated (``-I -S``) with the standard library
only, to start in about 20 ms.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time

HOST = "127.0.0.1"
OWNER = "distance"
"""The owner of the delay, as :class:`closeshave.clients.toxiproxy.Toxic` names it: no fault removes it."""
ANSWERS_S_MAX = 10.0
TIMEOUT_S = 1.0


def main() -> None:
    """Leave the delay to a grandchild, whose end nobody has to wait for, and execute the server in this process."""
    port, link, delay_ms, *server = sys.argv[1:]
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os._exit(0 if add(int(port), link, int(delay_ms)) else 1)
        os._exit(0)
    os.waitpid(child, 0)
    os.execvp(server[0], server)  # noqa: S606  no shell: this very process becomes the server


def body(delay_ms: int) -> dict[str, object]:
    """The delay as Toxiproxy's API takes it: every answer comes this much later."""
    return {
        "name": f"{OWNER}~latency_downstream",
        "type": "latency",
        "stream": "downstream",
        "attributes": {"latency": delay_ms, "jitter": 0},
    }


def add(port: int, link: str, delay_ms: int) -> bool:
    """Add the delay to the link as soon as the server at this port answers; ``False`` if it does not in time, or refuses."""
    deadline = time.monotonic() + ANSWERS_S_MAX
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_S)
        try:
            connection.request("POST", f"/proxies/{link}/toxics", json.dumps(body(delay_ms)), {"Content-Type": "application/json"})
            return connection.getresponse().status == http.client.OK
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    return False


if __name__ == "__main__":
    main()
