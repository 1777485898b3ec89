"""The one composition: everything that tasks, workers, the receiver and the command line share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import redis

from app.ontraport.client import OntraportClient
from app.queue import envelopes
from app.settings import Merchant, Settings
from app.store import instance
from app.store.budget import Budget
from app.store.connection import connect
from app.store.dead_letters import DeadLetters
from app.store.gates import Gates
from app.store.inbox import Inbox
from app.store.ledger import Ledger
from app.store.log import Log
from app.store.lookups import Lookups
from app.store.scripting import Scripts
from app.store.transmissions import Transmissions
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
            payload_seconds=self.settings.payload_days * DAY,
            exchange_seconds=self.settings.exchange_days * DAY,
            ledger_seconds=self.settings.ledger_days * DAY,
        )

    @cached_property
    def ledger(self) -> Ledger:
        """Announce and complete."""
        return Ledger(self.client, self.scripts, mark=self.mark)

    @cached_property
    def gates(self) -> Gates:
        """Open and close accounts."""
        return Gates(self.client, self.clock, self.settings.gate_probe_seconds)

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
        return DeadLetters(self.client, self.scripts)

    @cached_property
    def log(self) -> Log:
        """What happened."""
        return Log(self.client)

    @cached_property
    def ontraport(self) -> Mapping[str, OntraportClient]:
        """One pooled client per account."""
        return {name: OntraportClient(merchant.ontraport) for name, merchant in self.accounts.items()}

    @cached_property
    def live_since(self) -> Mapping[str, datetime | None]:
        """When each account was switched on; None in sandbox mode, which has no limit."""
        if self.settings.sandbox:
            return dict.fromkeys(self.accounts)
        configured, now = self.settings.live_since, self.clock()
        return {name: instance.live_since(self.client, name, configured, now) for name in self.accounts}

    @cached_property
    def born(self) -> datetime | None:
        """When this ledger began; None in sandbox mode."""
        return None if self.settings.sandbox else instance.born(self.client)


def connect_store(settings: Settings, timeout_seconds: float) -> redis.Redis:
    """A client for the store of these settings."""
    return connect(settings.redis_url, tls_verify=settings.redis_tls_verify, timeout_seconds=timeout_seconds)


def build_services(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Services:
    """Everything for a worker or the command line. Raises InstanceMismatch, StoreUnavailable."""
    client = connect_store(settings, WORKER_TIMEOUT_SECONDS)
    mark = instance.open_store(client, settings.data_dir, settings.relay_instance)
    return Services(settings, client, Scripts(client, envelopes()), mark, clock)


def build_inbox(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Inbox:
    """Admission for the receiver. Raises InstanceMismatch, StoreUnavailable."""
    client = connect_store(settings, RECEIVER_TIMEOUT_SECONDS)
    mark = instance.open_store(client, settings.data_dir, settings.relay_instance)
    return Inbox(
        client,
        Scripts(client, envelopes()),
        mark=mark,
        payload_seconds=settings.payload_days * DAY,
        exchange_seconds=settings.exchange_days * DAY,
        ledger_seconds=settings.ledger_days * DAY,
        clock=clock,
    )
