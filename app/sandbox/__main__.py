"""`python -m app.sandbox`: serves the sandbox until SIGTERM or Ctrl-C; writes nothing to disk."""

import signal
import sys
import time

import click

from app.sandbox.server import DEFAULT_KEY, DEFAULT_RATE, create_sandbox, make_sandbox_server


@click.command(help="A stand-in ONTRAPORT with a ledger of effects and faults on demand.")
@click.option("--port", type=int, required=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--rate", default=DEFAULT_RATE, show_default=True, help="Requests per rolling minute, 0 for no limit."
)
@click.option("--app-id", default=DEFAULT_KEY, show_default=True)
@click.option("--api-key", default=DEFAULT_KEY, show_default=True)
def main(port: int, host: str, rate: int, app_id: str, api_key: str) -> None:
    """Serve in the foreground; exit 0 when asked to stop."""
    # A restart forgets all: what it makes then bears other ids, or it would be taken for what was before.
    first_id = int(time.time()) % 100_000 * 100 + 1
    server = make_sandbox_server(create_sandbox(rate, app_id, api_key, first_id=first_id), host, port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    click.echo(f"sandbox ONTRAPORT on http://{host}:{server.port}/ontraport/1")
    server.serve_forever()


if __name__ == "__main__":
    main()
