"""Asks the shop how its deliveries to us fare: whoever is told nothing cannot know what is missing.

Alerts tell of a webhook that fails; what it failed to deliver is fetched (tasks.failed_deliveries).
"""

from functools import partial
from typing import Any

from app.services import Services
from app.settings import Merchant
from app.ultracart.client_answers import Page
from app.ultracart.webhooks import PATH, Webhook, all_webhooks, count_of
from tasks.failed_deliveries import POLL, FailedDeliveries
from tasks.poll_runs import PollReport, PollRun, run_poll

# An outage leaves many entries behind: the polls and comparisons of the hour need requests as well.
MOST_REQUESTS = 40


def poll_webhook(services: Services, merchant: Merchant) -> PollReport:
    """One look at a merchant's webhook and its log; raises StoreUnavailable. Goes on where it was."""
    if not services.settings.relay_public_url:
        reason = "no RELAY_PUBLIC_URL, by which the shop's webhook to this relay is known"
        return PollReport(POLL, merchant.id, "off", reason)
    return run_poll(services, merchant, POLL, _poll)


def _poll(run: PollRun) -> None:
    run.most_requests = MOST_REQUESTS
    ours = f"{run.services.settings.relay_public_url}{PATH}".casefold()
    shop = all_webhooks(partial(_page, run))
    known = [one for one in shop if str(one.get("webhook_url")).casefold().startswith(ours)]
    run.report.seen = len(known)
    run.keep(run.cursor() | _state(known), {})
    for webhook in known:
        FailedDeliveries(run, str(webhook.get("webhook_oid") or "")).fetch()


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
