"""What beat starts and when: the polls of every shop that has a key; for workers.celery_app only."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from app.queue import AFFILIATE_POLLING, ITEM_POLLING, POLLING_QUEUE
from app.settings import Settings

LEAST_EXPIRY = 60
# A schedule that beat has never seen begins at once, not after its first interval.
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Beat's entries by name, `items:DEMO` and `affiliates:DEMO`."""
    return dict(_entries(settings))


def without_polls(settings: Settings) -> list[str]:
    """The merchants whose shop is not polled, for want of a key."""
    return [merchant.id for merchant in settings.merchants.values() if not merchant.ultracart_key]


def _entries(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    for merchant in settings.merchants.values():
        if merchant.ultracart_key:
            yield f"items:{merchant.id}", _entry(ITEM_POLLING, merchant.id, settings.item_poll_seconds)
            yield (
                f"affiliates:{merchant.id}",
                _entry(AFFILIATE_POLLING, merchant.id, settings.affiliate_poll_seconds),
            )


def _entry(task: str, merchant_id: str, seconds: int) -> dict[str, Any]:
    # What lay for longer than a round while no worker polled is void when it is taken.
    return {
        "task": task,
        "args": (merchant_id,),
        "schedule": timedelta(seconds=seconds),
        "options": {"queue": POLLING_QUEUE, "expires": max(seconds, LEAST_EXPIRY)},
        "last_run_at": LONG_AGO,
    }
