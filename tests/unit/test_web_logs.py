"""What a log line may hold."""

import io
import logging
import threading
from collections.abc import Iterator

import orjson
import pytest
import structlog
from typing_extensions import Buffer

from app.logs import JsonFormatter, PatientSink, configure_logs, log_line, mask_value
from app.web import create_app, hooks
from tests.receiver import PATH, FakeInbox, basic, delivery, order, settings
from tests.servers import wait_until

CARD = "4111111111111111"


@pytest.fixture
def lines() -> Iterator[io.BytesIO]:
    stream = io.BytesIO()
    configure_logs(stream)
    yield stream
    structlog.reset_defaults()


def logged(stream: io.BytesIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        CARD,
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "378282246310005",
        "6011000990139424123",
        f"card={CARD}, declined",
        f'{{"number":"{CARD}"}}',
    ],
)
def test_card_like_numbers_do_not_reach_the_log(text: str) -> None:
    masked = mask_value({"a": [text, (text,)], text: text})
    assert not any(letter.isdigit() for letter in str(masked).replace("[number]", ""))


def test_numbers_as_numbers_are_no_way_round() -> None:
    assert mask_value(int(CARD)) == "[number]"
    assert mask_value(-int(CARD)) == "-[number]"


@pytest.mark.parametrize(
    "value",
    ["DEMO-0009104420", "2026-11-21T22:56:31.123456Z", "127.0.0.1:8000", 123456789012, 1.5, True, None],
)
def test_what_logs_are_for_stays(value: object) -> None:
    assert mask_value(value) == value


@pytest.mark.parametrize(
    "text", ["ann@example.com", "to ann.b+c@shop.example now", "rediss://:hush@host:6379/0"]
)
def test_addresses_do_not_reach_the_log(text: str) -> None:
    masked = mask_value(text)
    assert "[address]" in masked
    assert not {"ann", "hush"} & set(masked.replace(":", " ").replace("@", " ").split())


def test_bytes_deep_nests_and_long_texts_are_cut() -> None:
    nest: list[object] = [CARD]
    for _ in range(50):
        nest = [nest]
    assert CARD not in str(mask_value(nest))
    assert mask_value(b"payload") == "[bytes]"
    assert len(mask_value("x" * 10**6)) == 2000


def test_an_exception_shows_where_and_not_what(lines: io.BytesIO) -> None:
    try:
        try:
            raise KeyError(f"ann@example.com {CARD} hush")
        except KeyError as error:
            raise RuntimeError("hush") from error
    except RuntimeError:
        structlog.get_logger().exception("it.failed", kind="sale")
    (line,) = logged(lines)
    assert line["event"] == "it.failed"
    assert line["level"] == "error"
    assert line["exception"] == ["RuntimeError", "KeyError"]
    assert "test_web_logs.py" in str(line["frames"])
    assert "hush" not in lines.getvalue().decode()


def test_a_dead_log_fails_nothing() -> None:
    stream = io.BytesIO()
    configure_logs(stream)
    stream.close()
    structlog.get_logger().info("nobody.listens")
    structlog.reset_defaults()


def test_patient_lines_are_written_together_soon_and_in_order() -> None:
    stream = io.BytesIO()
    sink = PatientSink(stream)
    for n in range(3):
        sink.msg(b"%d" % n)
    wait_until(stream.getvalue, what="the lines")
    assert stream.getvalue() == b"0\n1\n2\n"


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    class Stuck(io.BytesIO):
        free = threading.Event()

        def write(self, line: Buffer) -> int:
            self.free.wait(30)
            return super().write(line)

    stream = Stuck()
    sink = PatientSink(stream)
    for n in range(30_000):
        sink.msg(b"%d" % n)
    stream.free.set()
    wait_until(lambda: stream.getvalue().endswith(b"29999\n"), what="the newest lines")
    assert stream.getvalue().count(b"\n") <= 20_000


def test_libraries_write_the_same_lines() -> None:
    record = logging.LogRecord("celery", logging.WARNING, "x.py", 1, "paid with %s", (CARD,), None)
    line = orjson.loads(JsonFormatter().format(record))
    assert (line["event"], line["level"], line["logger"]) == ("paid with [number]", "warning", "celery")


def test_a_delivery_is_one_line_of_counts(lines: io.BytesIO, monkeypatch: pytest.MonkeyPatch) -> None:
    # A logger keeps the set-up of its first use, which may have been another test's.
    monkeypatch.setattr(hooks, "log", structlog.get_logger())
    client = create_app(settings(), FakeInbox()).test_client()
    body = delivery(order("A", billing={"email": "ann@example.com"}, note=CARD), {"x": 1})
    client.post(PATH, data=body, headers={"Authorization": basic()})
    (line,) = logged(lines)
    assert line.pop("milliseconds", 0)
    assert line.pop("timestamp")
    assert line == {
        "event": "delivery.received",
        "merchant": "DEMO",
        "bytes": len(body),
        "accepted": 1,
        "duplicates": 0,
        "ignored": 0,
        "quarantined": 1,
        "level": "info",
    }


def test_the_quick_line_is_masked_and_stamped_like_all_others(lines: io.BytesIO) -> None:
    log_line("delivery.received", merchant=f"ann@example.com {CARD}", bytes=int(CARD), milliseconds=1.5)
    structlog.get_logger().info("delivery.received")
    quick, usual = logged(lines)
    assert quick.keys() - {"merchant", "bytes", "milliseconds"} == usual.keys()
    assert (quick["merchant"], quick["bytes"], quick["milliseconds"]) == (
        "[address] [number]",
        "[number]",
        1.5,
    )
    assert len(str(quick["timestamp"])) == len(str(usual["timestamp"]))
    assert str(quick["timestamp"]).endswith("Z")


def test_the_quick_line_knows_its_level() -> None:
    stream = io.BytesIO()
    configure_logs(stream, logging.WARNING)
    log_line("delivery.received", merchant="DEMO")
    assert not stream.getvalue()
    structlog.reset_defaults()
