"""The store's numbers for `/metrics`: transmissions, age, money, gates, dead letters; for app.web only."""

import threading
from collections.abc import Iterator

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
        yield Reading("quarantined", "Unreadable bodies kept", services.log.quarantined())
        for name, number in services.log.events().items():
            yield Reading("store_events", "Events since the first start, by fate", number, {"fate": name})
        for name, number in services.log.engine().items():
            yield Reading("engine_repairs", "What the dispatcher repaired", number, {"what": name})
        for account in sorted({*services.log.accounts(), *services.accounts}):
            yield from _account(services, account)


def _account(services: Services, account: str) -> Iterator[Reading]:
    counts = services.log.counts(account)
    labels = {"account": account}
    for kind, states in counts.states.items():
        for state, number in states.items():
            yield Reading(
                "transmissions", "By kind and state", number, {**labels, "kind": kind, "state": state}
            )
    for currency, cents in counts.money.items():
        yield Reading(
            "money_waiting_cents", "Money not yet delivered", cents, {**labels, "currency": currency}
        )
    age = services.clock().timestamp() - counts.oldest_ms / 1000 if counts.oldest_ms else 0.0
    yield Reading("oldest_ready_seconds", "How long the oldest ready one waits", max(age, 0.0), labels)
    yield Reading(
        "gate_closed", "1 while the gate is closed", float(bool(services.gates.read(account))), labels
    )
    yield Reading("dead_letters", "Kept until somebody acts", services.dead_letters.count(account), labels)
