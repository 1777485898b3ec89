"""The failure tree; anyone may import it.

RelayError
├── SettingsError            a setting is wrong or missing: the start is refused, exit 2
├── StoreUnavailable         Redis is down, full, read-only or too slow: 503, nothing was written
├── InstanceMismatch         this Redis is not the one that belongs to this relay
│   └── ModeMismatch         it was made in the sandbox and this relay is live, or the reverse: exit 2
├── LeaseLost                another worker owns the transmission now: stop, write nothing
├── Postponed                no failure: the work waits (busy contact, budget, closed gate)
└── DeliveryFailure          one delivery could not be made, with its class
"""

import re
from dataclasses import dataclass
from enum import StrEnum

_NO_WORD = re.compile(r"[^\w.,\-]+")


class FailureClass(StrEnum):
    """What a failed call to a CRM means for the next attempt."""

    THROTTLED = "throttled"
    RETRYABLE = "retryable"
    UNKNOWN = "unknown"
    AUTH = "auth"
    PERMISSION = "permission"
    INVALID = "invalid"
    GONE = "gone"
    MAPPING = "mapping"
    POISON = "poison"
    CHANGED = "changed"
    DECREASED = "decreased"


class RelayError(Exception):
    """Root of everything that the relay raises on purpose."""


class SettingsError(RelayError):
    """A setting is wrong; the message names the variable and what to do."""


class StoreUnavailable(RelayError):
    """Redis could not take the write; nothing of it was written."""


class InstanceMismatch(RelayError):
    """The store's instance mark is not ours: it came back empty, or it is another relay's."""


class ModeMismatch(InstanceMismatch):
    """The store was made in the other mode; the message says what to do."""


class LeaseLost(RelayError):
    """The fencing token is no longer valid, or its lease does not outlive the call's deadline."""


@dataclass
class Postponed(RelayError):
    """The work goes back to the line for `seconds`; costs no attempt."""

    seconds: float
    reason: str

    def __str__(self) -> str:
        return f"postponed {self.seconds:.1f} s: {self.reason}"


@dataclass
class DeliveryFailure(RelayError):
    """One delivery failed. `reason` is for the merchant; `wait_seconds` a lower bound for the next try.

    `person` asks for a person's decision: it is buried at once, whatever its class. `path` is what was
    called. `looked` says that the CRM answered well and a write before it stays in doubt: nothing failed now.
    `code` is the CRM's own where the status tells nothing, `field` what of the request or payload is wrong.
    """

    failure: FailureClass
    reason: str
    hint: str = ""
    status: int | None = None
    wait_seconds: float | None = None
    person: bool = False
    at_shop: bool = False
    path: str = ""
    looked: bool = False
    code: str = ""
    field: str = ""

    @property
    def sign(self) -> str:
        """What tells it from others of its class: `422/price`, `200:1`, `-/email`; '' when nothing does."""
        code = ":".join(part for part in (str(self.status or ""), self.code) if part)
        field = _NO_WORD.sub("_", self.field)[:60]
        return f"{code or '-'}/{field}" if field else code

    def __str__(self) -> str:
        return f"{self.failure}: {self.reason}"
