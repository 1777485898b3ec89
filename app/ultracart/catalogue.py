"""The events that UltraCart can send, by category; anyone above may import it.

The live list of an account is `GET /webhook/webhook_event_categories`; a name that is not here is
kept as ignored. UltraCart documents no affiliate category: should one appear, it is understood.
https://github.com/UltraCart/sdk_samples (comment table of insertWebhook)
"""

EVENTS: dict[str, frozenset[str]] = {
    category: frozenset(f"{category}_{verb}" for verb in verbs.split())
    for category, verbs in {
        "affiliate": "create delete update",
        "auto_order": "cancel create decline disable preshipment rebill update",
        "chargeback": "create delete update",
        "checkout": "cart_abandon cart_send_return_email",
        "customer": "create delete update",
        "fulfillment": "hold transmit",
        "item": "create delete update",
        "order": (
            "abandon_recovery create delete payment_failed payment_process refund reject s3_invoice"
            " s3_packing_slip ship ship_delivered ship_expected ship_out_for_delivery stage_change update"
        ),
        "user": "create delete login update",
        "workflow_task": "create delete update",
    }.items()
} | {"storefront": frozenset({"screen_recording"})}

EVENT_NAMES: frozenset[str] = frozenset().union(*EVENTS.values())

# What the object of an event is called by, first match wins; other categories have no key.
OBJECT_KEYS: dict[str, tuple[str, ...]] = {
    "affiliate": ("affiliate_oid",),
    "auto_order": ("auto_order_oid",),
    "customer": ("customer_profile_oid",),
    "fulfillment": ("order_id",),
    "item": ("merchant_item_oid", "merchant_item_id"),
    "order": ("order_id",),
}

# The events whose value is an Order.
ORDER_EVENTS: frozenset[str] = EVENTS["order"] | EVENTS["fulfillment"]


def category(event_name: str) -> str:
    """The category that an event's name belongs to, also for names that came after this was written."""
    return next((c for c in EVENTS if event_name.startswith(f"{c}_")), "")
