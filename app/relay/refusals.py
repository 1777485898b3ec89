"""Why an order cannot be told to a CRM, in the merchant's words; for app.relay alone."""

from app.errors import DeliveryFailure, FailureClass
from app.ultracart.schemas import Order


def unclear(order: Order, what: str, *, field: str) -> DeliveryFailure:
    """The order itself is not as it should be, in `field`: `what` follows its name."""
    return DeliveryFailure(
        FailureClass.MAPPING,
        f"{order.named} {what}.",
        hint="Correct the order in UltraCart: its next event repairs this.",
        field=field,
    )


def missing(order: Order, what: str, expansion: str) -> DeliveryFailure:
    """The webhook told too little of the order: `what` follows its name."""
    return DeliveryFailure(
        FailureClass.MAPPING,
        f"{order.named} {what}: the expansion `{expansion}` is missing.",
        hint=f"Add `{expansion}` to the webhook's expansion in UltraCart, then send the order again.",
        field=expansion,
    )
