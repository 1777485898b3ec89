"""Flask and RQ, as its documentation shows them: one `enqueue` per event."""

import os
from typing import Any

from flask import Flask, Response, jsonify, request
from redis import Redis
from rq import Queue

from tests.bench.peers.basic_auth import is_authorized

app = Flask(__name__)
queue = Queue("sale", connection=Redis.from_url(os.environ["REDIS_URL"]))


def deliver(event: dict[str, Any]) -> None:
    """Stands for the work; the bench measures the way in, no worker runs."""


@app.post("/webhooks/ultracart")
def receive() -> tuple[Response, int]:
    """Check the credentials, then one job per event."""
    if not is_authorized(request):
        return jsonify(error="credentials"), 401
    events = request.get_json()["events"]
    for event in events:
        queue.enqueue(deliver, event)
    return jsonify(accepted=len(events)), 200
