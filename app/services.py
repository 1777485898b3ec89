"""The one composition: everything that tasks, workers, the receiver and the command line share."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import redis

from app.channels.channel import Channel
from app.channels.choice import channels_of
from app.ontraport.client import OntraportClient
from app.queue import envelopes
from app.settings import MappingRules, Merchant, Settings
from app.store import instance
from app.store.alerts import AlertStore
from app.store.async_inbox import AsyncInbox
from app.store.budget import Budget
from app.store.catalogue import Catalogue
from app.store.connection import connect, connect_async, setting
from app.store.dead_letters import DeadLetters
from app.store.gates import Gates
from app.store.heartbeat import Heartbeat
from app.store.holds import Holds
from app.store.inbox import Inbox
from app.store.ledger import Ledger
from app.store.log import Log
from app.store.lookups import Lookups
from app.store.polling import Polling
from app.store.product_map import ProductMap
from app.store.quarantine import Quarantine
from app.store.reconciliations import Reconciliations
from app.store.scripting import Scripts
from app.store.survey import Survey
from app.store.transmissions import Transmissions
from app.store.ultracart_budget import UltracartBudget
from app.store.witness import Witness
from app.ultracart.client import UltracartClient
from app.ultracart.parse import read_payload

DAY = 86400
RECEIVER_TIMEOUT_SECONDS = 2.0
WORKER_TIMEOUT_SECONDS = 5.0


def utc_now() -> datetime:
    """The clock that is injected everywhere."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Services:
    """What a process works with. Built once; connections are made when they are first used."""

    settings: Settings
    client: redis.Redis
    scripts: Scripts
    mark: str
    clock: Callable[[], datetime]

    @cached_property
    def accounts(self) -> Mapping[str, Merchant]:
        """The merchant behind each account."""
        return {merchant.account: merchant for merchant in self.settings.merchants.values()}

    @cached_property
    def transmissions(self) -> Transmissions:
        """Claim and settle."""
        return Transmissions(
            self.scripts,
            read_payload,
            mark=self.mark,
            synced=self.synced,
            witness=Witness(self.settings.data_dir),
            **self._retention,
        )

    @property
    def _retention(self) -> dict[str, int]:
        """How long what is over is kept, in seconds."""
        return {**_spans(self.settings), "ledger_seconds": self.settings.ledger_days * DAY}

    @cached_property
    def synced(self) -> bool:
        """Whether Redis puts each write on its disk before it answers; False where it does not tell."""
        return setting(self.client, "appendfsync") == "always" and setting(self.client, "appendonly") == "yes"

    @cached_property
    def ledger(self) -> Ledger:
        """Announce and complete."""
        return Ledger(self.client, self.scripts, mark=self.mark)

    @cached_property
    def holds(self) -> Holds:
        """Shared rows for commands."""
        return Holds(self.client, self.scripts, mark=self.mark)

    @cached_property
    def gates(self) -> Gates:
        """Open and close accounts."""
        return Gates(self.client, self.scripts, self.settings.gate_probe_seconds)

    @cached_property
    def budget(self) -> Budget:
        """What the CRM says of the account's budget."""
        return Budget(self.client)

    @cached_property
    def lookups(self) -> Lookups:
        """Whether the CRM's list of sales can be believed."""
        return Lookups(self.client)

    @cached_property
    def dead_letters(self) -> DeadLetters:
        """What was given up."""
        return DeadLetters(self.client, self.scripts, **self._retention)

    @cached_property
    def quarantine(self) -> Quarantine:
        """What could not be read."""
        return Quarantine(self.client, self.scripts, **_spans(self.settings))

    @cached_property
    def log(self) -> Log:
        """What happened."""
        return Log(self.client)

    @cached_property
    def alerts(self) -> AlertStore:
        """What is known of alerts, and what of them is still to be sent."""
        return AlertStore(self.client, self.scripts, mark=self.mark)

    @cached_property
    def survey(self) -> Survey:
        """What the rules of alerts look at."""
        rates = {name: merchant.ontraport.rate_per_minute for name, merchant in self.accounts.items()}
        return Survey(
            self.client, self.log, self.gates, self.alerts, rates, self.polling, self.reconciliations,
            self.heartbeat, list(self.shops), list(self.settings.merchants), self.clock,
        )  # fmt: skip

    @cached_property
    def channels(self) -> Mapping[str, Channel]:
        """Where alerts are sent, by name; empty when no address is set."""
        return channels_of(self.settings)

    @cached_property
    def ontraport(self) -> Mapping[str, OntraportClient]:
        """One pooled client per account."""
        return {name: OntraportClient(merchant.ontraport) for name, merchant in self.accounts.items()}

    @cached_property
    def shops(self) -> Mapping[str, UltracartClient]:
        """The shop of each merchant that has a key, by merchant id."""
        return {
            merchant.id: UltracartClient(merchant.ultracart_base_url, merchant.ultracart_key)
            for merchant in self.settings.merchants.values()
            if merchant.ultracart_key
        }

    @cached_property
    def shop_budget(self) -> UltracartBudget:
        """The permission for requests to UltraCart."""
        return UltracartBudget(self.scripts)

    @cached_property
    def inbox(self) -> Inbox:
        """Admission for what is polled; the receiver has its own, which waits less long."""
        return Inbox(self.client, self.scripts, mark=self.mark, **_spans(self.settings), clock=self.clock)

    @cached_property
    def polling(self) -> Polling:
        """How far the polls have come."""
        return Polling(self.client)

    @cached_property
    def heartbeat(self) -> Heartbeat:
        """Since when a receiver runs, and when none did."""
        return Heartbeat(self.client, self.scripts, mark=self.mark)

    @cached_property
    def reconciliations(self) -> Reconciliations:
        """How shop and ledger compare."""
        return Reconciliations(self.client)

    @cached_property
    def catalogue(self) -> Catalogue:
        """What the shops sell."""
        return Catalogue(self.client)

    @cached_property
    def product_map(self) -> ProductMap:
        """The products that people chose for items at run time."""
        return ProductMap(self.client)

    def rules(self, account: str) -> MappingRules:
        """The account's rules; of the products, what was set at run time goes before the settings file."""
        rules = self.accounts[account].rules
        names = self.product_map.names(account)
        return replace(rules, products={**rules.products, **names}) if names else rules

    @cached_property
    def live_since(self) -> Mapping[str, datetime | None]:
        """When each account was switched on; None in sandbox mode, which has no limit."""
        if self.settings.sandbox:
            return dict.fromkeys(self.accounts)
        return _switch_on(self.settings, self.client, self.clock())

    @cached_property
    def born(self) -> datetime | None:
        """When this ledger began; None in sandbox mode."""
        return None if self.settings.sandbox else instance.born(self.client)


