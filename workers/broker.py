"""Celery's connection to its broker, made to be lost while tasks are at work without the worker's end."""

from typing import Any

from kombu.transport.redis import Channel, QoS


class Unacknowledged(QoS):
    """What kombu keeps of the messages at work; it forgets them when the connection they came over is gone.

    Kombu would put them back, and acknowledge them when their tasks end, by opening a connection from what it
    has thrown away, and the worker would end of that (https://github.com/celery/kombu/issues/582). What is at
    work ends as it would; for what had not begun the store sends its wake-up again.
    """

    def ack(self, delivery_tag: str) -> None:
        """The task of this message is done."""
        if not self._is_gone():
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """The message is not wanted."""
        if not self._is_gone():
            super().reject(delivery_tag, requeue)

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """The channel is closed: what is not done goes back onto its queue."""
        if not self._is_gone():
            super().restore_unacked_once(stderr)

    def _is_gone(self) -> bool:
        connection = self.channel.connection
        return connection is None or connection.client is None


def outlive_broker() -> None:
    """For this process, before its first connection."""
    Channel.QoS = Unacknowledged
