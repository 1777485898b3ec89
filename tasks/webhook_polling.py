"""Asks the shop how its deliveries to us fare: whoever is told nothing cannot know what is missing."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from app.services import Services
from app.settings import Merchant
from app.ultracart.client import Permit, UltracartClient
from app.ultracart.client_answers import Page
from app.ultracart.webhooks import Webhook
from tasks.poll_runs import PollReport, PollRun, run_poll

POLL = "webhook"


def poll_webhook(services: Services, merchant: Merchant) -> PollReport:
    """One look at a merchant's webhook for the alerts; raises StoreUnavailable."""
    return run_poll(services, merchant, POLL, _poll)


def _poll(run: PollRun) -> None:
    ours = f"{run.services.settings.relay_public_url}/webhooks/ultracart".casefold()
    known = [one for one in _webhooks(run) if str(one.get("webhook_url")).casefold().startswith(ours)]
    run.report.seen = len(known)
    run.keep(_state(known), {})


def _webhooks(run: PollRun) -> Iterator[Webhook]:
    offset, more = 0, True
    while more:
        page = run.ask(partial(_page, offset))
        run.report.pages += 1
        yield from page.rows
        offset, more = page.next_offset, page.more


def _page(offset: int, shop: UltracartClient, permit: Permit) -> Page:
    return shop.webhooks_page(permit, offset=offset)


def _state(known: list[Webhook]) -> dict[str, Any]:
    """What app.store.survey reads: counts, and whether UltraCart has given up altogether."""
    return {
        "failures": sum(_number(one.get("consecutive_failures")) for one in known),
        "pending": sum(_number(one.get("pending")) for one in known),
        "disabled": bool(known) and all(one.get("disabled") is True for one in known),
    }


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0
