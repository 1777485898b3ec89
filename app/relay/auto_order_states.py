"""What state an auto order is in, and how fresh its snapshot is; cheap and pure, for app.relay alone.

REST knows active, canceled, disabled and merged; ONTRAPORT's six words are derived, the first that holds
counts. `merged` and `completed` have no word: the merchant's rules give them one.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from app.relay.raw import elements, latest, whole_cents, yes


class AutoOrderState(StrEnum):
    """The six words, and the two ends that have none of their own."""

    UPGRADED = "cancelled upgrade"
    DOWNGRADED = "cancelled downgrade"
    MERGED = "merged"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    TERMINATED = "terminated"
    DECLINED = "card declined"
    ACTIVE = "active"


DECLINE = "auto_order_decline"

# For a payload that says nothing by itself.
_BY_NAME = {
    "auto_order_cancel": AutoOrderState.CANCELLED,
    "auto_order_disable": AutoOrderState.TERMINATED,
    "auto_order_create": AutoOrderState.ACTIVE,
    "auto_order_rebill": AutoOrderState.ACTIVE,
}

Signs = Mapping[str, Any]


def auto_order_state(event_name: str, auto_order: Signs) -> AutoOrderState | None:
    """The state that an auto order's fields tell, by their names in JSON; None when they tell nothing."""
    if event_name == DECLINE and not _ended(auto_order):
        return AutoOrderState.DECLINED
    found = (state for state, holds in _RULES if holds(auto_order))
    return next(found, _BY_NAME.get(event_name))


def auto_order_freshness(auto_order: Signs) -> int:
    """The latest of what happened to it, in milliseconds since 1970 UTC; 0 when no date tells."""
    stamps = [auto_order.get(name) for name in ("canceled_dts", "disabled_dts", "merged_dts")]
    stamps += [log.get("log_dts") for log in elements(auto_order, "logs")]
    stamps += [item.get("last_order_dts") for item in elements(auto_order, "items")]
    return latest(stamps)


def _status(auto_order: Signs) -> str:
    status = auto_order.get("status")
    return status.strip().casefold() if isinstance(status, str) else ""


def _off(auto_order: Signs) -> bool:
    """Switched off by the merchant; told as false, which is not the same as not told."""
    enabled = auto_order.get("enabled")
    return enabled is False or (isinstance(enabled, str) and enabled.strip().casefold() == "false")


def _declined(auto_order: Signs) -> bool:
    return (
        bool(auto_order.get("failure_reason"))
        or (whole_cents(auto_order.get("credit_card_attempt")) or 0) > 0
    )


_RULES: tuple[tuple[AutoOrderState, Callable[[Signs], bool]], ...] = (
    (AutoOrderState.UPGRADED, lambda told: yes(told.get("cancel_upgrade"))),
    (AutoOrderState.DOWNGRADED, lambda told: yes(told.get("cancel_downgrade"))),
    (AutoOrderState.MERGED, lambda told: _status(told) == "merged" or bool(told.get("merged_dts"))),
    (
        AutoOrderState.CANCELLED,
        lambda told: _status(told) in ("canceled", "cancelled") or bool(told.get("canceled_dts")),
    ),
    (AutoOrderState.COMPLETED, lambda told: yes(told.get("completed"))),
    (
        AutoOrderState.TERMINATED,
        lambda told: _status(told) == "disabled" or bool(told.get("disabled_dts")) or _off(told),
    ),
    (AutoOrderState.DECLINED, _declined),
    (AutoOrderState.ACTIVE, lambda told: yes(told.get("enabled")) or _status(told) == "active"),
)
_ENDS = _RULES[:6]


def _ended(auto_order: Signs) -> bool:
    return any(holds(auto_order) for _, holds in _ENDS)
