"""The products of a sale; two workers never create two.

Known id → the name that the merchant mapped → external_id → the item's own name → create.
A known id is believed until ONTRAPORT refuses what names it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from app.delivery import attempt as attempts
from app.delivery.attempt import Attempt
from app.errors import DeliveryFailure, FailureClass, Postponed
from app.relay.bodies import product_body
from app.relay.lines import SaleLine
from app.store.ledger import Write
from app.store.product_map import BY_HAND, product_row
from app.store.records import milliseconds

T = TypeVar("T")

# Refused for what it says: surely not done, and a product that is gone has no other sign.
REFUSED = frozenset({400, 404, 422})
NAME_PRODUCTS = ("/transaction/processManual", "/Products")


def with_products(attempt: Attempt, lines: Sequence[SaleLine], act: Callable[[Mapping[str, str]], T]) -> T:
    """`act` on the product ids by item id; once more when ONTRAPORT refuses and some of them are gone.

    Raises DeliveryFailure(MAPPING) for one that is gone and was named by a person.
    """
    products = product_ids(attempt, lines)
    try:
        return act(products)
    except DeliveryFailure as failure:
        refused = failure.status in REFUSED and failure.path in NAME_PRODUCTS
        if not refused or not _forget_missing(attempt, products):
            raise
    return act(product_ids(attempt, lines))


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
    row = product_row(account, line.item_id)
    fields = attempt.acquire(row, f"the product {line.item_id}")
    known = attempt.services.ledger.products(account, [line.item_id])
    if known:
        return known[line.item_id]
    client = attempt.services.ontraport[account]
    now = milliseconds(attempt.services.clock())

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
        writes=lambda product_id: [*writes(product_id), (row, "x:made", now)],
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


def _forget_missing(attempt: Attempt, products: Mapping[str, str]) -> bool:
    """Forgets the products that ONTRAPORT does not have; False when it has them all, or does not tell."""
    # What was refused was not done: its announcement ends here, whatever the look comes to.
    attempt.complete()
    client = attempt.services.ontraport[attempt.transmission.account]
    try:
        existing = client.existing_products(frozenset(products.values()), attempt.permit)
    except DeliveryFailure as failure:
        if failure.status in REFUSED:
            return False
        raise
    missing = {item: product for item, product in products.items() if product not in existing}
    for item_id, product_id in missing.items():
        _forget(attempt, item_id, product_id)
    return bool(missing)


def _forget(attempt: Attempt, item_id: str, product_id: str) -> None:
    """Forgets one product as its only writer: what another transmission has put in its place stays.

    Raises Postponed for one that was made so recently that ONTRAPORT may not list it yet.
    """
    account = attempt.transmission.account
    fields = attempt.acquire(product_row(account, item_id), f"the product {item_id}")
    if fields.get(BY_HAND) == product_id:
        raise _named_by_a_person(item_id, product_id)
    if attempt.services.ledger.products(account, [item_id]).get(item_id) != product_id:
        return
    age = milliseconds(attempt.services.clock()) - int(fields.get("x:made") or 0)
    if age < attempts.QUIET_MS:
        raise Postponed(
            (attempts.QUIET_MS - age) / 1000 + 0.5,
            f"ONTRAPORT refused it and does not list product {product_id}, which was made just now",
        )
    attempt.complete([(f"p:{account}", item_id, "")])


def _named_by_a_person(item_id: str, product_id: str) -> DeliveryFailure:
    return DeliveryFailure(
        FailureClass.MAPPING,
        f"Item {item_id} is mapped to product {product_id} by hand, which ONTRAPORT does not have",
        hint=f"Name another (`relay map set {item_id} PRODUCT`) or leave it to the relay "
        f"(`relay map unset {item_id}`), then say `relay dead replay`",
        field=item_id,
    )
