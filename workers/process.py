"""What a worker process knows of itself: what it works on, whether it stops, who runs beside whom."""

import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.errors import StoreUnavailable


def _name() -> str:
    """Its own name for ever: a container that starts again has the same host and the same process id."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


@dataclass
class Process:
    """Shared by the threads of a worker process. A suspect transmission runs alone in it.

    `queues` are the kinds' queues that it takes from, `taken` counts what it has taken.
    """

    slots: int
    queues: frozenset[str] = frozenset()
    taken: int = 0
    name: str = field(default_factory=_name)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _working: dict[str, str] = field(default_factory=dict)
    _broken_off: dict[str, str] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _alone: bool = False
    _wanting_alone: int = 0
    _inside: int = 0

    def stop(self) -> None:
        """SIGTERM came: nothing new is announced, what is in flight may end."""
        self._stopping.set()

    def stopping(self) -> bool:
        """True after SIGTERM."""
        return self._stopping.is_set()

    def working(self) -> dict[str, str]:
        """Fencing token → transmission id of what is at work now."""
        with self._changed:
            return dict(self._working)

    def broken_off(self) -> dict[str, str]:
        """Fencing token → transmission id of the attempts that the store's absence ended, until `forget`."""
        with self._changed:
            return dict(self._broken_off)

    def forget(self, token: str) -> None:
        """An attempt that was broken off is given back, or is another worker's by now."""
        with self._changed:
            self._broken_off.pop(token, None)

    def pause(self, seconds: float) -> None:
        """Sleeps, but not past SIGTERM."""
        self._stopping.wait(seconds)

    @contextmanager
    def at_work(self, transmission_id: str, token: str, *, alone: bool = False) -> Iterator[None]:
        """Waits until this may run, then counts it as at work; alone means with nothing beside it.

        Whoever wants to be alone goes before all that come later, or a backlog would never let it run.
        """
        with self._changed:
            self.taken += 1
            self._inside += 1
            self._wanting_alone += alone
            self._changed.wait_for(lambda: self._may_run(alone))
            self._wanting_alone -= alone
            self._alone = alone
            self._working[token] = transmission_id
        try:
            yield
        except StoreUnavailable:
            with self._changed:
                self._broken_off[token] = transmission_id
            raise
        finally:
            with self._changed:
                self._inside -= 1
                self._alone = False if alone else self._alone
                del self._working[token]
                self._changed.notify_all()

    def idle(self) -> bool:
        """Nothing is at work, and nothing waits to be."""
        return not self._inside

    def _may_run(self, alone: bool) -> bool:
        return not self._alone and not (self._working if alone else self._wanting_alone)
