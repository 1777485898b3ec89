"""What the relay asks UltraCart to expand, in webhooks and in what it fetches; anyone above may import it.

Names are singular where the JSON keys are plural (`item` brings `items`).
https://www.ultracart.com/api/#resource_order.html
"""

ORDER = ",".join(
    """affiliate affiliate.ledger auto_order billing channel_partner checkout coupon customer_profile item
    marketing payment payment.transaction shipping shipping.tracking_number_details
    summary taxes utms""".split()
)
AUTO_ORDER = (
    "items,original_order,original_order.billing,original_order.item,original_order.summary,rebill_orders"
)
ITEM = "pricing,content"
CUSTOMER = "billing,shipping,privacy,tags"
