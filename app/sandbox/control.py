"""What the sandbox's user sees and steers: ledger, faults, reset, a page; for app.sandbox only."""

from typing import Any

from flask import Blueprint, Response, jsonify, render_template_string, request

from app.sandbox.faults import BadRule
from app.sandbox.page import PAGE
from app.sandbox.refusals import Refused
from app.sandbox.state import state
from app.sandbox.summary import describe, outline

routes = Blueprint("control", __name__)


@routes.get("/ledger")
def ledger() -> Response:
    """All effects and the traffic; with `?summary=1` without the objects themselves."""
    effects = outline(state().ledger) if request.args.get("summary") else describe(state().ledger)
    return jsonify(effects | {"requests": _requests(), "pending_commits": state().patience.pending})


@routes.get("/journal")
def journal() -> Response:
    """Every write that was carried out, in order: `at`, `route` and `body`."""
    return jsonify(state().journal.rows())


@routes.delete("/ledger/contacts/<contact_id>")
def remove_contact(contact_id: str) -> tuple[str, int]:
    """Delete a contact, as a person would who merges it into another."""
    state().ledger.contacts.remove(contact_id)
    return "", 204


@routes.get("/faults")
def list_faults() -> Response:
    """The rules in force with how often each matched and fired."""
    return jsonify(state().faults.describe())


@routes.post("/faults")
def replace_faults() -> Response:
    """Put a JSON list of rules in the place of those in force."""
    state().faults.replace(request.get_json(force=True))
    return list_faults()


@routes.delete("/faults")
def clear_faults() -> Response:
    """No faults any more."""
    state().faults.replace([])
    return list_faults()


@routes.post("/reset")
def reset() -> Response:
    """Empty ledger and shop, no faults, counts at zero.

    `{"rate": n}` sets the limit per minute (0: none), `{"first_id": n}` where ids begin (else they go on).
    """
    wanted: dict[str, Any] = request.get_json(force=True, silent=True) or {}
    here = state()
    here.faults.replace([])
    here.patience.reset()
    here.ledger.reset(int(wanted["first_id"]) if "first_id" in wanted else None)
    here.shop.reset()
    here.journal.reset()
    here.traffic.reset()
    here.limiter.reset(int(wanted.get("rate", here.limiter.limit)))
    return jsonify({"rate": here.limiter.limit})


@routes.get("/")
def page() -> str:
    """The ledger for people."""
    effects = describe(state().ledger)
    effects["transactions"] = effects["transactions"][:-31:-1]
    return render_template_string(
        PAGE, ledger=effects, requests=_requests(), faults=state().faults.describe()
    )


@routes.errorhandler(BadRule)
def bad_rule(error: BadRule) -> tuple[str, int]:
    """Say what is wrong with a rule."""
    return f"{error}\n", 400


@routes.errorhandler(Refused)
def refused(error: Refused) -> tuple[str, int]:
    """Say what was not found."""
    return f"{error.text}\n", error.status


def _requests() -> dict[str, Any]:
    return state().traffic.figures() | state().limiter.figures()
