"""The workers' Celery application with a fault in it: `celery -A tests.integration.faulty_app worker`.

TEST_FAULT says where and how this process ends or freezes (see tests.integration.engine.Fault),
TEST_CONSTANTS which durations of the engine are others. Each strike leaves a file, so that it is counted over
restarts.
"""

import importlib
import json
import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

from app.events import Transmission
from app.ontraport.client import OntraportClient
from app.store import ledger as ledger_module
from app.store.ledger import Go, Ledger
from app.store.transmissions import Transmissions
from workers.celery_app import app

__all__ = ["app"]

FAULT: Mapping[str, Any] = json.loads(os.environ.get("TEST_FAULT") or "{}")


def strike(seam: str, order_id: str) -> None:
    """Ends or freezes this process if the fault is for this seam and order, and has not struck enough."""
    if FAULT.get("seam") != seam or FAULT["order"] != order_id:
        return
    for number in range(int(FAULT["times"])):
        try:
            os.close(os.open(f"{FAULT['marks']}-{number}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        if FAULT["do"] == "exit":
            os._exit(9)
        # To this very thread: sent to the process, it would let the thread go on for a moment.
        signal.pthread_kill(threading.get_ident(), signal.Signals[FAULT["do"]])
        return


def order_in(key: str) -> str:
    """The order id at the end of a subject or of a ledger row's key."""
    return key.rpartition("order:")[2]


def wrap(owner: type, name: str, around: Callable[..., Any]) -> None:
    """Puts `around(original, *arguments)` in a method's place."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *args, **kwargs: around(original, *args, **kwargs))


def claim(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Strikes when the order's sale has been claimed."""
    claimed = original(*args, **kwargs)
    if isinstance(claimed, Transmission):
        strike("claimed", order_in(claimed.subject))
    return claimed


def announce(
    original: Callable[..., Any], ledger: Ledger, tid: str, token: str, row: str, step: str, **rest: Any
) -> Any:
    """Strikes before and after the order's sale is announced."""
    if step.startswith("log_sale"):
        strike("announcing", order_in(row))
    answer = original(ledger, tid, token, row, step, **rest)
    if step.startswith("log_sale") and isinstance(answer, Go):
        strike("announced", order_in(row))
    return answer


def log_sale(
    original: Callable[..., Any], client: OntraportClient, body: Mapping[str, Any], call: Any
) -> Any:
    """Strikes when the CRM answered, or failed to."""
    try:
        return original(client, body, call)
    finally:
        strike("answered", str(body["external_order_id"]))


def complete(original: Callable[..., Any], ledger: Ledger, *args: Any, **kwargs: Any) -> Any:
    """Strikes when the order's invoice stands in the ledger."""
    kwargs.setdefault("lease_ms", ledger_module.BETWEEN_CALLS_LEASE_MS)
    result = original(ledger, *args, **kwargs)
    for key, name, _ in kwargs.get("writes", ()):
        if name == "x:sale":
            strike("recorded", order_in(key))
    return result


wrap(Transmissions, "claim", claim)
wrap(Ledger, "announce", announce)
wrap(Ledger, "complete", complete)
wrap(OntraportClient, "log_sale", log_sale)
for dotted, value in json.loads(os.environ.get("TEST_CONSTANTS") or "{}").items():
    module, _, constant = dotted.rpartition(".")
    if not hasattr(importlib.import_module(module), constant):
        raise AttributeError(dotted)
    setattr(importlib.import_module(module), constant, value)
