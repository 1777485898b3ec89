"""What beat starts and when: the probe, and the polls of every shop that has a key; for celery_app."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from app.queue import (
    AFFILIATE_POLLING,
    ITEM_POLLING,
    POLLING_QUEUE,
    PROBE,
    PROBE_QUEUE,
    RECONCILIATION,
    WEBHOOK_POLLING,
)
from app.settings import Settings

LEAST_EXPIRY = 60
PROBE_SECONDS = 60
WEBHOOK_SECONDS = 300
# How often it is seen whether one is due, and an unfinished one is gone on with.
RECONCILIATION_SECONDS = 300
# A schedule that beat has never seen begins at once, not after its first interval.
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Beat's entries by name: `probe`, and per shop `items:DEMO` and so on."""
    return {"probe": _entry(PROBE, PROBE_QUEUE, PROBE_SECONDS), **dict(_polls(settings))}


def without_polls(settings: Settings) -> list[str]:
    """The merchants whose shop is not polled, for want of a key."""
    return [merchant.id for merchant in settings.merchants.values() if not merchant.ultracart_key]


def _polls(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    for merchant in settings.merchants.values():
        if merchant.ultracart_key:
            items, affiliates = settings.item_poll_seconds, settings.affiliate_poll_seconds
            yield f"items:{merchant.id}", _entry(ITEM_POLLING, POLLING_QUEUE, items, merchant.id)
            yield (
                f"affiliates:{merchant.id}",
                _entry(AFFILIATE_POLLING, POLLING_QUEUE, affiliates, merchant.id),
            )
            # Without its own address the relay cannot tell which webhook of the shop is its own.
            if settings.relay_public_url:
                yield (
                    f"webhook:{merchant.id}",
                    _entry(WEBHOOK_POLLING, POLLING_QUEUE, WEBHOOK_SECONDS, merchant.id),
                )
            yield (
                f"reconciliation:{merchant.id}",
                _entry(RECONCILIATION, POLLING_QUEUE, RECONCILIATION_SECONDS, merchant.id),
            )


def _entry(task: str, queue: str, seconds: int, *arguments: str) -> dict[str, Any]:
    # What lay for longer than a round while no worker took it is void when it is taken.
    return {
        "task": task,
        "args": arguments,
        "schedule": timedelta(seconds=seconds),
        "options": {"queue": queue, "expires": max(seconds, LEAST_EXPIRY)},
        "last_run_at": LONG_AGO,
    }
