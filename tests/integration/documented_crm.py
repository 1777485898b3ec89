"""A second, independent server of the documented ONTRAPORT API: nothing in it comes from the sandbox.

It answers other shapes than the sandbox where the documentation allows both: ids as numbers, no rate headers,
a lower-case e-mail match, pages of 20.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 20


class Account:
    """What the CRM holds."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows: dict[str, list[dict[str, Any]]] = {"Contacts": [], "Products": [], "Transactions": []}
        self.requests: list[str] = []
        self.break_after_next_sale = 0

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
            },
        )
        return {"invoice_id": row["id"]}


class Handler(BaseHTTPRequestHandler):
    """One request of the API."""

    protocol_version = "HTTP/1.1"
    account: Account

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        """Lists with a condition of one field."""
        url = urlsplit(self.path)
        query = parse_qs(url.query)
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
        """Upsert, product, sale."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.account.lock:
            self.account.requests.append(f"POST {self.path}")
            data = self.written(body)
            broken = self.path.endswith("/processManual") and self.account.break_after_next_sale > 0
            if broken:
                self.account.break_after_next_sale -= 1
        if broken:
            self.close_connection = True
            self.connection.close()
            return
        self.answer(data)

    def written(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the write made."""
        if self.path.endswith("/Contacts/saveorupdate"):
            return self.account.save_contact(body)
        if self.path.endswith("/Products"):
            return self.account.add("Products", body)
        assert self.path.endswith("/transaction/processManual"), self.path
        return self.account.log_sale(body)

    def answer(self, data: Any) -> None:
        """The envelope."""
        text = json.dumps({"code": 0, "data": data, "account_id": 7}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


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
