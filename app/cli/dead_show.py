"""One dead letter as a person reads it; for app.cli.dead only."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from app.cli.dead_options import money_of
from app.events import Versions
from app.store.letters import DeadLetter, History


def lines(letter: DeadLetter, history: History, now: Versions) -> Iterator[str]:
    """What it is, why, who looks after it, what was sent, what can be done; `now` in force."""
    yield f"{letter.subject} to {letter.account}: {letter.kind}, {letter.failure}"
    yield letter.reason
    yield f"money: {money_of(letter) or 'none'}; group: {letter.group}; given up: {letter.condition or '-'}"
    first, died = _time(letter.first_attempt_at), _time(letter.died_at)
    yield f"attempts: {letter.attempts}, the first at {first}, died at {died} UTC"
    if letter.replays:
        yield f"replayed {letter.replays} times, last at {_time(letter.replayed_at)} UTC"
    yield from _versions(letter.versions, now)
    if letter.owner:
        yield f"looked after by {letter.owner}{f': {letter.note}' if letter.note else ''}"
    for deed in letter.deeds:
        yield f"   {_time(deed.at)} UTC {deed.actor}: {deed.what}"
    for one in letter.followers:
        yield f"holds back: {one.id} {one.kind} {money_of(one)}".rstrip()
    for number, call in enumerate(history.exchanges, 1):
        yield from _exchange(number, call)
    yield f"\nwhat is odd:    relay dead compare {letter.id}"
    yield f"try it out:     relay dead replay {letter.id} --dry-run"
    yield f"send it again:  relay dead replay {letter.id}"
    yield f"give it up:     relay dead discard {letter.id} --actor NAME --reason TEXT"
    yield f"done by hand:   relay dead done {letter.id} --actor NAME --record-id ID"
    yield f"look after it:  relay dead assign {letter.id} --actor NAME --note TEXT"


def _versions(then: Versions, now: Versions) -> Iterator[str]:
    """What it died under, and what of that has changed since: that may be its repair."""
    if not then.release:
        return
    yield f"died under release {then.release}, mapping {then.mapping or '-'}, policy {then.policy}"
    changed = [name for name, old, new in zip(then._fields, then, now, strict=True) if old != new]
    if changed:
        yield f"   {' and '.join(changed)} changed since: a replay goes by what is in force now"


def _exchange(number: int, call: Mapping[str, Any]) -> Iterator[str]:
    of = f", attempt {call['attempt']}" if call.get("attempt") else ""
    yield f"\n{number}. {call['started_at']} {call['method']} {call['path']} ({call['milliseconds']} ms{of})"
    yield f"   sent: {call['request'] or '-'}"
    yield f"   answer: {call['status'] or call['error'] or '-'} {call['answer']}"
    if call.get("limits"):
        yield f"   limits: {', '.join(f'{name} {value}' for name, value in call['limits'].items())}"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "-"
