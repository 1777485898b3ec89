"""The sandbox's one way to say no: an HTTP status and a plain text; for app.sandbox only."""

from dataclasses import dataclass

# ONTRAPORT answers errors as plain text, not in its JSON envelope; these two are known from working clients.
INVALID_CONTACT = "Invalid Contact ID"
NOT_FOUND = "Object not found"


@dataclass
class Refused(Exception):
    """A request that is answered with `status` and `text` and has no effect."""

    status: int
    text: str
