"""ONTRAPORT's routes under /ontraport/1, answering as the real ones do; for app.sandbox only.

https://api.ontraport.com/doc
Success is 200 with `{"code": 0, "data": …, "account_id": 1}` and numbers as strings; errors are plain text.
"""

import hmac
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from app.sandbox.asked import json_object, read_fields, read_ids, read_sale
from app.sandbox.edge import FAULTS, PREFIX, STANDING
from app.sandbox.faults import Fault, Fired
from app.sandbox.fields import CONTACT, CONTACT_EDITABLE, NOTE, PRODUCT_FIELDS, TRANSACTION_FIELDS, as_text
from app.sandbox.lists import ListQuery, read_query, select
from app.sandbox.ratelimit import Standing
from app.sandbox.refusals import Refused
from app.sandbox.state import state

ACCOUNT_ID = 1
NOT_AUTHENTICATED = "Your App ID and API Key do not authenticate."

routes = Blueprint("ontraport", __name__, url_prefix=PREFIX)


@routes.before_request
def guard() -> Response | None:
    """Turn away who is over the limit or has no valid keys; then comes a fault that answers instead."""
    if not _standing().allowed:
        raise Refused(429, "Rate limit exceeded")
    if not _authenticated():
        raise Refused(401, NOT_AUTHENTICATED)
    fault = _faults().first("answer")
    return None if fault is None or fault.options["commit"] else _answer_of(fault)


@routes.after_request
def finish(response: Response) -> Response:
    """The write for the journal, the faults that spoil an answer, the three headers that are on every one."""
    answer = _faults().first("answer")
    if response.status_code == 200 and request.method != "GET" and (not answer or answer.options["commit"]):
        state().journal.add(f"{request.method} {request.path.removeprefix(PREFIX)}", json_object())
    if answer and answer.options["commit"]:
        response = _answer_of(answer)
    if _faults().first("no_id") and response.is_json:
        response = envelope({})
    for name, value in _standing().headers().items():
        response.headers.setdefault(name, value)
    state().traffic.answered(response.status_code, over_limit=not _standing().allowed)
    return response


@routes.errorhandler(Refused)
def refuse(refused: Refused) -> Response:
    """A refusal in ONTRAPORT's manner: plain text, not its JSON envelope."""
    return Response(refused.text, status=refused.status, mimetype="text/html")


@routes.post("/Contacts/saveorupdate")
def upsert_contact() -> Response:
    """New: `data.id` with all fields. Existing: `data.attrs.id` with what changed."""
    body = json_object()
    _check_email(body)
    race = _faults().first("race")
    between = partial(state().patience.wait, race.seconds) if race else None
    contacts = state().ledger.contacts
    contact, changed = contacts.upsert(body, _truth(body.get("ignore_blanks")), between)
    return envelope(contacts.row(contact) if changed is None else {"attrs": changed})


@routes.get("/Contacts")
def list_contacts() -> Response:
    """Contacts that meet the condition, at most 50."""
    contacts = state().ledger.contacts
    return _page(contacts.rows(_faults().seconds("lag")), contacts.known_fields())


@routes.put("/Contacts")
def update_contact() -> Response:
    """Fields of the contact `id`; only those that are sent change."""
    body = json_object()
    _check_email(body)
    return envelope({"attrs": state().ledger.contacts.update(as_text(body.get("id")), body)})


@routes.get("/Products")
def list_products() -> Response:
    """Products that meet the condition, at most 50."""
    return _page(state().ledger.products.rows(_faults().seconds("lag")), PRODUCT_FIELDS)


@routes.post("/Products")
def create_product() -> Response:
    """One more product, even if one of its name exists."""
    return envelope(state().ledger.products.create(json_object()).fields)


@routes.put("/Products")
def update_product() -> Response:
    """Fields of the product `id`."""
    body = json_object()
    return envelope({"attrs": state().ledger.products.update(as_text(body.get("id")), body)})


@routes.post("/transaction/processManual")
def process_manual() -> Response:
    """Log a sale; `invoice_id` is the id of the transaction."""
    asked = read_sale(json_object())
    numeric = _faults().first("numeric_external_order_id")
    keeps = numeric is None or asked.external_order_id.isdecimal()
    stored = asked.external_order_id if keeps or numeric is None else str(numeric.options["stored"])
    return envelope({"invoice_id": state().ledger.sales.log(asked, stored).id})


@routes.get("/Transactions")
def list_transactions() -> Response:
    """Transactions that meet the condition, at most 50."""
    return _page(state().ledger.sales.rows(_faults().seconds("lag")), TRANSACTION_FIELDS)


@routes.put("/transaction/refund")
def refund() -> Response:
    """Refund whole transactions; there is no amount."""
    state().ledger.sales.refund(read_ids(json_object()))
    return envelope("Refunded")


@routes.put("/transaction/void")
def void() -> Response:
    """Void transactions."""
    state().ledger.sales.void(read_ids(json_object()))
    return envelope("Voided")


