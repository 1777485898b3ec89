"""What every channel is: something that takes a message or says why not."""

from collections.abc import Mapping
from typing import Any, Protocol

# A channel ends within this time, whatever its other side does.
SEND_SECONDS = 15.0


class Channel(Protocol):
    """One way to tell people."""

    def send(self, document: Mapping[str, Any]) -> str:
        """Sends one message (app.alerts.message.document); '' when it was taken, else why not.

        Ends within SEND_SECONDS and raises nothing. After a failure nobody knows whether it arrived:
        it may be sent again.
        """
        ...
