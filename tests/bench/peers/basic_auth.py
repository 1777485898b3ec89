"""The credentials check that the Flask peers share."""

import hmac
import os

from flask import Request

USERNAME = os.environ.get("WEBHOOK_USERNAME", "")
PASSWORD = os.environ.get("WEBHOOK_PASSWORD", "")


def is_authorized(request: Request) -> bool:
    """Whether the request bears the configured Basic credentials, compared in constant time."""
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    name, password = given.username or "", given.password or ""
    return hmac.compare_digest(name, USERNAME) & hmac.compare_digest(password, PASSWORD)
