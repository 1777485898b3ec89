"""Asks the shop how its deliveries to us fare: whoever is told nothing cannot know what is missing."""

from functools import partial
from typing import Any

from app.services import Services
from app.settings import Merchant
from app.ultracart.client_answers import Page
from app.ultracart.webhooks import PATH, Webhook, all_webhooks, count_of
from tasks.poll_runs import PollReport, PollRun, run_poll

POLL = "webhook"


def poll_webhook(services: Services, merchant: Merchant) -> PollReport:
    """One look at a merchant's webhook for the alerts; raises StoreUnavailable."""
    return run_poll(services, merchant, POLL, _poll)


def _poll(run: PollRun) -> None:
    ours = f"{run.services.settings.relay_public_url}{PATH}".casefold()
    shop = all_webhooks(partial(_page, run))
    known = [one for one in shop if str(one.get("webhook_url")).casefold().startswith(ours)]
    run.report.seen = len(known)
    run.keep(_state(known), {})


def _page(run: PollRun, offset: int) -> Page:
    page = run.ask(lambda shop, permit: shop.webhooks_page(permit, offset=offset))
    run.report.pages += 1
    return page


def _state(known: list[Webhook]) -> dict[str, Any]:
    """What app.store.survey reads: counts, and whether UltraCart has given up altogether."""
    return {
        "failures": sum(count_of(one, "consecutive_failures") for one in known),
        "pending": sum(count_of(one, "pending") for one in known),
        "disabled": bool(known) and all(one.get("disabled") is True for one in known),
    }
