"""How UltraCart's REST API says yes and no: its envelope and its headers; for app.sandbox only.

https://ultracart.atlassian.net/wiki/spaces/ucdoc/pages/1498382337
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from app.sandbox.faults import Fault, Fired
from app.sandbox.refusals import Refused
from app.sandbox.ultracart_door import Closed
from app.sandbox.ultracart_shop import MERCHANT


@dataclass
class Throttled(Refused):
    """A request over the limits."""

    retry_after: int = 0

    @classmethod
    def because(cls, closed: Closed) -> "Throttled":
        """The refusal of one who was not let in."""
        return cls(429, closed.text, closed.retry_after)


def envelope(key: str, payload: Any, result_set: Mapping[str, Any] | None = None) -> Response:
    """A success with its payload under `key`, and for a list its result set."""
    metadata: dict[str, Any] = {"payload_name": key}
    if result_set is not None:
        metadata["result_set"] = dict(result_set)
    return _json({"success": True, "metadata": metadata, key: payload})


def empty_envelope() -> Response:
    """A success without what was asked for."""
    return _json({"success": True, "metadata": {}})


def refusal(refused: Refused) -> Response:
    """A failure: the text in the header and in the body."""
    error = {
        "developer_message": refused.text,
        "user_message": refused.text,
        "error_code": str(refused.status),
    }
    response = _json({"success": False, "metadata": {}, "error": error}, refused.status)
    response.headers["UC-REST-ERROR"] = refused.text
    response.headers["UC-REST-ERROR-MERCHANT-ID"] = MERCHANT
    if isinstance(refused, Throttled):
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def answer_of(fault: Fault) -> Response:
    """The answer that a fault of kind `answer` wants."""
    body = fault.options["body"]
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if isinstance(body, str) else "application/json"
    response = Response(text, int(fault.options["status"]), mimetype=kind)
    response.headers.update({name: str(value) for name, value in fault.options["headers"].items()})
    return response


def faults_here() -> Fired:
    """The faults of the request that is being served."""
    from_edge: Fired = request.environ["sandbox.faults"]
    return from_edge


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(document), status, mimetype="application/json")
