"""The book of alerts: what is known of each group, and which messages are still to be sent; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from app.alerts.judge import Group, News
from app.alerts.message import document

MOST_UNSENT = 50
FIRST_REPEAT = timedelta(seconds=10)
LONGEST_REPEAT = timedelta(minutes=5)
LONGEST_GAP = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message and the channels that have not taken it yet; tried again at `due` (UTC)."""

    id: str
    at: datetime
    document: Mapping[str, Any]
    channels: tuple[str, ...]
    due: datetime
    attempts: int = 0

    def tried(self, failed: Sequence[str], now: datetime) -> "Unsent":
        """What is left of it after an attempt; with no channel left it is done."""
        wait = min(FIRST_REPEAT * 2 ** min(self.attempts, 10), LONGEST_REPEAT)
        return replace(self, channels=tuple(failed), due=now + wait, attempts=self.attempts + 1)


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that the watch remembers between its rounds.

    `judged_at` is the last one, `awake_since` the first of those without a gap between them (UTC).
    """

    groups: Mapping[str, Group] = field(default_factory=dict)
    unsent: tuple[Unsent, ...] = ()
    judged_at: datetime | None = None
    awake_since: datetime | None = None

    def awake_at(self, now: datetime) -> datetime:
        """Since when somebody has been watching: now, if nobody was until now."""
        if self.judged_at is None or self.awake_since is None or now - self.judged_at > LONGEST_GAP:
            return now
        return self.awake_since

    def unsent_since(self) -> datetime | None:
        """How long the oldest message has waited for a channel."""
        return min((one.at for one in self.unsent), default=None)

    def judged(
        self,
        groups: Mapping[str, Group],
        news: Sequence[News],
        channels: Sequence[str],
        message_id: str,
        now: datetime,
    ) -> "Book":
        """With a round's result; the news, if any, become one message for these channels."""
        waiting = self.unsent
        if news and channels:
            fresh = Unsent(message_id, now, document(news, now), tuple(channels), now)
            waiting = (*waiting, fresh)[-MOST_UNSENT:]
        return Book(groups, waiting, now, self.awake_at(now))

    def after(self, message: Unsent) -> "Book":
        """With what is left of one message."""
        kept = (message if one.id == message.id else one for one in self.unsent)
        return replace(self, unsent=tuple(one for one in kept if one.channels))
