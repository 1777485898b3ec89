"""`relay dead replay --dry-run`: what a replay would do; for app.cli.dead_replay only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from app.cli.dead_options import written
from app.delivery.rehearsal import Rehearsal, is_sent, rehearse
from app.errors import SettingsError
from app.events import Transmission
from app.services import Services
from tasks.registry import HANDLERS

MOST = 10


def rehearse_letters(services: Services, ids: Sequence[str], *, as_json: bool) -> int:
    """Rehearses these dead letters, the first MOST of them; 0 when each would end well."""
    found = [one for tid in ids[:MOST] if (one := services.dead_letters.as_sent_again(tid))]
    results = [(one, _rehearse(services, one)) for one in found]
    if as_json:
        click.echo(written([_document(one, rehearsal) for one, rehearsal in results]))
    else:
        for one, rehearsal in results:
            click.echo("\n".join(_lines(one, rehearsal)))
        if len(ids) > MOST:
            click.echo(f"and {len(ids) - MOST} more: a rehearsal asks ONTRAPORT, so it is made of {MOST}")
    good = all(rehearsal.ending in ("delivered", "skipped") for _, rehearsal in results)
    return 0 if good and len(found) == len(ids[:MOST]) else 1


def _rehearse(services: Services, transmission: Transmission) -> Rehearsal:
    if transmission.account not in services.accounts:
        raise SettingsError(f"{transmission.account} is not in the settings: add the merchant again")
    return rehearse(services, transmission, HANDLERS[transmission.kind])


def _document(one: Transmission, rehearsal: Rehearsal) -> dict[str, Any]:
    requests = [{**request, "sent": is_sent(request)} for request in rehearsal.requests]
    told = {"id": one.id, "subject": one.subject, "kind": one.kind}
    return {**told, "ending": rehearsal.ending, "reason": rehearsal.reason, "requests": requests}


def _lines(one: Transmission, rehearsal: Rehearsal) -> Iterator[str]:
    yield f"{one.subject} to {one.account}: {one.kind} ({one.id}), rehearsed: nothing was written"
    for number, request in enumerate(rehearsal.requests, 1):
        yield from _request(number, request)
    yield f"it would end as {rehearsal.ending}: {rehearsal.reason}".rstrip(": ") + "\n"


def _request(number: int, request: Mapping[str, Any]) -> Iterator[str]:
    asked = is_sent(request)
    yield f"{number}. {'asked' if asked else 'would send'}: {request['method']} {request['path']}"
    if request["request"]:
        yield f"   {request['request']}"
    if asked:
        yield f"   answer: {request['status'] or request['error'] or '-'} {request['answer']}"
