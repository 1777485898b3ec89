"""Typed values from raw ones, each refusal in words that name the setting. Only app.settings imports this.

`label` is the setting's name as the operator wrote it: `PORT`, or `merchants.DEMO.ontraport_api_key`.
No message repeats a secret: secrets are plain text, which `to_text` never quotes.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from app.errors import SettingsError

T = TypeVar("T")

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def to_text(label: str, raw: Any) -> str:
    """Text as it stands, without blanks around it; anything else is refused unseen."""
    if not isinstance(raw, str):
        raise SettingsError(f"{label} must be text")
    return raw.strip()


def to_int(label: str, raw: Any, least: int, most: int) -> int:
    """A whole number from `least` to `most`, both included."""
    allowed = f"a whole number from {least} to {most}"
    text = str(raw).strip() if isinstance(raw, int | str) and not isinstance(raw, bool) else ""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not least <= int(text) <= most:
        raise SettingsError(f"{label}={raw}: {allowed} is expected")
    return int(text)


def to_bool(label: str, raw: Any) -> bool:
    """`true` or `false`, also as yes/no, on/off, 1/0."""
    text = str(raw).strip().lower()
    if text not in _TRUE | _FALSE:
        raise SettingsError(f"{label}={raw}: true or false is expected")
    return text in _TRUE


def to_choice(label: str, raw: Any, choices: Sequence[str]) -> str:
    """One of a few words, by any case."""
    word = to_text(label, raw).lower()
    if word not in choices:
        raise SettingsError(f"{label}={raw}: one of {', '.join(choices)} is expected")
    return word


def to_moment(label: str, raw: Any) -> datetime:
    """An ISO 8601 time as aware UTC; one without an offset is taken as UTC."""
    try:
        moment = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw).strip())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SettingsError(
            f"{label}={raw}: an ISO 8601 time is expected, as 2026-01-31T08:00:00+00:00"
        ) from error


def to_path(label: str, raw: Any) -> Path:
    """A path; `~` is the home directory."""
    return Path(to_text(label, raw)).expanduser()


def to_base_url(label: str, raw: Any) -> str:
    """An http(s) address without a trailing slash; no user, query or fragment in it."""
    text = to_text(label, raw).rstrip("/")
    try:
        parts = urlsplit(text)
        valid = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        valid = False
    if parts.hostname == "api.ontraport.com" and not parts.path.startswith("/1"):
        raise SettingsError(
            f"{label}={text}: the version belongs to the address, https://api.ontraport.com/1"
        )
    if not valid or "@" in parts.netloc or parts.query or parts.fragment or re.search(r"\s", text):
        shown = label if "@" in text else f"{label}={text}"
        raise SettingsError(f"{shown}: an address as https://host/path is expected, without user or query")
    return text


def to_redis_url(label: str, raw: Any, verify_tls: bool) -> str:
    """A `redis://` or `rediss://` address; the latter says whether certificates are verified.

    Celery's client and redis-py both read `ssl_cert_reqs` from the address, and they disagree on its default.
    """
    text = to_text(label, raw)
    parts = urlsplit(text)
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise SettingsError(f"{label}: an address as redis://host:6379/0 or rediss://… is expected")
    if parts.scheme == "redis" or "ssl_cert_reqs=" in parts.query:
        return text
    verify = f"ssl_cert_reqs={'required' if verify_tls else 'none'}"
    return parts._replace(query=f"{parts.query}&{verify}" if parts.query else verify).geturl()


def to_target_url(label: str, raw: Any) -> str:
    """An http(s) address to be called as it stands, query included; never shown, since it may hold a key."""
    text = to_text(label, raw)
    parts = _split(label, text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", text):
        raise SettingsError(f"{label}: an address as https://host/path is expected")
    return text


def to_smtp_url(label: str, raw: Any) -> str:
    """`smtp://user:password@host:587` (STARTTLS), `smtps://…:465` (TLS), or with `?tls=off`; never shown."""
    text = to_text(label, raw)
    parts = _split(label, text)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.query not in {"", "tls=off"}:
        raise SettingsError(
            f"{label}: smtp://user:password@host:587 or smtps://user:password@host:465 is expected"
        )
    if parts.query and (parts.username or parts.scheme == "smtps"):
        raise SettingsError(f"{label}: tls=off is for servers that ask for no password; it would be readable")
    return text


def to_mail_addresses(label: str, raw: Any) -> str:
    """E-mail addresses, with commas between them."""
    addresses = [one.strip() for one in to_text(label, raw).split(",") if one.strip()]
    if not all(re.fullmatch(r"[^\s@,<>]+@[^\s@,<>]+", one) for one in addresses):
        raise SettingsError(f"{label}: e-mail addresses are expected, with commas between them")
    return ",".join(addresses)


def _split(label: str, text: str) -> SplitResult:
    """The parts of an address; a port that is none is refused without showing what stands beside it."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise SettingsError(f"{label}: this is no address") from error
    return parts


def to_names(label: str, raw: Any) -> tuple[str, ...]:
    """A list of texts, none of them empty."""
    if not isinstance(raw, list) or not all(isinstance(name, str) and name.strip() for name in raw):
        raise SettingsError(f"{label}: a list of names is expected")
    return tuple(raw)


def to_table(label: str, raw: Any, convert: Callable[[str, Any], T]) -> dict[str, T]:
    """A table whose values are converted one by one."""
    if not isinstance(raw, Mapping):
        raise SettingsError(f"{label}: a table is expected")
    return {key: convert(f"{label}.{key}", value) for key, value in raw.items()}


def refuse_unknown(label: str, keys: Iterable[str], known: Iterable[str]) -> None:
    """Raises SettingsError for the first key that is not known, with what is."""
    unknown = sorted(set(keys) - set(known))
    if unknown:
        raise SettingsError(f"{label}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
