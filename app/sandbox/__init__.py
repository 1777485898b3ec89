"""A stand-in ONTRAPORT with a ledger of effects and faults on demand."""
