"""Runs the receiver under granian, as a receiver of money needs it: `python -m app.web.server`.

Bodies are read, and their size is counted, by the application. TLS ends before it, in a router or proxy.
"""

import argparse
import os
import threading
from contextlib import suppress
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.server import MPServer

from app.errors import SettingsError
from app.logs import stdlib_config
from app.settings import Settings, load_settings
from app.web import create_app
from app.web.lane import Lane, lane_of
from app.web.lifetime import ANNOUNCEMENT

NOTICE_SECONDS = 2.0
KILL_SECONDS = 20


class ReceiverServer(MPServer):
    """granian, with a notice before the end: `/readyz` says no while deliveries are still taken."""

    notice_seconds = NOTICE_SECONDS
    _noticed = False

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """First SIGTERM or SIGINT: tell the workers, stop a moment later. Second one: stop now."""
        if self._noticed:
            super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]
            return
        self._noticed = True
        self.respawn_failed_workers = False
        for worker in self.wrks:
            _announce(worker.inner.pid)
        timer = threading.Timer(self.notice_seconds, super().signal_handler_interrupt)
        timer.daemon = True
        timer.start()

    def shutdown(self, exit_code: int = 0) -> None:
        """Workers that were told by somebody else too (a process group, a dyno) ended as they should."""
        if self._noticed:
            self.interrupt_children.clear()
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


def _announce(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, ANNOUNCEMENT)


def create_lane() -> Lane:
    """What a worker of the server runs."""
    return lane_of(create_app())


def build_server(settings: Settings, host: str, target: str = "app.web.server:create_lane") -> ReceiverServer:
    """The server, not yet running. `target` is a factory of a Lane, without arguments."""
    return ReceiverServer(
        target,
        address=host,
        port=settings.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=settings.web_processes,
        loop=Loops.asyncio,
        workers_kill_timeout=KILL_SECONDS,
        respawn_failed_workers=True,
        log_dictconfig={**stdlib_config(), "loggers": {}},
        factory=True,
    )


def main() -> None:
    """Serve until SIGTERM; a wrong setting ends it with exit code 2 before anything listens."""
    options = argparse.ArgumentParser(description="The receiver of ultracart-relay.")
    options.add_argument("--host", default="127.0.0.1", help="0.0.0.0 behind a router (default: %(default)s)")
    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        options.error(str(error))
    build_server(settings, options.parse_args().host).serve()


if __name__ == "__main__":
    main()
