"""`relay send FILE`: post a payload file to the local receiver; for app.cli.main only."""

import json
import os
import sys
from typing import BinaryIO

import click

from app.cli.delivery import choose_merchant, post_delivery
from app.settings import load_settings


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--merchant", default="", metavar="ID", help="Whose delivery it is; needed when there are several."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a line.")
def send(file: BinaryIO, merchant: str, as_json: bool) -> None:
    """Post FILE (- for standard input) to the receiver on PORT, with the merchant's credentials.

    Ends with 0 when the receiver has taken it.
    """
    settings = load_settings(os.environ)
    answer = post_delivery(settings, choose_merchant(settings, merchant), file.read())
    if as_json:
        click.echo(json.dumps({"status": answer.status, "answer": answer.body}))
    else:
        click.echo(answer.words)
    sys.exit(0 if answer.status == 200 else 1)