def connect_store(settings: Settings, timeout_seconds: float) -> redis.Redis:
    """A client for the store of these settings."""
    return connect(settings.redis_url, tls_verify=settings.redis_tls_verify, timeout_seconds=timeout_seconds)


def _switch_on(settings: Settings, client: redis.Redis, now: datetime) -> dict[str, datetime]:
    """When each account was switched on: set by whichever process starts first, and kept."""
    accounts = [merchant.account for merchant in settings.merchants.values()]
    return {
        name: instance.live_since(client, settings.data_dir, name, settings.live_since, now)
        for name in accounts
    }


def _opened(settings: Settings, client: redis.Redis, now: datetime) -> str:
    """The store's mark. Trials switch nothing on: a real account begins when it is first used."""
    mark = instance.open_store(client, settings.data_dir, settings.relay_instance, sandbox=settings.sandbox)
    if not settings.sandbox:
        _switch_on(settings, client, now)
    return mark


def check_mode(settings: Settings) -> None:
    """Whether the store was made in the mode of these settings. Raises ModeMismatch, StoreUnavailable."""
    with closing(connect_store(settings, RECEIVER_TIMEOUT_SECONDS)) as client:
        instance.check_mode(client, sandbox=settings.sandbox)


def drop_sandbox(settings: Settings) -> bool:
    """Begins a store anew that this relay alone has, where the sandbox made it and these settings are live.

    True if something was dropped. Raises StoreUnavailable.
    """
    if settings.sandbox:
        return False
    with closing(connect_store(settings, RECEIVER_TIMEOUT_SECONDS)) as client:
        return instance.drop_sandbox(client, settings.data_dir, settings.relay_instance)


def build_services(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Services:
    """Everything for a worker or the command line. Raises InstanceMismatch, StoreUnavailable."""
    client = connect_store(settings, WORKER_TIMEOUT_SECONDS)
    mark = _opened(settings, client, clock())
    return Services(settings, client, Scripts(client, envelopes()), mark, clock)


def build_inbox(settings: Settings, clock: Callable[[], datetime] = utc_now) -> AsyncInbox:
    """Admission for the receiver. Raises InstanceMismatch, StoreUnavailable."""
    client = connect_store(settings, RECEIVER_TIMEOUT_SECONDS)
    mark = _opened(settings, client, clock())
    connect = connect_async(settings.redis_url, tls_verify=settings.redis_tls_verify)
    scripts = Scripts(client, envelopes())
    return AsyncInbox(connect, client, scripts, mark=mark, **_spans(settings), clock=clock)


def _spans(settings: Settings) -> dict[str, int]:
    """How long payloads and exchanges are kept, in seconds."""
    return {"payload_seconds": settings.payload_days * DAY, "exchange_seconds": settings.exchange_days * DAY}
