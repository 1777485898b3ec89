"""Field names of the objects that the sandbox keeps, as ONTRAPORT spells them; for app.sandbox only."""

CONTACT_EDITABLE = tuple(
    """firstname lastname email address address2 city state zip country birthday office_phone home_phone
    cell_phone sms_number fax company title website status priority owner bulk_mail bulk_sms n_lead_source
    n_content n_medium n_campaign n_term l_lead_source l_content l_medium l_campaign l_term referral_page
    freferrer lreferrer program_id aff_sales aff_amount aff_paypal grade timezone""".split()
)
CONTACT_FIELDS = ("id", *CONTACT_EDITABLE, "spent", "unique_id", "date", "dla", "dlm")

PRODUCT_EDITABLE = tuple("name price description sku external_id product_group taxable".split())
PRODUCT_FIELDS = ("id", *PRODUCT_EDITABLE, "total_income", "total_purchases", "date", "dlm", "deleted")

# There is no `dlm` on transactions.
TRANSACTION_FIELDS = tuple(
    """id hidden status contact_id contact_name order_id form_id lp_id cc_id gateway_id date template_id
    subtotal tax tax_city tax_state tax_county shipping total zip city state county external_order_id oprid
    offer_data last_recharge_date recharge_attempts recharge""".split()
)

CONTACT, NOTE, PRODUCT, TRANSACTION = 0, 12, 16, 46
PAID, REFUNDED, VOID = "1", "2", "4"


def as_text(value: object) -> str:
    """A JSON value as ONTRAPORT gives it back: numbers and booleans as strings, null as an empty one."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)
