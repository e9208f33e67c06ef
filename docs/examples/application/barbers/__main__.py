"""``python -m barbers prepare | serve | work``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys

from . import settings


def serve(told: settings.Settings) -> None:
    """Answer requests until SIGTERM: then no new ones are accepted, and those that are being answered are finished."""
    import uvicorn  # noqa: PLC0415 - the other commands need no server

    from .application import application  # noqa: PLC0415

    app = application(told)
    config = uvicorn.Config(
        app, host=told.host, port=told.port, access_log=False, log_config=None, timeout_keep_alive=75, timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    # uvicorn ends the process by the signal that it got; a process that has been asked to end and has ended well ends with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run()
    sys.exit(0 if server.started else 1)


def main() -> None:
    """Carry out one command."""
    parser = argparse.ArgumentParser(prog="python -m barbers", description=__doc__)
    parser.add_argument("command", choices=("prepare", "serve", "work"))
    command = parser.parse_args().command
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        told = settings.read(os.environ)
    except settings.WrongSettings as error:
        sys.exit(f"barbers: {error}")
    if command == "serve":
        serve(told)
    elif command == "prepare":
        from .prepare import prepare  # noqa: PLC0415

        asyncio.run(prepare(told))
    else:
        from .worker import work  # noqa: PLC0415

        asyncio.run(work(told))


if __name__ == "__main__":
    main()
