"""Queue and task names, the Celery settings, and the envelope of a wake-up. Shared by scripts and workers."""

import json
from collections.abc import Mapping
from typing import Any

from celery import Celery
from kombu.connection import Connection
from kombu.entity import Queue

from app.events import Kind

POLLING_QUEUE = "item_polling"
ITEM_POLLING = "tasks.item_polling"
AFFILIATE_POLLING = "tasks.affiliate_polling"
WEBHOOK_POLLING = "tasks.webhook_polling"
RECONCILIATION = "tasks.reconciliation"
PROBE_QUEUE = "probe"
PROBE = "tasks.probe"
WORKER_QUEUES: tuple[str, ...] = tuple(kind.value for kind in Kind)

VISIBILITY_TIMEOUT = 120

TRANSPORT: Mapping[str, Any] = {
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "priority_steps": [0],
    "body_encoding": "utf-8",
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 25,
}


def task_name(kind: Kind) -> str:
    """The name of the task that delivers `kind`; stable, it outlives deploys in the queue."""
    return f"tasks.{kind}"


def broker_url(redis_url: str, *, tls_verify: bool) -> str:
    """The broker's address; `rediss://` says explicitly whether the certificate is checked."""
    if not redis_url.startswith("rediss://"):
        return redis_url
    mode = "required" if tls_verify else "none"
    joint = "&" if "?" in redis_url else "?"
    return f"{redis_url}{joint}ssl_cert_reqs={mode}"


def make_celery(url: str, *, tls_verify: bool = True) -> Celery:
    """The one Celery object of a process, with the settings that the engine's promises stand on."""
    app = Celery("app", broker=broker_url(url, tls_verify=tls_verify), set_as_current=True)
    app.conf.update(
        task_queues=[Queue(name) for name in (*WORKER_QUEUES, PROBE_QUEUE, POLLING_QUEUE)],
        task_create_missing_queues=False,
        task_default_queue=WORKER_QUEUES[0],
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        worker_send_task_events=True,
        task_send_sent_event=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=dict(TRANSPORT),
        broker_pool_acquire_timeout=5,
        accept_content=["json"],
        task_serializer="json",
        worker_hijack_root_logger=False,
        enable_utc=True,
    )
    return app


def envelope(kind: Kind) -> str:
    """The message that celery and kombu write for `kind`, with @TID@ and @TAG@ for the id and the tag."""
    app = Celery("envelope", broker="memory://", set_as_current=False)
    app.conf.update(task_queues=[Queue(kind.value)], task_default_queue=kind.value)
    app.conf.broker_transport_options = {"body_encoding": "utf-8", "priority_steps": [0]}
    with Connection("memory://", transport_options=app.conf.broker_transport_options) as connection:
        app.send_task(
            task_name(kind),
            args=("@TID@",),
            task_id="@TID@",
            queue=kind.value,
            connection=connection,
            argsrepr="('@TID@',)",
            kwargsrepr="{}",
            origin="relay",
            ignore_result=True,
        )
        message = connection.default_channel._get(kind.value)
    message["properties"].update(delivery_tag="@TAG@", reply_to="")
    return json.dumps(message)


def envelopes() -> dict[Kind, str]:
    """Every kind's envelope, for the store's scripts."""
    return {kind: envelope(kind) for kind in Kind}
