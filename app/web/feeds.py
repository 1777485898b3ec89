"""`GET /feeds/items[.json|.csv]`: the catalogue for an outside system that polls; for app.web only.

Header `X-Api-Key`; `since`, `limit`, `offset`, and `merchant` where there are several. Ordered by item id.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

import orjson
import structlog
from flask import Blueprint, Response, request
from werkzeug.http import parse_etags

from app.errors import RelayError
from app.settings import Settings
from app.spreadsheet import csv_text
from app.web.answer import FIXED_HEADERS, Refusal

LIMIT, MOST = 500, 2000
COLUMNS = (
    "id", "description", "price", "currency", "active", "deleted", "last_change", "noted_at",
    "product_name", "product_id", "sync",
)  # fmt: skip
RETRY_AFTER = (("Retry-After", "30"),)

Row = Mapping[str, Any]
# Merchant, since (ms since 1970 UTC), limit, offset → rows in order, and how many there are in all.
ReadItems = Callable[[str, int, int, int], tuple[Sequence[Row], int]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for; `since_ms` in ms since 1970 UTC, 0: everything."""

    merchant_id: str
    since_ms: int
    limit: int
    offset: int


class Feed:
    """The view: key, question, rows, and whether the asker has them already."""

    def __init__(self, settings: Settings, read: ReadItems) -> None:
        self._key = settings.feed_key
        self._salt = secrets.token_bytes(32)
        self._merchants = tuple(settings.merchants)
        self._usual = settings.ultracart_merchant_id
        self._read = read

    def json(self) -> Response:
        """The page as one JSON document."""
        return self._answer("application/json", _as_json)

    def csv(self) -> Response:
        """The page as CSV with a header; whether there is more is told by X-Total-Count."""
        return self._answer("text/csv; charset=utf-8", _as_csv)

    def _answer(self, content_type: str, write: Callable[[Sequence[Row], Asked, int], bytes]) -> Response:
        try:
            self._check_key(request.headers.get("X-Api-Key", ""))
            asked = self._asked(request.args)
            rows, total = self._read(asked.merchant_id, asked.since_ms, asked.limit, asked.offset)
        except Refusal as refusal:
            return refusal.answer()
        except RelayError as error:
            log.warning("feed.store_unavailable", error=type(error).__name__)
            return Refusal(503, "the store does not answer", RETRY_AFTER).answer()
        return _page(content_type, write(rows, asked, total), total)

    def _check_key(self, presented: str) -> None:
        """In constant time, whatever the lengths. Raises Refusal."""
        known, given = (self._digest(text) for text in (self._key.reveal(), presented))
        if not compare_digest(known, given):
            raise Refusal(401, "X-Api-Key is missing or wrong")

    def _digest(self, text: str) -> bytes:
        return blake2b(text.encode("utf-8", "replace"), key=self._salt).digest()

    def _asked(self, args: Mapping[str, str]) -> Asked:
        unknown = sorted(set(args) - {"since", "limit", "offset", "merchant"})
        if unknown:
            raise Refusal(400, f"unknown parameter {unknown[0][:40]!r}")
        return Asked(
            self._merchant(args.get("merchant", "")),
            _moment(args.get("since", "")),
            _number("limit", args.get("limit", str(LIMIT)), 1, MOST),
            _number("offset", args.get("offset", "0"), 0, 10**9),
        )

    def _merchant(self, wanted: str) -> str:
        if wanted and wanted not in self._merchants:
            raise Refusal(404, "there is no such merchant")
        only = self._merchants[0] if len(self._merchants) == 1 else ""
        if not (wanted or self._usual or only):
            raise Refusal(400, "merchant is needed, since there are several")
        return wanted or self._usual or only


def blueprint(feed: Feed) -> Blueprint:
    """The three addresses of the feed."""
    pages = Blueprint("feeds", __name__)
    pages.add_url_rule("/feeds/items", "items", feed.json)
    pages.add_url_rule("/feeds/items.json", "items_json", feed.json)
    pages.add_url_rule("/feeds/items.csv", "items_csv", feed.csv)
    return pages


def _page(content_type: str, body: bytes, total: int) -> Response:
    tag = blake2b(body, digest_size=16).hexdigest()
    headers = [
        ("Content-Type", content_type),
        ("Cache-Control", "private, no-cache"),
        ("ETag", f'"{tag}"'),
        ("X-Total-Count", str(total)),
        *(pair for pair in FIXED_HEADERS if pair[0] not in {"Content-Type", "Cache-Control"}),
    ]
    if parse_etags(request.headers.get("If-None-Match")).contains_weak(tag):
        return Response([b""], 304, headers[1:])
    return Response([body], 200, headers)


def _moment(text: str) -> int:
    """ISO 8601, as UTC where it names no offset. A `+` that was not escaped arrives as a blank."""
    if not text:
        return 0
    try:
        stamp = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        aware = stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
        return max(0, int(aware.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise Refusal(400, "since must be an ISO 8601 time, as 2026-01-31T08:00:00Z") from error


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and least <= int(text) <= most):
        raise Refusal(400, f"{name} must be a whole number from {least} to {most}")
    return int(text)


def _as_json(rows: Sequence[Row], asked: Asked, total: int) -> bytes:
    after = asked.offset + len(rows)
    return orjson.dumps(
        {
            "items": [dict(row) for row in rows],
            "total": total,
            "limit": asked.limit,
            "offset": asked.offset,
            "next_offset": after if after < total else None,
        }
    )


def _as_csv(rows: Sequence[Row], _asked: Asked, _total: int) -> bytes:
    return csv_text(COLUMNS, rows).encode("utf-8", "replace")
