"""Answers of UltraCart's REST API, read defensively; for app.ultracart.client only.

Every answer has `success`, `metadata`, `error` and one key with what was asked for; some failures come
as 200 with `success` false. Nothing here raises on an unexpected shape, it reads as absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.http.answers import Answer, as_decimal, as_text, read_json

_MESSAGE_KEYS = ("developer_message", "user_message", "more_info")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `skipped` counts rows that are no objects; go on at `next_offset` while `more`."""

    rows: tuple[Mapping[str, Any], ...]
    more: bool
    next_offset: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with the JSON object in it; `document` is empty where there is none that is complete."""

    answer: Answer
    document: Mapping[str, Any]

    @property
    def succeeded(self) -> bool:
        """2xx with a document that does not tell of an error; 204 needs none."""
        status = self.answer.status or 0
        if not 200 <= status < 300 or self.answer.error:
            return False
        flagged = self.document.get("success") is False or bool(self.document.get("error"))
        return status == 204 or (bool(self.document) and not flagged)

    @property
    def status(self) -> int:
        """What failed, as an HTTP status: that of the error inside a 2xx where it names one; 0 is unknown."""
        status = self.answer.status or 0
        if not 200 <= status < 300:
            return status
        code = as_decimal(self._error.get("error_code"))
        return int(code) if code is not None and 400 <= code < 600 else 0

    @property
    def message(self) -> str:
        """What UltraCart says about a failure, on one line: its header, else the error in the body."""
        said = [self.answer.headers.get("UC-REST-ERROR"), *(self._error.get(key) for key in _MESSAGE_KEYS)]
        return next((line for one in said if (line := " ".join(as_text(one).split()))), "")

    @property
    def _error(self) -> Mapping[str, Any]:
        error = self.document.get("error")
        return error if isinstance(error, Mapping) else {}


def read_reply(answer: Answer) -> Reply:
    """The answer with its document; fractions in it are Decimal."""
    document = None if answer.error else read_json(answer.body)
    return Reply(answer, document if isinstance(document, dict) else {})


def read_one(reply: Reply, key: str) -> Mapping[str, Any] | None:
    """The object under `key`; None if there is none."""
    found = reply.document.get(key)
    return found if isinstance(found, dict) else None


def read_page(reply: Reply, key: str, offset: int, limit: int) -> Page | None:
    """The list under `key`; None if it is no list, which must not pass for an empty one.

    Without a result set in the metadata a full page is taken to have a next one. An offset that does not
    go on ends the list, so that no caller reads the same page for ever.
    """
    found = reply.document.get(key)
    if not isinstance(found, list):
        return None
    rows = tuple(row for row in found if isinstance(row, dict))
    result_set = _result_set(reply.document)
    after = as_decimal(result_set.get("next_offset"))
    next_offset = offset + len(found) if after is None or after <= offset else int(after)
    more = result_set.get("more")
    return Page(
        rows=rows,
        more=(more if isinstance(more, bool) else len(found) >= limit) and next_offset > offset,
        next_offset=next_offset,
        skipped=len(found) - len(rows),
    )


def _result_set(document: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = document.get("metadata")
    result_set = metadata.get("result_set") if isinstance(metadata, dict) else None
    return result_set if isinstance(result_set, dict) else {}
