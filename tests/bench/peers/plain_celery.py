"""The plain way with Flask and Celery: one `apply_async` per event, the payload as its argument."""

import os
from typing import Any

from celery import Celery
from flask import Flask, Response, jsonify, request

from tests.bench.peers.basic_auth import is_authorized

app = Flask(__name__)
engine = Celery("plain", broker=os.environ["REDIS_URL"])


@engine.task(name="deliver", ignore_result=True)
def deliver(event: dict[str, Any]) -> None:
    """Stands for the work; the bench measures the way in, no worker runs."""


@app.post("/webhooks/ultracart")
def receive() -> tuple[Response, int]:
    """Check the credentials, then one task per event."""
    if not is_authorized(request):
        return jsonify(error="credentials"), 401
    events = request.get_json()["events"]
    for event in events:
        deliver.apply_async(args=[event])
    return jsonify(accepted=len(events)), 200
