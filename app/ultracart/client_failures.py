"""What a failed call to UltraCart means for the next attempt, as a value; for app.ultracart.client only.

A call that may be repeated freely is repeated: everything that may pass is `retryable`. Of the others
(add a webhook) whatever is no plain refusal is `unknown` once the first byte may have left.
https://ultracart.atlassian.net/wiki/spaces/ucdoc/pages/1498382337
"""

from collections.abc import Mapping
from datetime import datetime

from app.errors import DeliveryFailure, FailureClass
from app.http.answers import Answer, Call, read_retry_after, without_personal_data
from app.ultracart.client_answers import Reply

_REFUSALS: Mapping[int, FailureClass] = {
    400: FailureClass.INVALID,
    401: FailureClass.AUTH,
    403: FailureClass.AUTH,
    404: FailureClass.GONE,
    410: FailureClass.AUTH,
    422: FailureClass.INVALID,
    429: FailureClass.THROTTLED,
}
_PASSING = frozenset({408, 409, 423, 425})
_HINTS: Mapping[FailureClass, str] = {
    FailureClass.AUTH: "Check ULTRACART_SIMPLE_KEY, its permissions and the addresses it is allowed from.",
    FailureClass.GONE: "It was deleted in UltraCart, or the base address is wrong.",
    FailureClass.THROTTLED: "The shop's allowance of 1,000 requests an hour is shared with other tools.",
    FailureClass.UNKNOWN: "It may have been done: look in UltraCart before trying again.",
}
_SHORTEST_WAIT, _USUAL_WAIT, _LONGEST_WAIT = 1.0, 60.0, 3600.0


def failure_of(call: Call, reply: Reply, now: datetime) -> DeliveryFailure | None:
    """The failure that the reply tells of; None if it is a success."""
    if reply.succeeded:
        return None
    answer = reply.answer
    if answer.status is None:
        return _failure(_uncertain(call, answer), f"no answer from UltraCart: {answer.error}", answer)
    kind = _class_of(call, reply)
    wait = _wait(answer, now) if kind is FailureClass.THROTTLED else None
    return _failure(kind, _reason(reply), answer, wait)


def unreadable(call: Call, reply: Reply, what: str) -> DeliveryFailure:
    """The failure of a success that lacks what the call is made for."""
    answer = reply.answer
    return _failure(_uncertain(call, answer), f"UltraCart answered {answer.status} without {what}", answer)


def _failure(
    kind: FailureClass, reason: str, answer: Answer, wait_seconds: float | None = None
) -> DeliveryFailure:
    return DeliveryFailure(kind, reason, _HINTS.get(kind, ""), answer.status, wait_seconds)


def _uncertain(call: Call, answer: Answer) -> FailureClass:
    return FailureClass.RETRYABLE if call.repeatable or not answer.sent else FailureClass.UNKNOWN


def _class_of(call: Call, reply: Reply) -> FailureClass:
    status = reply.status
    refused = 400 <= status < 500 and status not in _PASSING and call.repeatable
    return _REFUSALS.get(status) or (FailureClass.INVALID if refused else _uncertain(call, reply.answer))


def _reason(reply: Reply) -> str:
    parts = [f"UltraCart answered {reply.answer.status}"]
    if detail := reply.message or reply.answer.error:
        parts.append(without_personal_data(detail)[:200])
    elif 200 <= (reply.answer.status or 0) < 300:
        parts.append("it says that it failed" if reply.document else "the answer cannot be read")
    return ": ".join(parts)


def _wait(answer: Answer, now: datetime) -> float:
    """Retry-After is not documented, but UltraCart's own PHP client obeys it."""
    seconds = read_retry_after(answer.headers, now)
    return _USUAL_WAIT if seconds is None else min(max(seconds, _SHORTEST_WAIT), _LONGEST_WAIT)
