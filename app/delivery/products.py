"""The products of a sale; two workers never create two.

Known id → the name that the merchant mapped → external_id → the item's own name → create.
"""

from collections.abc import Mapping, Sequence

from app.delivery.attempt import Attempt
from app.relay.bodies import product_body
from app.relay.lines import SaleLine
from app.store.ledger import Ledger, Write


def product_ids(attempt: Attempt, lines: Sequence[SaleLine]) -> Mapping[str, str]:
    """The ONTRAPORT product id of every line, by item id. A known product costs no request."""
    account = attempt.transmission.account
    wanted = list(dict.fromkeys(line.item_id for line in lines))
    known = attempt.services.ledger.products(account, wanted)
    first_line = {line.item_id: line for line in reversed(lines)}
    for item_id in wanted:
        if item_id not in known:
            known[item_id] = _find_or_create(attempt, first_line[item_id])
    return known


def _find_or_create(attempt: Attempt, line: SaleLine) -> str:
    account = attempt.transmission.account
    row = Ledger.row(account, f"product:{line.item_id}")
    fields = attempt.acquire(row, f"the product {line.item_id}")
    known = attempt.services.ledger.products(account, [line.item_id])
    if known:
        return known[line.item_id]
    client = attempt.services.ontraport[account]

    def writes(product_id: str) -> list[Write]:
        return [(f"p:{account}", line.item_id, product_id)]

    if "fs" not in fields:
        found = _look_up(attempt, line)
        if found:
            attempt.complete(writes(found))
            return found
    return attempt.once(
        row,
        fields,
        "create_product",
        act=lambda call: client.create_product(product_body(line), call),
        look=lambda announced: _look_up(attempt, line),
        writes=writes,
        trusted=lambda: True,
    )


def _look_up(attempt: Attempt, line: SaleLine) -> str | None:
    """The product in ONTRAPORT. A mapped name is a person's word, and goes before what we made ourselves."""
    client, account = attempt.services.ontraport[attempt.transmission.account], attempt.transmission.account
    mapped = line.item_id in attempt.services.rules(account).products

    def by_name() -> str | None:
        return attempt.call(lambda call: client.find_product_by_name(line.product_name, call))

    def by_external_id() -> str | None:
        return attempt.call(lambda call: client.find_product_by_external_id(line.item_id, call))

    first, second = (by_name, by_external_id) if mapped else (by_external_id, by_name)
    return first() or second()
