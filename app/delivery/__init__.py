"""Steps of a delivery, carried out once each through the ledger."""
