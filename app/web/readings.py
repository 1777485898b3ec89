"""The store's numbers for `/metrics`: transmissions, age, money, gates, dead letters; for app.web only."""

import threading
from collections.abc import Iterator

from app.alerts.capacity import budget_forecast, memory_forecast
from app.alerts.readings import AccountReading, Readings, ShopReading
from app.alerts.rules import find_alerts
from app.services import Services, build_services
from app.settings import Settings
from app.web.metrics import Reading


class StoreNumbers:
    """Opens the store when it is first scraped; raises RelayError while that is not possible."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._services: Services | None = None

    def __call__(self) -> Iterator[Reading]:
        """Every number, read now."""
        with self._lock:
            self._services = services = self._services or build_services(self._settings)
        readings = services.survey.read()
        yield Reading("quarantined", "Unreadable bodies kept", readings.quarantined)
        for name, number in services.log.events().items():
            yield Reading("store_events", "Events since the first start, by fate", number, {"fate": name})
        for name, number in services.log.engine().items():
            yield Reading("engine_repairs", "What the dispatcher repaired", number, {"what": name})
        for account in readings.accounts:
            yield from _account(account, readings)
            yield from _capacity(account, readings)
        for shop in readings.shops:
            yield from _comparisons(shop)
            yield from _failed_deliveries(shop)
        for merchant, rhythm in readings.rhythms.items():
            if rhythm.heard_at:
                at, labels = rhythm.heard_at.timestamp(), {"merchant": merchant}
                yield Reading("shop_heard_timestamp_seconds", "When a delivery last came", at, labels)
        yield from _memory(readings)
        yield from _alerts(services, readings)


def _account(account: AccountReading, readings: Readings) -> Iterator[Reading]:
    labels = {"account": account.account}
    for kind, states in account.states.items():
        for state, number in states.items():
            yield Reading(
                "transmissions", "By kind and state", number, {**labels, "kind": kind, "state": state}
            )
    for currency, cents in account.held_cents.items():
        yield Reading(
            "money_waiting_cents", "Money not yet delivered", cents, {**labels, "currency": currency}
        )
    age = (readings.now - account.oldest).total_seconds() if account.oldest else 0.0
    yield Reading("oldest_ready_seconds", "How long the oldest ready one waits", max(age, 0.0), labels)
    yield Reading("gate_closed", "1 while the gate is closed", float(account.gate is not None), labels)
    yield Reading("dead_letters", "Kept until somebody acts", account.dead_count, labels)


def _comparisons(shop: ShopReading) -> Iterator[Reading]:
    for name, one in shop.comparisons.items():
        labels = {"merchant": shop.merchant_id, "name": str(name)}
        for number, meaning, value in (
            ("ended", "1 when the last one of this name has ended", float(one.ended)),
            ("progress", "How much of the shop's orders is read, 1 is all", one.progress),
            ("completeness", "What the ledger has of sales and refunds, 1 is all", one.completeness / 100),
            ("different", "Sales and refunds that the ledger had not, or otherwise", one.different),
            ("admitted", "What was missed and is admitted", one.admitted),
            ("unrepaired", "Differences left to a person", one.unrepaired),
            ("until_timestamp_seconds", "Up to when the shop's orders are compared", one.until.timestamp()),
        ):
            yield Reading(f"reconciliation_{number}", meaning, value, labels)


def _capacity(account: AccountReading, readings: Readings) -> Iterator[Reading]:
    day, labels = budget_forecast(account, readings), {"account": account.account}
    yield Reading("facts_last_day", "Facts taken within 24 hours", day.facts, labels)
    yield Reading("requests_per_fact", "Requests that a fact costs", day.requests_per_fact, labels)
    yield Reading("crm_requests", "Requests to the CRM since the first start", account.requests, labels)
    yield Reading(
        "budget_share", "What the last day's facts need of a day's requests, 1 is all", day.share, labels
    )
    clears = day.clears_in.total_seconds()
    yield Reading("backlog_clears_seconds", "How long what waits takes at the full rate", clears, labels)


def _failed_deliveries(shop: ShopReading) -> Iterator[Reading]:
    for what, number in shop.failed_deliveries.items():
        labels = {"merchant": shop.merchant_id, "what": what}
        yield Reading("failed_deliveries", "What became of UltraCart's failed deliveries", number, labels)


def _memory(readings: Readings) -> Iterator[Reading]:
    yield Reading("redis_memory_bytes", "What Redis uses", readings.memory_used)
    memory = memory_forecast(readings)
    if memory is None:
        return
    yield Reading("redis_memory_limit_bytes", "What Redis may use", memory.limit)
    if memory.full_in is not None:
        full = memory.full_in.total_seconds()
        yield Reading("redis_full_seconds", "When intake stops, if it grows as in the last hour", full)


def _alerts(services: Services, readings: Readings) -> Iterator[Reading]:
    for alert in find_alerts(readings):
        labels = {"name": alert.name, "group": alert.group, "severity": str(alert.severity)}
        yield Reading("alert", "1 while this is wrong", 1, labels)
    book = services.alerts.read()
    yield Reading("alerts_unsent", "Messages that a channel has not taken", len(book.unsent))
    if readings.probe and readings.probe.completed_at:
        completed = readings.probe.completed_at.timestamp()
        yield Reading("probe_completed_timestamp_seconds", "When a probe last succeeded", completed)
    if book.judged_at:
        yield Reading(
            "alerts_judged_timestamp_seconds", "When alerts were judged", book.judged_at.timestamp()
        )
