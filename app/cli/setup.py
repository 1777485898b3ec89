"""`relay setup`: the webhook in UltraCart and the custom fields in ONTRAPORT; for app.cli.main only."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import click

from app.cli.calls import CommandCall
from app.cli.delivery import choose_merchant
from app.cli.store import open_services
from app.cli.supervisor.claims import LOOPBACK
from app.delivery.custom_fields import field_row, made_just_now
from app.errors import DeliveryFailure, FailureClass, Postponed, SettingsError
from app.services import Services
from app.settings import MappingRules, Merchant, Settings
from app.store.records import milliseconds
from app.ultracart.webhooks import (
    PATH,
    Wanted,
    Webhook,
    all_webhooks,
    differences,
    find_webhook,
    request_of,
    wanted_events,
)

AS_TEXT = "made as a text field"
CUSTOM_FIELDS = (
    "AffiliateId",
    "Affiliate Approved",
    "Auto Order Status",
    "Last Refund Amount",
    "Last Refund Date",
    "Last Refund Order",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was set up. `state`: unchanged, done, would (in a dry run) or failed."""

    merchant: str
    what: str
    state: str
    text: str


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be changed.")
@click.option("--merchant", default="", metavar="ID", help="Only this merchant; all without it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def setup(dry_run: bool, merchant: str, as_json: bool) -> None:
    """Register the webhook at UltraCart and make ONTRAPORT's custom fields; what is right stays as it is.

    Ends with 1 when something could not be done. It may be repeated at any time.
    """
    services = open_services()
    merchants = services.settings.merchants
    chosen = [choose_merchant(services.settings, merchant)] if merchant else list(merchants.values())
    steps = [step for one in chosen for step in set_up(services, one, dry_run)]
    if as_json:
        click.echo(json.dumps([asdict(step) for step in steps]))
    else:
        for step in steps:
            click.echo(f"{step.merchant} {step.what}: {step.state}. {step.text}".rstrip(". "))
    sys.exit(1 if any(step.state == "failed" for step in steps) else 0)


def set_up(services: Services, merchant: Merchant, dry_run: bool) -> Iterator[Step]:
    """Everything for one merchant, step by step; a step that fails does not keep the others back."""
    try:
        yield from _webhook(services, merchant, dry_run)
    except (DeliveryFailure, Postponed) as failure:
        yield Step(merchant.id, "webhook", "failed", _words(failure))
    try:
        yield from _fields(services, merchant, dry_run)
    except DeliveryFailure as failure:
        yield Step(merchant.id, "custom fields", "failed", _words(failure))


def webhook_url(settings: Settings, merchant: Merchant) -> str:
    """Where UltraCart shall post to. Raises SettingsError without a usable RELAY_PUBLIC_URL."""
    base = settings.relay_public_url
    if not base and settings.sandbox:
        base = f"http://{LOOPBACK}:{settings.port}"
    if not base:
        raise SettingsError("RELAY_PUBLIC_URL is missing: the address of this relay as UltraCart reaches it")
    if urlsplit(base).scheme != "https" and not settings.sandbox:
        raise SettingsError(f"RELAY_PUBLIC_URL={base}: UltraCart sends customers' data to https only")
    return f"{base}{PATH}/{merchant.id}"


def wanted_webhook(services: Services, merchant: Merchant) -> Wanted:
    """The webhook as it should be in this shop. Raises DeliveryFailure, Postponed, SettingsError."""
    url = webhook_url(services.settings, merchant)
    catalogue = services.shops[merchant.id].webhook_event_categories(services.shop_budget.permit(merchant.id))
    password = merchant.webhook_passwords[0].reveal()
    return Wanted(url, merchant.webhook_username, password, wanted_events(catalogue))


def shop_webhooks(services: Services, merchant: Merchant) -> Iterator[Webhook]:
    """Every webhook of the shop. Raises DeliveryFailure, Postponed."""
    shop, budget = services.shops[merchant.id], services.shop_budget
    return all_webhooks(lambda offset: shop.webhooks_page(budget.permit(merchant.id), offset=offset))


def field_names(rules: MappingRules) -> list[str]:
    """The custom fields that the relay fills, those of the merchant's own rules among them."""
    chosen = [name for rule in rules.order_statuses.values() for name in (rule.field, rule.tracking_field)]
    chosen.append(rules.referrer_field)
    return list(dict.fromkeys([*CUSTOM_FIELDS, *(name for name in chosen if name)]))


def _webhook(services: Services, merchant: Merchant, dry_run: bool) -> Iterator[Step]:
    if not merchant.ultracart_key:
        yield Step(
            merchant.id, "webhook", "failed", "ULTRACART_SIMPLE_KEY is missing: set it, or add it by hand"
        )
        return
    wanted = wanted_webhook(services, merchant)
    known = find_webhook(shop_webhooks(services, merchant), wanted.url)
    found = differences(wanted, known)
    if found and not dry_run:
        _write(services, merchant, wanted, known)
    state = ("would" if dry_run else "done") if found else "unchanged"
    yield from (Step(merchant.id, "webhook", state, text) for text in found or [wanted.url])


def _write(services: Services, merchant: Merchant, wanted: Wanted, known: Webhook | None) -> None:
    shop, permit = services.shops[merchant.id], services.shop_budget.permit(merchant.id)
    if known is None:
        shop.insert_webhook(request_of(wanted, None), permit)
    else:
        shop.update_webhook(str(known.get("webhook_oid", "")), request_of(wanted, known), permit)


def _fields(services: Services, merchant: Merchant, dry_run: bool) -> Iterator[Step]:
    client = services.ontraport[merchant.account]
    known = client.contact_fields(CommandCall())
    missing = [name for name in field_names(merchant.rules) if name not in known]
    if not missing:
        yield Step(merchant.id, "custom fields", "unchanged", "all are there")
    for name in missing:
        state, text = ("would", AS_TEXT) if dry_run else _make_field(services, merchant.account, name)
        yield Step(merchant.id, f"custom field {name!r}", state, text)


def _make_field(services: Services, account: str, name: str) -> tuple[str, str]:
    """Makes a field under the workers' own lease, so that it is never made twice. Raises DeliveryFailure."""
    client, now = services.ontraport[account], milliseconds(services.clock())
    with services.holds.hold(field_row(account, name)) as held:
        if held is None:
            return "failed", "a worker is making it at this moment: run it again"
        if name in client.contact_fields(CommandCall()):
            return "unchanged", "a worker has made it meanwhile"
        if "fs" in held.fields or made_just_now(held.fields, now):
            return "failed", "a worker has begun to make it, and it is not listed yet: run it in ten minutes"
        held.write("x:made", now)
        try:
            client.create_contact_field(name, CommandCall())
        except DeliveryFailure as failure:
            if failure.failure is not FailureClass.UNKNOWN:
                held.write("x:made", 0)
            raise
    return "done", AS_TEXT


def _words(failure: DeliveryFailure | Postponed) -> str:
    if isinstance(failure, Postponed):
        return failure.reason
    doubt = " It may have been done: run it again." if failure.failure is FailureClass.UNKNOWN else ""
    return f"{failure.reason.rstrip('.')}. {failure.hint}{doubt}".strip()
