"""A second, independent server of the documented ONTRAPORT API: nothing in it comes from the sandbox.

It answers other shapes than the sandbox where the documentation allows both: ids as numbers, no rate headers,
a lower-case e-mail match, pages of 20, a drop-down where the relay would make a text field.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers import Valkey

PAGE = 20
NOTE = 12
STATUSES = (
    "active",
    "card declined",
    "cancelled upgrade",
    "cancelled downgrade",
    "cancelled",
    "terminated",
)


class NotFound(Exception):
    """There is no such record."""


class Account:
    """What the CRM holds."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows: dict[str, list[dict[str, Any]]] = {"Contacts": [], "Products": [], "Transactions": []}
        self.requests: list[str] = []
        self.break_after_next_sale = 0
        self.tagged: list[tuple[int, str]] = []
        self.noted: list[tuple[int, str]] = []
        # Made by the account's owner, before the relay came.
        self.options = {str(number): word for number, word in enumerate(STATUSES, 11)}
        self.fields = {"f1811": "Auto Order Status"}

    def save_contact(self, body: dict[str, Any]) -> dict[str, Any]:
        """By e-mail; new ones answer with all fields, known ones under `attrs`."""
        values = {k: v for k, v in body.items() if v != "" and k != "ignore_blanks"}
        for row in self.rows["Contacts"]:
            if row["email"].lower() == values["email"].lower():
                row.update(values)
                return {"attrs": {"id": row["id"], "dlm": 1}}
        return self.add("Contacts", values)

    def add(self, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        """One more row with the next id, a number."""
        row = {**values, "id": len(self.rows[kind]) + 1}
        self.rows[kind].append(row)
        return row

    def update(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """Sets fields of the row with this id."""
        row = self.one(kind, body["id"])
        row.update({name: value for name, value in body.items() if name != "id"})
        return {"attrs": {**body, "id": row["id"]}}

    def one(self, kind: str, identifier: Any) -> dict[str, Any]:
        """The row with this id, a number or its text."""
        for row in self.rows[kind]:
            if str(row["id"]) == str(identifier):
                return row
        raise NotFound

    def log_sale(self, body: dict[str, Any]) -> dict[str, Any]:
        """A transaction whose total is the sum of its lines."""
        lines = body["offer"]["products"]
        total = sum(round(float(line["price"][0]["price"]) * 100) * line["quantity"] for line in lines)
        row = self.add(
            "Transactions",
            {
                "contact_id": body["contact_id"],
                "total": f"{total / 100:.2f}",
                "date": body["trans_date"] // 1000,
                "external_order_id": body.get("external_order_id", ""),
                "status": 1,
                "refunded": 0,
            },
        )
        return {"invoice_id": row["id"]}

    def refund(self, body: dict[str, Any]) -> str:
        """Marks transactions refunded, each as a whole."""
        for identifier in body["ids"]:
            row = self.one("Transactions", identifier)
            row.update(status=2, refunded=row["refunded"] + 1)
        return "Refunded"

    def tag(self, body: dict[str, Any]) -> str:
        """Adds tags by name, once each."""
        for identifier in body["ids"]:
            contact = self.one("Contacts", identifier)
            wanted = [(contact["id"], name) for name in body["add_names"]]
            self.tagged += [pair for pair in wanted if pair not in self.tagged]
        return "The tag is now being processed."

    def untag(self, body: dict[str, Any]) -> str:
        """Removes tags by name."""
        gone = {(int(identifier), name) for identifier in body["ids"] for name in body["remove_names"]}
        self.tagged = [pair for pair in self.tagged if pair not in gone]
        return "The tag is now being processed."

    def note(self, body: dict[str, Any]) -> dict[str, Any]:
        """One more note."""
        assert body["objectID"] == NOTE
        self.noted.append((self.one("Contacts", body["contact_id"])["id"], body["data"]))
        return {"id": len(self.noted), "contact_id": str(body["contact_id"])}

    def make_fields(self, body: dict[str, Any]) -> dict[str, Any]:
        """Text fields with keys of this account."""
        made = [spec for column in body["fields"] for spec in column]
        keys = {f"f{1900 + len(self.fields) + number}": spec["alias"] for number, spec in enumerate(made)}
        self.fields |= keys
        return {"success": keys, "error": []}

    def meta(self) -> dict[str, Any]:
        """The fields of contacts by their keys."""
        fields: dict[str, Any] = {"firstname": {"alias": "First Name", "type": "text"}}
        for key, alias in self.fields.items():
            drop = {"type": "drop", "options": self.options} if key == "f1811" else {"type": "text"}
            fields[key] = {"alias": alias, "required": "0", "unique": "0", **drop}
        return {"0": {"name": "Contact", "fields": fields}}

    def tags(self, contact_id: int) -> list[str]:
        """The names of a contact's tags."""
        return [name for owner, name in self.tagged if owner == contact_id]

    def notes(self, contact_id: int) -> list[str]:
        """A contact's notes."""
        return [text for owner, text in self.noted if owner == contact_id]


class Handler(BaseHTTPRequestHandler):
    """One request of the API."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    account: Account

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        """Lists with a condition of one field; the fields of contacts."""
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path.endswith("/objects/meta"):
            self.noted()
            assert (query["format"], query["objectID"]) == (["byId"], ["0"])
            return self.answer(self.account.meta())
        wanted = json.loads(query["condition"][0])[0]
        name, value = wanted["field"]["field"], str(wanted["value"]["value"])
        with self.account.lock:
            self.account.requests.append(f"GET {url.path}")
            rows = [
                row for row in self.account.rows[url.path.rsplit("/", 1)[1]] if str(row.get(name)) == value
            ]
        start = int(query.get("start", ["0"])[0])
        newest = sorted(rows, key=lambda row: -int(row["id"]))
        self.answer(newest[start : start + PAGE])

    def do_POST(self) -> None:
        """Upsert, product, sale, note, custom fields."""
        self._write()

    def do_PUT(self) -> None:
        """Contact, product, refund, commission, tags."""
        self._write()

    def do_DELETE(self) -> None:
        """Tags."""
        self._write()

    def noted(self) -> None:
        """Counts a request."""
        with self.account.lock:
            self.account.requests.append(f"{self.command} {urlsplit(self.path).path}")

    def _write(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.noted()
        with self.account.lock:
            try:
                data = self.written(body)
            except NotFound:
                return self.refuse(404, "Object not found")
            broken = self.path.endswith("/processManual") and self.account.break_after_next_sale > 0
            if broken:
                self.account.break_after_next_sale -= 1
        if broken:
            self.close_connection = True
            self.connection.close()
            return None
        return self.answer(data)

    def written(self, body: dict[str, Any]) -> Any:
        """What the write made."""
        account = self.account
        writes = {
            "POST /Contacts/saveorupdate": account.save_contact,
            "PUT /Contacts": lambda values: account.update("Contacts", values),
            "POST /Products": lambda values: account.add("Products", values),
            "PUT /Products": lambda values: account.update("Products", values),
            "POST /transaction/processManual": account.log_sale,
            "PUT /transaction/refund": account.refund,
            "PUT /transaction/rerunCommission": lambda values: "Commissions rerun",
            "PUT /objects/tagByName": account.tag,
            "DELETE /objects/tagByName": account.untag,
            "POST /objects": account.note,
            "POST /objects/fieldeditor": account.make_fields,
        }
        return writes[f"{self.command} {self.path.removeprefix('/crm/1')}"](body)

    def refuse(self, status: int, text: str) -> None:
        """A refusal in plain text."""
        self._send(status, "text/html", text.encode())

    def answer(self, data: Any) -> None:
        """The envelope."""
        self._send(200, "application/json", json.dumps({"code": 0, "data": data, "account_id": 7}).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def documented_crm() -> Iterator[tuple[str, Account]]:
    """The base address (with a prefix of its own) and the account behind it."""
    account = Account()
    handler = type("AccountHandler", (Handler,), {"account": account})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/crm/1/", account
    finally:
        server.shutdown()
        server.server_close()


def environment_of(base: str, valkey: Valkey, directory: Path) -> dict[str, str]:
    """A relay with real keys set that delivers to the CRM at `base`."""
    return {
        "REDIS_URL": valkey.url,
        "RELAY_DATA_DIR": str(directory / "var"),
        "ONTRAPORT_APP_ID": "2_1_abc",
        "ONTRAPORT_API_KEY": "secret",
        "ONTRAPORT_BASE_URL": base,
        "ONTRAPORT_RATE_PER_MINUTE": "6000",
        "ULTRACART_MERCHANT_ID": "DEMO",
        "WEBHOOK_USERNAME": "shop",
        "WEBHOOK_PASSWORD": "s3cret",
    }
