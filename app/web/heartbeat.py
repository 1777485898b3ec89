"""Says in the store that a receiver is there, so that a gap is known afterwards; for app.web only."""

import threading
from collections.abc import Callable, Iterable, Mapping

import structlog

from app.errors import InstanceMismatch, RelayError

BEAT_SECONDS = 30.0

log = structlog.get_logger()


class Heard:
    """Which shops delivered since the last beat: noted in memory, so that it costs the store nothing."""

    def __init__(self, merchant_ids: Iterable[str]) -> None:
        self._merchant_ids = tuple(merchant_ids)
        self._heard: set[str] = set()

    def note(self, merchant_id: str) -> None:
        """A delivery of this shop was taken."""
        self._heard.add(merchant_id)

    def tell(self, beat: Callable[[Mapping[str, bool]], bool]) -> bool:
        """Makes a beat of all shops; what was heard is kept for the next one when this one fails."""
        heard = self._heard.copy()
        gap = beat({merchant_id: merchant_id in heard for merchant_id in self._merchant_ids})
        self._heard -= heard
        return gap


def late(build: Callable[[], Callable[[], bool]]) -> Callable[[], bool]:
    """A beat that is built by the first one that succeeds: the store may come later than the receiver.

    After it met a store that is not ours it is built anew: a person may have accepted that one since.
    """
    built: list[Callable[[], bool]] = []

    def beat() -> bool:
        if not built:
            built.append(build())
        try:
            return built[0]()
        except InstanceMismatch:
            built.clear()
            raise

    return beat


def keep_beating(beat: Callable[[], bool], stopping: Callable[[], bool]) -> None:
    """Beats in a thread until the process ends; a store that is away makes a gap, as it should."""
    threading.Thread(target=_beat_on, args=(beat, stopping), name="heartbeat", daemon=True).start()


def _beat_on(beat: Callable[[], bool], stopping: Callable[[], bool]) -> None:
    pause = threading.Event()
    while not stopping():
        beat_once(beat)
        pause.wait(BEAT_SECONDS)


def beat_once(beat: Callable[[], bool]) -> None:
    """One beat; never raises what the store does."""
    try:
        if beat():
            log.warning("receiver.gap", hint="the shop's orders of that time are reconciled by `items`")
    except RelayError as error:
        log.warning("receiver.beat_failed", error=type(error).__name__)
