"""`relay look-first`: ask the CRM before each write of what is older than now; for app.cli.main only."""

import json

import click

from app.cli.store import open_services
from app.store import look_first as stamp


@click.command("look-first")
@click.argument("word", type=click.Choice(["on", "off"]), required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a sentence.")
def look_first(word: str | None, as_json: bool) -> None:
    """Say `on` after Redis lost writes (a restored copy, a failover); without a word it says how it stands.

    For 105 s nothing is handed out, so that calls under way end. Then every sale and refund that happened
    until now is looked up in the CRM before it is written, one request each, and notes of that time are left
    out. What happens from now on costs nothing, so there is no hurry to say `off`.
    """
    client = open_services().client
    if word == "on":
        stamp.begin(client)
    elif word == "off":
        stamp.end(client)
    since = stamp.since(client)
    if as_json:
        click.echo(json.dumps({"look_first_since": since.isoformat() if since else None}))
    elif since:
        click.echo(
            f"on: what happened before {since:%Y-%m-%d %H:%M:%S} UTC is looked up before it is written"
        )
    else:
        click.echo("off: the ledger is believed")
