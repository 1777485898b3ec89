"""Everything under `/api`, for who operates the relay; for app.web only.

Each address stands in `blueprint`, behind one guard. Answers are JSON, or text that is asked for as such.
"""

from collections.abc import Mapping

from flask import Blueprint, Response, request

from app.errors import SettingsError
from app.ontraport.receipts import receipt_hosts, receipt_html, receipt_page
from app.settings import Merchant, Settings
from app.settings_pixel import METHODS
from app.web.answer import FIXED_HEADERS, Refusal, answer
from app.web.auth import OperatorGuard

PREFIX = "/api"
MOST_THEMES = 100
LONGEST = 200


def blueprint(settings: Settings) -> Blueprint:
    """The API. Every route of it is guarded: CONSOLE_PASSWORD, without one this machine alone."""
    api = Blueprint("api", __name__, url_prefix=PREFIX)
    guard, pixel = OperatorGuard(settings.console_password), Pixel(settings)

    @api.before_request
    def check() -> None:
        guard.check(request.environ)

    @api.errorhandler(Refusal)
    def refuse(refusal: Refusal) -> Response:
        return refusal.answer()

    api.add_url_rule("/pixel", "pixel", pixel.text)
    api.add_url_rule("/pixel.json", "pixel_json", pixel.json)
    return api


class Pixel:
    """`GET /api/pixel[.json]?merchant=&theme=&method=`: what goes onto the receipt of a storefront theme."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def text(self) -> Response:
        """To be copied: every theme's HTML under its name."""
        _, _, receipts = self._receipts()
        headers = [("Content-Type", "text/plain; charset=utf-8"), *FIXED_HEADERS[1:]]
        return Response([receipt_page(receipts).encode()], 200, headers)

    def json(self) -> Response:
        """The same as `relay pixel --json`."""
        merchant, method, receipts = self._receipts()
        return answer(200, {"merchant": merchant.id, "method": method, "themes": receipts})

    def _receipts(self) -> tuple[Merchant, str, Mapping[str, str]]:
        asked = _parameters("merchant", "theme", "method")
        merchant = self._merchant(asked["merchant"])
        method, theme = asked["method"] or merchant.method, asked["theme"]
        if method not in METHODS:
            raise Refusal(400, f"method must be one of {', '.join(METHODS[1:])}")
        if theme and theme not in merchant.pixel.themes:
            raise Refusal(404, "there is no such theme")
        try:
            hosts = receipt_hosts(merchant, method, theme)
        except SettingsError as error:
            raise Refusal(409, str(error)) from error
        if len(hosts) > MOST_THEMES:
            raise Refusal(400, f"there are more than {MOST_THEMES} themes: name one of them")
        return (
            merchant,
            method,
            {name: receipt_html(host, merchant.pixel, method) for name, host in hosts.items()},
        )

    def _merchant(self, wanted: str) -> Merchant:
        found = self._settings.merchants.get(wanted or self._settings.ultracart_merchant_id)
        if found is None and wanted:
            raise Refusal(404, "there is no such merchant")
        if found is None:
            raise Refusal(400, "merchant is needed, since there are several")
        return found


def _parameters(*names: str) -> dict[str, str]:
    """The query's parameters, '' for one that is not given. Raises Refusal for one that is not known."""
    unknown = sorted(set(request.args) - set(names))
    if unknown:
        raise Refusal(400, f"unknown parameter {unknown[0][:40]!r}")
    if any(len(value) > LONGEST for value in request.args.values()):
        raise Refusal(400, f"a parameter is longer than {LONGEST} characters")
    return {name: request.args.get(name, "") for name in names}
