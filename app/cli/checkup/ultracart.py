"""`relay doctor` on one UltraCart shop: key, webhook, polls, catalogue and mapping; for app.cli only."""

from collections.abc import Iterator
from dataclasses import replace

from app.alerts.comparisons import reconciliation
from app.alerts.rules import TO_DO
from app.alerts.wording import failed_deliveries_text
from app.cli.checkup.check import Check, failed, ok, warn, wrong
from app.cli.comparisons import comparison_words, shop_comparisons
from app.cli.mapping_report import findings, mapping_of
from app.cli.setup import shop_webhooks, wanted_webhook
from app.errors import DeliveryFailure, Postponed, SettingsError
from app.services import Services
from app.settings import Merchant
from app.ultracart.webhooks import Webhook, count_of, differences, find_webhook, lacking


def check_ultracart(services: Services, merchant: Merchant) -> Iterator[Check]:
    """Everything about the shop; without a key only what the relay itself knows."""
    if merchant.ultracart_key:
        yield from _webhook(services, merchant)
        yield from _polls(services, merchant)
        yield from _comparisons(services, merchant)
    else:
        advice = (
            "Set ULTRACART_SIMPLE_KEY: items and affiliates are polled, and missing orders fetched, with it"
        )
        yield warn(f"{merchant.id} UltraCart key", "not set", advice)
    yield _mapping(services, merchant)


def _webhook(services: Services, merchant: Merchant) -> Iterator[Check]:
    about = f"{merchant.id} webhook"
    try:
        wanted = wanted_webhook(services, merchant)
        known = find_webhook(shop_webhooks(services, merchant), wanted.url)
    except SettingsError as error:
        yield warn(about, "cannot be looked for", str(error))
        return
    except (DeliveryFailure, Postponed) as failure:
        yield failed(f"{merchant.id} UltraCart key", failure)
        return
    yield ok(f"{merchant.id} UltraCart key", "webhooks may be read")
    if known is None:
        yield wrong(about, f"not registered for {wanted.url}", "Run `relay setup`")
        return
    yield from _registered(about, known, differences(wanted, known))


def _registered(about: str, known: Webhook, found: list[str]) -> Iterator[Check]:
    failures, pending = count_of(known, "consecutive_failures"), count_of(known, "pending")
    if known.get("disabled"):
        yield wrong(
            about, "disabled by UltraCart or a person", "Run `relay setup`, then look for missed orders"
        )
    for lack in lacking(known):
        yield wrong(about, lack, "Run `relay setup`")
    if found:
        yield warn(about, f"differs: {'; '.join(found)}", "Run `relay setup`")
    if failures:
        text = f"the last {failures} deliveries failed, next try {known.get('next_retry_after') or 'unknown'}"
        yield wrong(about, text, "Look at the webhook's log in UltraCart")
    if pending:
        yield warn(about, f"{pending} events wait in UltraCart", "They come when deliveries succeed again")
    if not (found or failures or pending or known.get("disabled")):
        yield ok(about, "registered, enabled, and nothing waits")


def _polls(services: Services, merchant: Merchant) -> Iterator[Check]:
    reports = services.polling.reports(merchant.id)
    polls = (
        ("items", "affiliates", "webhook") if services.settings.relay_public_url else ("items", "affiliates")
    )
    for poll in polls:
        about, report = f"{merchant.id} poll of {poll}", reports.get(poll)
        if report is None:
            yield warn(
                about, "has not run yet", "`relay items` and `relay beat` have to run, or `relay poll`"
            )
        elif report["ending"] == "failed":
            yield wrong(about, report["reason"], "Check ULTRACART_SIMPLE_KEY and its permissions")
        else:
            yield ok(about, f"{report['ending']} at {report['ended_at'][:19]} UTC, {report['seen']} seen")
    yield from _failed_deliveries(services, merchant)


def _failed_deliveries(services: Services, merchant: Merchant) -> Iterator[Check]:
    about = f"{merchant.id} failed deliveries"
    counts = services.polling.cursor(merchant.id, "webhook").get("sums", {})
    if counts.get("incomplete"):
        advice = (
            "Look at it in the webhook's log in UltraCart; failed_delivery.incomplete in the log names it"
        )
        yield warn(about, failed_deliveries_text(counts), advice)
    elif counts:
        yield ok(about, failed_deliveries_text(counts))


def _comparisons(services: Services, merchant: Merchant) -> Iterator[Check]:
    about, readings = f"{merchant.id} reconciliation", services.survey.read()
    shops = tuple(shop for shop in readings.shops if shop.merchant_id == merchant.id)
    found = list(reconciliation(replace(readings, shops=shops)))
    for alert in found:
        yield warn(about, alert.what, TO_DO[alert.name])
    if not found:
        for line in comparison_words({shop.merchant_id: shop_comparisons(shop) for shop in shops}):
            yield ok(about, line.removeprefix(f"{merchant.id}: "))


def _mapping(services: Services, merchant: Merchant) -> Check:
    about = f"{merchant.id} mapping"
    mapping = mapping_of(services, merchant)
    found = findings(mapping, services.catalogue.read(merchant.id))
    conflicts = [f"{', '.join(one.items)}: {one.text}" for one in found if one.wrong]
    if conflicts:
        return wrong(
            about, "; ".join(conflicts), "Correct it with `relay map set`; `relay map report` has it all"
        )
    unmapped = sum(one.kind == "unmapped" for one in found)
    if unmapped:
        text = f"{unmapped} of {len(mapping)} items have no entry: their products are called as the items are"
        return ok(about, text)
    return ok(about, f"{len(mapping)} items")
