"""What its user does to the stand-in shop: fill it, look into it, set its limits; for app.sandbox only."""

from flask import Blueprint, Response, jsonify, request

from app.sandbox.refusals import Refused
from app.sandbox.state import state
from app.sandbox.ultracart_door import A_DAY, AN_HOUR
from app.sandbox.ultracart_shop import KEYS

routes = Blueprint("ultracart_control", __name__, url_prefix="/ultracart")


@routes.route("/fill", methods=["POST", "PUT"])
def fill() -> Response:
    """Put rows into the shop: `{"items": […], "affiliates": […], …}`; the same id or name replaces."""
    return jsonify(state().shop.fill(request.get_json(force=True, silent=True)))


@routes.get("/state")
def look() -> Response:
    """How many rows each collection holds, the requests, and who was refused."""
    shop = state().shop
    return jsonify({"rows": shop.counts(), "requests": shop.traffic.figures() | shop.door.figures()})


@routes.get("/rows/<collection>")
def rows(collection: str) -> Response:
    """All rows of a collection, whole."""
    return jsonify(state().shop.rows(_known(collection)))


@routes.delete("/rows/<collection>/<identifier>")
def remove(collection: str, identifier: str) -> tuple[str, int]:
    """One row less, as a person would who deletes it in the shop."""
    state().shop.remove(_known(collection), identifier)
    return "", 204


@routes.post("/limits")
def limits() -> Response:
    """Forget all requests and go on with `{"an_hour": n, "a_day": n}`; 0 is no limit."""
    asked = request.get_json(force=True, silent=True) or {}
    state().shop.door.reset(int(asked.get("an_hour", AN_HOUR)), int(asked.get("a_day", A_DAY)))
    return look()


@routes.errorhandler(Refused)
def refused(error: Refused) -> tuple[str, int]:
    """Say what makes no sense."""
    return f"{error.text}\n", error.status


def _known(collection: str) -> str:
    if collection not in KEYS:
        raise Refused(404, f"there are {', '.join(KEYS)}")
    return collection
