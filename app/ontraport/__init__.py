"""The ONTRAPORT account: its client and what its answers mean."""
