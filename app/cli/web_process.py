"""`python -m app.cli.web_process`: the receiver as a supervised process; for the commands of app.cli only.

The server's main process starts workers, which do the work: a worker tells its own pid (RELAY_PID_FILE), and
ends with its main process.
"""

import argparse
import multiprocessing
import os
from pathlib import Path

from app.cli.supervisor.parent import ends_with
from app.cli.supervisor.process import write_pid
from app.settings import load_settings
from app.web.lane import Lane
from app.web.server import build_server
from app.web.server import create_lane as create_receiver


def create_lane() -> Lane:
    """The receiver, in a worker of the server."""
    main_process = multiprocessing.parent_process()
    if main_process is not None and main_process.pid is not None:
        ends_with(main_process.pid)()
    lane = create_receiver()
    if pid_file := os.environ.get("RELAY_PID_FILE"):
        write_pid(Path(pid_file), os.getpid())
    return lane


def main() -> None:
    """Serve until SIGTERM."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--host", default="127.0.0.1")
    host = arguments.parse_args().host
    build_server(load_settings(os.environ), host, "app.cli.web_process:create_lane").serve()


if __name__ == "__main__":
    main()
