"""A caller of the sandbox's ONTRAPORT and of its control routes, over real HTTP."""

import json
from typing import Any

import requests

ORDER = "DEMO-0009104390"
TRANS_DATE = 1369820760000
TIMEOUT = 10


class Account:
    """One caller with valid keys; `api` gives the answer as it came, `data` what is in its envelope."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers.update({"Api-Appid": "sandbox", "Api-Key": "sandbox"})

    def api(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        address = f"{self.url}/ontraport/1{path}"
        return self.session.request(method, address, json=body, params=query, timeout=TIMEOUT)

    def data(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = self.api(method, path, body, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def contact(self, email: str = "jane@example.com", **fields: Any) -> str:
        data = self.data("POST", "/Contacts/saveorupdate", {"email": email, **fields})
        return str(data.get("id") or data["attrs"]["id"])

    def product(self, **fields: Any) -> str:
        return str(self.data("POST", "/Products", {"name": "BONE", "external_id": "BONE", **fields})["id"])

    def sale(self, contact_id: str, product_id: str, **changes: Any) -> str:
        return str(
            self.data("POST", "/transaction/processManual", sale(contact_id, product_id, **changes))[
                "invoice_id"
            ]
        )

    def rows(self, path: str, field: str = "", value: str = "", **query: Any) -> list[dict[str, str]]:
        condition = [{"field": {"field": field}, "op": "=", "value": {"value": value}}]
        asked = {"condition": json.dumps(condition)} if field else {}
        rows: list[dict[str, str]] = self.data("GET", path, **asked, **query)
        return rows

    def ledger(self) -> dict[str, Any]:
        ledger: dict[str, Any] = self.control("GET", "/ledger").json()
        return ledger

    def fault(self, do: dict[str, Any], path: str = "", **rule: Any) -> None:
        answer = self.control("POST", "/faults", [{"match": {"path": path}, "do": do, **rule}])
        assert answer.status_code == 200, answer.text

    def control(self, method: str, path: str, body: Any = None) -> requests.Response:
        with requests.Session() as session:
            return session.request(method, self.url + path, json=body, timeout=TIMEOUT)


def sale(contact_id: str, product_id: str, **changes: Any) -> dict[str, Any]:
    """The body that logs one sale of two for 9.99 each."""
    product = {"id": product_id, "quantity": 2, "type": "single", "price": [{"price": "9.99"}]}
    return {
        "contact_id": contact_id,
        "chargeNow": "chargeLog",
        "trans_date": TRANS_DATE,
        "invoice_template": -1,
        "external_order_id": ORDER,
        "offer": {"products": [product]},
    } | changes
