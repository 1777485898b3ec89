"""`relay init`: whose store this is; for app.cli.main only."""

import click

from app.cli.store import local_settings
from app.errors import InstanceMismatch
from app.services import WORKER_TIMEOUT_SECONDS, connect_store
from app.store import instance


@click.command()
@click.option(
    "--accept-empty",
    is_flag=True,
    help="Make this empty Redis ours. What the old one knew is gone: older orders are looked up in the CRM.",
)
def init(accept_empty: bool) -> None:
    """Check that Redis is this relay's own, or make an empty one so."""
    settings = local_settings()
    client = connect_store(settings, WORKER_TIMEOUT_SECONDS)
    try:
        mark = instance.open_store(
            client, settings.data_dir, settings.relay_instance, sandbox=settings.sandbox
        )
    except InstanceMismatch:
        if not accept_empty or client.exists(instance.KEY):
            raise
        mark = instance.accept_empty(
            client, settings.data_dir, settings.relay_instance, sandbox=settings.sandbox
        )
        click.echo(
            "accepted: for 105 s nothing is handed out, then what happened until now is looked up in the CRM "
            "before it is written (`relay look-first`). Next: `relay ledger import FILE` if you have an "
            "export, then `relay reconcile` for what was taken but not yet delivered"
        )
    click.echo(f"instance mark: {mark} (set RELAY_INSTANCE to it where the disk does not last)")