@routes.put("/transaction/rerunCommission")
def rerun_commission() -> Response:
    """Compute commissions again; the sandbox keeps none."""
    state().ledger.sales.get(read_ids(json_object()))
    return envelope("Commissions rerun")


@routes.put("/objects/tagByName")
def add_tags() -> Response:
    """Tag contacts, making the tags that are missing."""
    body = json_object()
    state().ledger.contacts.tag(read_ids(body), _names(body, "add_names"))
    return envelope("The tag is now being processed.")


@routes.delete("/objects/tagByName")
def remove_tags() -> Response:
    """Take tags from contacts."""
    body = json_object()
    state().ledger.contacts.untag(read_ids(body), _names(body, "remove_names"))
    return envelope("The tag is now being processed.")


@routes.get("/objects/meta")
def contact_meta() -> Response:
    """The fields of contacts, the custom ones under their `f1500` keys."""
    if request.args.get("objectID") != str(CONTACT):
        raise Refused(400, "The sandbox knows the fields of contacts only")
    fixed = {"required": "0", "unique": "0", "editable": "1", "deletable": "0"}
    known: dict[str, dict[str, Any]] = {
        name: {"alias": name, "type": "text", **fixed} for name in CONTACT_EDITABLE
    }
    for key, made in state().ledger.contacts.custom_fields.items():
        known[key] = {
            "alias": made.alias,
            "type": made.type,
            "required": made.required,
            "unique": made.unique,
        }
        known[key] |= {"editable": "1", "deletable": "1"} | (
            {"options": made.options} if made.options else {}
        )
    return envelope({str(CONTACT): {"name": "Contact", "fields": known}})


@routes.post("/objects/fieldeditor")
def create_fields() -> Response:
    """Make custom fields of contacts; the answer names the keys."""
    body = json_object()
    if as_text(body.get("objectID")) != str(CONTACT):
        raise Refused(400, "The sandbox has custom fields for contacts only")
    specs = read_fields(body)
    made = [state().ledger.contacts.add_field(spec["alias"], spec["type"], spec) for spec in specs]
    return envelope({"success": {one.key: one.alias for one in made} or [], "error": []})


@routes.post("/objects")
def create_note() -> Response:
    """A note on a contact, the only object that is made by the generic route."""
    body = json_object()
    if as_text(body.get("objectID")) != str(NOTE):
        raise Refused(400, "The sandbox makes notes only here")
    note = state().ledger.contacts.add_note(as_text(body.get("contact_id")), as_text(body.get("data")))
    return envelope({"id": note.id, "contact_id": note.contact_id, "data": note.text})


@routes.route("/<path:_rest>", methods=["GET", "POST", "PUT", "DELETE"])
def unknown(_rest: str) -> Response:
    """What the sandbox does not have."""
    raise Refused(404, "Object not found")


def envelope(data: object, code: int = 0) -> Response:
    """ONTRAPORT's JSON around the data."""
    return Response(
        json.dumps({"code": code, "data": data, "account_id": ACCOUNT_ID}), mimetype="application/json"
    )


def _page(rows: Sequence[dict[str, str]], known: Sequence[str] | set[str]) -> Response:
    query = read_query(request.args)
    if _faults().first("ignore_filter"):
        query = ListQuery((), query.start, query.size, query.sort, query.descending, query.fields)
    return envelope(select(rows, query, known))


def _answer_of(fault: Fault) -> Response:
    status, body = int(fault.options["status"]), fault.options["body"]
    text = body if isinstance(body, str) else json.dumps(body)
    response = Response(text, status, mimetype="text/html" if isinstance(body, str) else "application/json")
    if status == 429:
        response.headers["X-Rate-Limit-Remaining"] = "0"
    response.headers.update({name: str(value) for name, value in fault.options["headers"].items()})
    return response


def _authenticated() -> bool:
    account = state()
    given = (request.headers.get("Api-Appid", ""), request.headers.get("Api-Key", ""))
    pairs = zip(given, (account.app_id, account.api_key), strict=True)
    return all(hmac.compare_digest(sent.encode(), right.encode()) for sent, right in pairs)


def _check_email(body: dict[str, Any]) -> None:
    email = as_text(body.get("email")).strip()
    if email and (email.count("@") != 1 or " " in email or email[0] == "@" or email[-1] == "@"):
        raise Refused(422, "Invalid email address")


def _truth(value: object) -> bool:
    return as_text(value).lower() in {"1", "true"}


def _names(body: dict[str, Any], key: str) -> list[str]:
    names = body.get(key)
    if not isinstance(names, list):
        raise Refused(400, f"Invalid {key}")
    return [as_text(name) for name in names]


def _standing() -> Standing:
    standing: Standing = request.environ[STANDING]
    return standing


def _faults() -> Fired:
    fired: Fired = request.environ[FAULTS]
    return fired
