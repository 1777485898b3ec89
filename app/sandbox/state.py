"""All state of one running sandbox, and how a view finds it; for app.sandbox only."""

from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from app.sandbox.faults import Faults
from app.sandbox.journal import Journal
from app.sandbox.ledger import Ledger
from app.sandbox.patience import Patience
from app.sandbox.ratelimit import RateLimiter
from app.sandbox.traffic import Traffic
from app.sandbox.ultracart_shop import Shop


@dataclass
class State:
    """The ledger and everything around it. The account accepts exactly these two keys, the shop its own."""

    app_id: str
    api_key: str
    limiter: RateLimiter
    ledger: Ledger
    shop: Shop
    journal: Journal
    faults: Faults = field(default_factory=Faults)
    traffic: Traffic = field(default_factory=Traffic)
    patience: Patience = field(default_factory=Patience)


def state() -> State:
    """The state of the sandbox that serves this request."""
    return cast(State, current_app.extensions["sandbox"])
