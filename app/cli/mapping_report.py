"""What is unmapped and what conflicts between a shop's items and ONTRAPORT's products; for app.cli only."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.services import Services
from app.settings import Merchant
from app.store.catalogue import CatalogueItem

# Products of the relay's own, that no item of the shop has: shipping, tax, surcharge, adjustment.
OWN = "ultracart-relay-"


@dataclass(frozen=True, slots=True)
class Mapped:
    """One item: its product's name, where that comes from (set, file, default), its id ('' if not known)."""

    item_id: str
    product_name: str
    origin: str
    product_id: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the mapping that a person may want to change; `wrong` where sales would be mixed up."""

    kind: str
    items: tuple[str, ...]
    text: str
    wrong: bool = False


def mapping_of(services: Services, merchant: Merchant) -> list[Mapped]:
    """Every item that is in the catalogue, mapped or known as a product, by its id."""
    account = merchant.account
    given, filed = services.product_map.names(account), merchant.rules.products
    ids = {
        item: one
        for item, one in services.product_map.product_ids(account).items()
        if not item.startswith(OWN)
    }
    known = {item.id for item in services.catalogue.read(merchant.id) if not item.deleted}
    return [
        Mapped(
            item_id,
            given.get(item_id) or filed.get(item_id) or item_id,
            "set" if item_id in given else "file" if item_id in filed else "default",
            ids.get(item_id, ""),
        )
        for item_id in sorted({*known, *given, *filed, *ids})
    ]


def findings(mapping: Sequence[Mapped], catalogue: Sequence[CatalogueItem]) -> list[Finding]:
    """Conflicts first, then what is unmapped, what names no item, and what has no product yet."""
    items = {item.id: item for item in catalogue}
    return [
        *_shared(mapping, "one-product-id", {one.item_id: one.product_id for one in mapping}),
        *_shared(mapping, "one-product-name", {one.item_id: one.product_name.casefold() for one in mapping}),
        *_single(mapping, items),
    ]


def _shared(mapping: Sequence[Mapped], kind: str, by_item: Mapping[str, str]) -> Iterator[Finding]:
    """Several items that are one product in ONTRAPORT."""
    groups: dict[str, list[Mapped]] = defaultdict(list)
    for one in mapping:
        if by_item[one.item_id]:
            groups[by_item[one.item_id]].append(one)
    for group in groups.values():
        if len(group) > 1:
            shown = (
                f"product {group[0].product_id}" if kind == "one-product-id" else repr(group[0].product_name)
            )
            text = f"{len(group)} items are sold as {shown}"
            yield Finding(kind, tuple(one.item_id for one in group), text, wrong=True)


def _single(mapping: Sequence[Mapped], items: Mapping[str, CatalogueItem]) -> Iterator[Finding]:
    for one in mapping:
        item = items.get(one.item_id)
        if items and one.origin != "default" and (item is None or item.deleted):
            text = f"mapped to {one.product_name!r}, but the shop has no such item"
            yield Finding("no-item", (one.item_id,), text)
        if one.origin == "default":
            text = "not mapped: its product is called as the item is"
            yield Finding("unmapped", (one.item_id,), text)
        if not one.product_id:
            text = f"no product id yet: {one.product_name!r} is looked for, or made, at first use"
            yield Finding("no-product", (one.item_id,), text)
