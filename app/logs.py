"""JSON logs for every process, one line a fact, on standard error; anyone may import it.

Payloads, e-mail addresses and credentials are not logged in the first place. `mask` is the second line of
defence: runs of 13 to 19 digits (what a card number looks like) and addresses never reach a line. So log
times as ISO text or seconds, not as milliseconds since 1970, and let ids hold a letter.
"""

import atexit
import logging
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from multiprocessing.util import Finalize
from types import TracebackType
from typing import Any, BinaryIO, cast

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

CARD_LIKE = re.compile(r"(?<![0-9A-Za-z])\d(?:[ -]?\d){12,18}(?![0-9A-Za-z])")
ADDRESS = re.compile(r"[^\s@/\"'<>]+@[^\s@\"'<>]+")
LONGEST_TEXT = 2000
DEEPEST = 6
# What has fewer digits than a card number.
SHORT = 10**12
MOST_FRAMES = 12
MOST_WAITING_LINES = 10_000
WRITE_SECONDS = 0.05

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class Sink:
    """Writes one line at a time and never raises: a full disk or a dead reader must not fail a delivery."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def msg(self, line: bytes) -> None:
        """Append the line; unbuffered streams get it in one write, so lines of threads do not mix."""
        try:
            self._stream.write(line + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = exception = msg


class PatientSink(Sink):
    """Collects lines and writes them together in a thread of its own, twenty times a second.

    A write for each line costs a system call and a change of threads, and a log that nobody reads would stop
    a receiver: so its requests never wait for the log. When the writer cannot keep up, the oldest lines go.
    What is left at the end of the process is written then. Made after forking, since threads do not fork.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self._lines: deque[bytes] = deque(maxlen=MOST_WAITING_LINES)
        self._draining = threading.Lock()
        threading.Thread(target=self._drain_for_ever, name="log", daemon=True).start()
        atexit.register(self.drain)
        # Child processes of multiprocessing end without atexit.
        Finalize(None, self.drain, exitpriority=0)

    def msg(self, line: bytes) -> None:
        """Remember the line for the next write."""
        self._lines.append(line)

    debug = info = warning = error = critical = exception = msg

    def drain(self) -> None:
        """Write what has been collected."""
        with self._draining:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                super().msg(b"\n".join(lines))

    def _drain_for_ever(self) -> None:
        while True:
            time.sleep(WRITE_SECONDS)
            self.drain()


def mask_text(text: str) -> str:
    """The text without card-like numbers and addresses, cut at 2,000 characters."""
    text = CARD_LIKE.sub("[number]", text[:LONGEST_TEXT])
    return ADDRESS.sub("[address]", text) if "@" in text else text


def mask_value(value: Any, depth: int = 0) -> Any:
    """The value as it may be logged: masked all the way down, bytes and deep nests left out."""
    if isinstance(value, str):
        return mask_text(value)
    # An int first, which most values are; True and False are ints too, and short.
    if isinstance(value, int):
        return value if -SHORT < value < SHORT else mask_text(str(value))
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, bytes | bytearray | memoryview) or depth >= DEEPEST:
        return f"[{type(value).__name__}]"
    if isinstance(value, Mapping):
        return {mask_text(str(key)): mask_value(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_value(inner, depth + 1) for inner in value]
    return mask_text(str(value))


def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The processor: every value of the line through `mask_value`."""
    return {key: mask_value(value) for key, value in event.items()}


def outline(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say where an exception came from, without its message: messages quote what they choked on."""
    found = event.pop("exc_info", None)
    if not found:
        return event
    info = cast(ExcInfo, found if isinstance(found, tuple) else _exc_info(found))
    if info[1] is not None:
        event["exception"] = _chain(info[1])
        event["frames"] = _frames(info[2])
    return event


def _exc_info(found: object) -> object:
    if isinstance(found, BaseException):
        return type(found), found, found.__traceback__
    return sys.exc_info()


def _chain(error: BaseException | None) -> list[str]:
    names: list[str] = []
    while error is not None and len(names) < DEEPEST:
        names.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return names


def _frames(trace: TracebackType | None) -> list[str]:
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames[-MOST_FRAMES:]


def render(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """One line of JSON, the event first."""
    line = {"event": event.pop("event", ""), **event}
    return orjson.dumps(line, option=orjson.OPT_NON_STR_KEYS, default=str)


class _Busy:
    """Where `log_line` writes: the process's sink, None when lines of its level are not wanted."""

    sink: Sink | None = None


def log_line(event: str, **fields: float | str) -> None:
    """An info line like all others, masked like all others, for a place with thousands of them a second.

    Nothing is bound to it and no exception goes with it: structlog's way there costs five times as much.
    """
    if _Busy.sink is not None:
        masked = {name: mask_value(value) for name, value in fields.items()}
        line = {"event": event, **masked, "level": "info", "timestamp": datetime.now(UTC)}
        _Busy.sink.info(orjson.dumps(line, option=orjson.OPT_UTC_Z))


def _before_rendering() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        outline,
        mask,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


class JsonFormatter(logging.Formatter):
    """The same lines for what libraries log through the standard `logging` (celery, granian, flask)."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON from the record."""
        event: Any = {"event": record.getMessage(), "logger": record.name, "exc_info": record.exc_info}
        method = record.levelname.lower()
        for processor in _before_rendering():
            event = processor(None, method, event)
        return render(None, method, event).decode()


def stdlib_config(level: str = "INFO") -> dict[str, Any]:
    """For `logging.config.dictConfig`, and for servers that take such a dictionary themselves."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "app.logs.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": level, "handlers": ["stderr"]},
    }


def configure_logs(
    stream: BinaryIO | None = None, level: int = logging.INFO, *, patient: bool = False
) -> None:
    """Set up this process once, at its start; standard error unless `stream` is given.

    `patient`: lines are written a moment later, for processes with many lines and little time.
    """
    target = stream or sys.stderr.buffer
    sink = PatientSink(target) if patient else Sink(target)
    _Busy.sink = sink if level <= logging.INFO else None
    structlog.configure(
        processors=[*_before_rendering(), render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=True,
    )
