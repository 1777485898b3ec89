"""What the shop tells nobody who does not ask: items and affiliates that change without a webhook.

Only beat and the process `items` bring it to the CRM, so that it is what their deaths may cost.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from tests.drill.mischief import Act
from tests.drill.relay import PacedSandbox
from tests.drill.shop import stamp
from tests.drill.truth import Acknowledged, Meaning, Priced, Shown

ITEMS = ("MAT", "HARNESS", "CRATE")
CHANGES = 3


@dataclass
class Catalogue:
    """What changes follows from the seed; `told` is what stands there since."""

    sandbox: PacedSandbox
    seed: int
    begin: int
    told: list[Acknowledged] = field(default_factory=list)

    def acts(self, seconds: float) -> list[Act]:
        """Each change at its time, the last of them before things calm down."""
        chance = Random(f"catalogue {self.seed}")
        found = [*self._items(chance), *self._affiliates()]
        times = sorted(chance.uniform(0, 0.9 * seconds) for _ in found)
        return [
            (at, "catalogue", partial(self._put, rows, means))
            for at, (rows, means) in zip(times, found, strict=True)
        ]

    def _put(self, rows: dict[str, Any], means: list[Meaning]) -> None:
        """From now on the shop has it so."""
        self.sandbox.fill(rows)
        self.told += [Acknowledged(meaning, time.time()) for meaning in means]

    def _items(self, chance: Random) -> Iterator[tuple[dict[str, Any], list[Meaning]]]:
        for version in range(1, CHANGES + 1):
            for number, item in enumerate(ITEMS, start=1):
                cents = chance.randrange(100, 9000)
                row = {
                    "merchant_item_oid": 500 + number,
                    "merchant_item_id": item,
                    "description": f"{item} for the dog",
                    "inactive": False,
                    "pricing": {"cost": cents / 100, "currency_code": "USD"},
                    "last_modified_dts": stamp(self.begin + version),
                }
                yield {"items": [row]}, [Priced(item, cents, version)]

    def _affiliates(self) -> Iterator[tuple[dict[str, Any], list[Meaning]]]:
        for version, status in enumerate(("Inactive", "Active"), start=1):
            for number in range(11, 14):
                email = f"partner.{number}@affiliates.example.com"
                row = {"affiliate_oid": number, "email": email, "first_name": "Ann", "status": status}
                approved = "True" if status == "Active" else "False"
                yield (
                    {"affiliates": [row]},
                    [
                        Shown(email, "AffiliateId", str(number), 0),
                        Shown(email, "Affiliate Approved", approved, version),
                    ],
                )
