"""What a failed call means for the next attempt, as a value; for the ONTRAPORT client only.

A call that may be repeated freely is repeated: everything that may pass is `retryable`. For the others
(log a sale, create a product) only 400, 401, 403, 404, 422 and 429 prove that nothing was done; any
other end after the first byte may have left is `unknown`. A redirect counts as such an end too: we do
not follow it, but who sent it, and after doing what, cannot be known.

200 with a code other than 0 says that something failed, not that nothing was done: `unknown` for a
write that must not be doubled, `retryable` otherwise, unless its text is one that the client knows.
"""

from collections.abc import Mapping
from datetime import datetime

from app.errors import DeliveryFailure, FailureClass
from app.http.answers import Answer, Call, without_personal_data
from app.ontraport.answers import read_envelope, read_fields, read_message, read_wait

_NOT_DONE: Mapping[int, FailureClass] = {
    400: FailureClass.INVALID,
    401: FailureClass.AUTH,
    403: FailureClass.PERMISSION,
    404: FailureClass.GONE,
    422: FailureClass.INVALID,
    429: FailureClass.THROTTLED,
}
_PASSING = frozenset({408, 409, 423, 425})
_HINTS: Mapping[FailureClass, str] = {
    FailureClass.AUTH: "Check the account's App ID and API key.",
    FailureClass.PERMISSION: "Give the key's user the permission in ONTRAPORT, or refresh a stale key.",
    FailureClass.INVALID: "Correct the named field in UltraCart or in the mapping, then send again.",
    FailureClass.GONE: "The record was merged or deleted in ONTRAPORT, or the base address is wrong.",
    FailureClass.UNKNOWN: "It may have been done: look in ONTRAPORT before sending again.",
}
_REDIRECT_HINT = "Redirects are not followed: check ONTRAPORT_BASE_URL."


def failure_of(
    call: Call, answer: Answer, texts: Mapping[str, FailureClass], now: datetime
) -> DeliveryFailure | None:
    """The failure that `answer` tells of; None if it is a success with a readable envelope.

    `texts` are the beginnings (casefolded) of messages that are a failure's only sign.
    """
    if answer.status is None:
        return failure(_uncertain(call, answer), f"no answer from ONTRAPORT: {answer.error}", answer)
    if is_success(answer):
        return None
    kind = known_text(call, answer, texts) or _class_of(call, answer)
    wait = read_wait(answer.headers, now) if kind is FailureClass.THROTTLED else None
    return failure(kind, _reason(answer, kind), answer, wait)


def unreadable(call: Call, answer: Answer, what: str) -> DeliveryFailure:
    """The failure of a success that lacks what the call is made for."""
    return failure(_uncertain(call, answer), f"ONTRAPORT answered {answer.status} without {what}", answer)


def failure(
    kind: FailureClass, reason: str, answer: Answer, wait_seconds: float | None = None
) -> DeliveryFailure:
    """A failure with the hint for its class."""
    redirected = answer.status is not None and 300 <= answer.status < 400
    hint = _REDIRECT_HINT if redirected else _HINTS.get(kind, "")
    envelope = read_envelope(answer)
    return DeliveryFailure(
        kind,
        reason,
        hint,
        answer.status,
        wait_seconds,
        code=envelope.code if envelope and not envelope.ok and answer.status == 200 else "",
        field=",".join(read_fields(answer)[:3]) if kind is FailureClass.INVALID else "",
    )


def is_success(answer: Answer) -> bool:
    """2xx, complete, with an envelope whose code is 0."""
    envelope = read_envelope(answer)
    return answer.status is not None and 200 <= answer.status < 300 and envelope is not None and envelope.ok


def known_text(call: Call, answer: Answer, texts: Mapping[str, FailureClass]) -> FailureClass | None:
    """The class that the text alone tells; a server's own error proves nothing about a write."""
    status = answer.status or 0
    if status in {401, 403, 429} or (not call.repeatable and status not in _NOT_DONE and status != 200):
        return None
    message = read_message(answer).casefold()
    return next((kind for text, kind in texts.items() if message.startswith(text)), None)


def _uncertain(call: Call, answer: Answer) -> FailureClass:
    return FailureClass.RETRYABLE if call.repeatable or not answer.sent else FailureClass.UNKNOWN


def _class_of(call: Call, answer: Answer) -> FailureClass:
    status = answer.status or 0
    refused = 400 <= status < 500 and status not in _PASSING and call.repeatable
    return _NOT_DONE.get(status) or (FailureClass.INVALID if refused else _uncertain(call, answer))


def _reason(answer: Answer, kind: FailureClass) -> str:
    fields, message = read_fields(answer), read_message(answer)
    parts = [f"ONTRAPORT answered {answer.status}"]
    if kind is FailureClass.INVALID and fields:
        parts.append(f"field {', '.join(fields[:5])}")
    if detail := message or answer.error:
        parts.append(without_personal_data(detail)[:200])
    elif 200 <= (answer.status or 0) < 300:
        parts.append("the answer cannot be read" if read_envelope(answer) is None else "its code is not 0")
    return ": ".join(parts)
