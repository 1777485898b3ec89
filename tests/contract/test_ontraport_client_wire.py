"""What the client does on the wire, when servers, networks and leases misbehave."""

import gzip
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from app.errors import DeliveryFailure, FailureClass, LeaseLost
from app.http import connection
from app.ontraport.context import boot_seconds
from tests.contract.ontraport_client_server import (
    API_KEY,
    APP_ID,
    Attempt,
    ScriptedServer,
    client_of,
    drip,
    hang_up,
    reply,
    reset,
    send,
    silence,
)

SOLD = {"code": 0, "data": {"invoice_id": "142"}, "account_id": 1}
SALE = {"contact_id": 27, "chargeNow": "chargeLog"}
CONTACT = {"code": 0, "data": {"id": "7"}, "account_id": 1}
HEADERS = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def server():
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


@pytest.fixture
def attempt():
    return Attempt()


def failure_class(call) -> FailureClass:
    with pytest.raises(DeliveryFailure) as caught:
        call()
    return caught.value.failure


def sale_class(server, attempt, **options) -> FailureClass:
    return failure_class(lambda: client_of(server.base, **options).log_sale(SALE, attempt))


def upsert_class(server, attempt, **options) -> FailureClass:
    return failure_class(
        lambda: client_of(server.base, **options).upsert_contact({"email": "a@b.c"}, attempt)
    )


def test_request_is_json_below_the_base_with_both_keys(server, attempt):
    server.steps = [reply(200, SOLD)]
    assert client_of(server.base + "/").log_sale(SALE, attempt) == "142"
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/1/transaction/processManual")
    assert request.headers["api-appid"] == APP_ID
    assert request.headers["api-key"] == API_KEY
    assert request.headers["content-type"] == "application/json"
    assert request.json() == SALE


UNFINISHED = {
    "reset": reset,
    "hang-up": hang_up,
    "silence": silence,
    "garbage": send(b"\x00\xff garbage, not HTTP\r\n\r\n"),
    "endless line": send(b"HTTP/1.1 200 " + b"x" * 100_000),
    "half a body": send(HEADERS + b"Content-Length: 500\r\n\r\n" + b'{"code":0,"data":{"invoice_id":"1"}}'),
    "broken chunks": send(HEADERS + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "broken gzip": reply(200, b"not gzip", [("Content-Encoding", "gzip")]),
    "500": reply(500, b"Server error"),
    "502": reply(502, b"<html>Bad Gateway</html>"),
    "503": reply(503, b""),
    "408": reply(408, b""),
    "409": reply(409, b""),
    "425": reply(425, b""),
    "301": reply(301, b"", [("Location", "https://elsewhere.example/")]),
    "307": reply(307, b"", [("Location", "http://[broken")]),
    "200 without id": reply(200, {"code": 0, "data": {}}),
    "200 with a null id": reply(200, {"code": 0, "data": {"invoice_id": None, "id": 0}}),
    "200 with a list": reply(200, {"code": 0, "data": []}),
    "200 with a text": reply(200, {"code": 0, "data": "Done"}),
    "200 with a code": reply(200, {"code": 5, "data": {"invoice_id": "142", "id": "142"}}),
    "200 with HTML": reply(200, b"<html>maintenance</html>"),
    "200 with nothing": reply(200, b""),
    "200 with a number": reply(200, b"142"),
    "200 with deep nonsense": reply(200, b"[" * 100_000),
    "204": send(b"HTTP/1.1 204 No Content\r\n\r\n"),
}


@pytest.mark.parametrize("step", UNFINISHED.values(), ids=UNFINISHED)
def test_a_write_that_may_have_been_done_is_unknown(server, attempt, step):
    server.steps = [step]
    assert sale_class(server, attempt, call_seconds=0.4) is FailureClass.UNKNOWN
    assert len(server.requests) == 1
    assert len(attempt.exchanges) == 1


@pytest.mark.parametrize("step", UNFINISHED.values(), ids=UNFINISHED)
def test_a_call_that_may_be_repeated_is_retryable(server, attempt, step):
    server.steps = [step]
    found = []
    try:
        found.append(client_of(server.base, call_seconds=0.4).upsert_contact({"email": "a@b.c"}, attempt))
    except DeliveryFailure as failure:
        found.append(failure.failure)
    assert found == [FailureClass.RETRYABLE]
    assert len(server.requests) == 1


NOT_DONE = {
    400: FailureClass.INVALID,
    401: FailureClass.AUTH,
    403: FailureClass.PERMISSION,
    404: FailureClass.GONE,
    422: FailureClass.INVALID,
    429: FailureClass.THROTTLED,
}


@pytest.mark.parametrize(("status", "expected"), NOT_DONE.items())
def test_a_plain_refusal_was_not_done(server, attempt, status, expected):
    server.steps = [reply(status, b"Some plain text"), reply(status, b"Some plain text")]
    assert sale_class(server, attempt) is expected
    assert upsert_class(server, attempt) is expected


@pytest.mark.parametrize("status", NOT_DONE)
def test_the_status_decides_even_if_the_body_breaks(server, attempt, status):
    server.steps = [drip(b"x", f"HTTP/1.1 {status} No\r\nContent-Length: 9999\r\n\r\n".encode())]
    assert sale_class(server, attempt, call_seconds=0.4) is NOT_DONE[status]


@pytest.mark.parametrize("status", [405, 410, 413, 415])
def test_other_refusals_prove_nothing_about_a_write_but_end_what_may_be_repeated(server, attempt, status):
    server.steps = [reply(status, b""), reply(status, b"")]
    assert sale_class(server, attempt) is FailureClass.UNKNOWN
    assert upsert_class(server, attempt) is FailureClass.INVALID


DRIPS = {
    "body": drip(b" ", HEADERS + b"Content-Length: 9999\r\n\r\n"),
    "chunks": drip(b"1\r\nx\r\n", HEADERS + b"Transfer-Encoding: chunked\r\n\r\n"),
    "a chunk's length": drip(b"0", HEADERS + b"Transfer-Encoding: chunked\r\n\r\n"),
    "a header": drip(b"x", HEADERS + b"X-Long: "),
    "headers": drip(b"X: y\r\n", HEADERS),
    "status line": drip(b"x", b"HTTP/1.1 "),
    "100 Continue": drip(b"HTTP/1.1 100 Continue\r\n\r\n", seconds=0.001),
    "body to the end of the connection": drip(b"x", HEADERS + b"Connection: close\r\n\r\n"),
    "the body of a redirect": drip(
        b"x", b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 999\r\n\r\n"
    ),
}


@pytest.mark.parametrize("step", DRIPS.values(), ids=DRIPS)
def test_a_dripping_answer_ends_at_the_deadline(server, attempt, step):
    server.steps = [step]
    started = time.monotonic()
    assert sale_class(server, attempt, call_seconds=0.4) is FailureClass.UNKNOWN
    assert time.monotonic() - started < 20
    assert attempt.exchanges[0].error == "time-out"


def test_the_nearer_deadline_of_call_and_lease_counts(server):
    server.steps = [silence]
    started = time.monotonic()
    assert sale_class(server, Attempt(deadline=boot_seconds() + 0.3), call_seconds=30) is FailureClass.UNKNOWN
    assert time.monotonic() - started < 20


def test_a_deadline_that_has_passed_sends_nothing(server):
    with pytest.raises(LeaseLost):
        client_of(server.base).log_sale(SALE, Attempt(deadline=boot_seconds() - 1, lost=True))
    assert sale_class(server, Attempt(deadline=boot_seconds() - 1)) is FailureClass.RETRYABLE
    assert server.connections == 0


def test_a_server_that_does_not_read_ends_at_the_deadline(server, attempt):
    ended = threading.Event()
    server.greeting = lambda sock: ended.wait(30)
    body = {"contact_id": 1, "note": "x" * 30_000_000}
    started = time.monotonic()
    call = client_of(server.base, call_seconds=0.5, connect_seconds=30.0)
    assert failure_class(lambda: call.log_sale(body, attempt)) is FailureClass.UNKNOWN
    assert time.monotonic() - started < 20
    ended.set()


def test_a_server_that_reads_by_drips_ends_at_the_deadline(server, attempt):
    ended = threading.Event()

    def sip(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64_000)
        for _ in range(4_000):
            sock.recv(20_000)
            if ended.wait(0.01):
                return

    server.greeting = sip
    body = {"contact_id": 1, "note": "x" * 30_000_000}
    started = time.monotonic()
    call = client_of(server.base, call_seconds=0.5, connect_seconds=30.0)
    assert failure_class(lambda: call.log_sale(body, attempt)) is FailureClass.UNKNOWN
    assert time.monotonic() - started < 20
    ended.set()


@pytest.mark.parametrize(
    "step",
    [
        send(b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000),
        reply(200, gzip.compress(b" " * 3_000_000), [("Content-Encoding", "gzip")]),
    ],
    ids=["endless preliminaries", "a small body that unpacks to a large one"],
)
def test_an_answer_is_too_large_on_the_wire_or_unpacked(server, attempt, step):
    server.steps = [step]
    assert sale_class(server, attempt) is FailureClass.UNKNOWN
    assert attempt.exchanges[0].error == "the answer is too large"


@pytest.mark.parametrize("where", ["http://[broken", "/elsewhere", "https://elsewhere.example/"])
def test_a_redirect_is_an_answer_whatever_it_points_at(server, attempt, where):
    server.steps = [reply(307, b"Moved", [("Location", where)])]
    assert sale_class(server, attempt) is FailureClass.UNKNOWN
    (exchange,) = attempt.exchanges
    assert (exchange.status, exchange.answer, exchange.error) == (307, "Moved", "")


def test_an_oversize_answer_is_cut_and_not_believed(server, attempt):
    big = b'{"code":0,"data":{"invoice_id":"1","x":"' + b"x" * 3_000_000 + b'"}}'
    server.steps = [reply(200, big), reply(200, SOLD)]
    client = client_of(server.base)
    assert failure_class(lambda: client.log_sale(SALE, attempt)) is FailureClass.UNKNOWN
    assert attempt.exchanges[0].error == "the answer is too large"
    assert len(attempt.exchanges[0].answer) == 64_000
    assert client.log_sale(SALE, attempt) == "142"


def test_a_lost_lease_stops_before_the_first_byte_but_after_connecting(server):
    class Late(Attempt):
        def check(self) -> None:
            deadline = time.monotonic() + 2
            while server.connections == 0 and time.monotonic() < deadline:
                time.sleep(0.001)
            assert server.connections == 1
            super().check()

    attempt = Late(lost=True)
    with pytest.raises(LeaseLost):
        client_of(server.base).log_sale(SALE, attempt)
    assert server.requests == []
    assert (attempt.checks, attempt.exchanges) == (1, [])


def test_a_lost_lease_stops_on_a_kept_connection_too(server, attempt):
    server.steps = [reply(200, SOLD), reply(200, SOLD)]
    client = client_of(server.base)
    client.log_sale(SALE, attempt)
    with pytest.raises(LeaseLost):
        client.log_sale(SALE, Attempt(lost=True))
    assert len(server.requests) == 1
    assert client.log_sale(SALE, attempt) == "142"
    assert attempt.checks == 2


def test_a_lease_that_runs_out_while_connecting_stops_the_request(server):
    class Slow(Attempt):
        def check(self) -> None:
            time.sleep(0.3)

    assert sale_class(server, Slow(deadline=boot_seconds() + 0.2)) is FailureClass.RETRYABLE
    assert server.requests == []


def test_a_refused_connection_is_retryable_and_recorded(server, attempt):
    server.close()
    assert sale_class(server, attempt) is FailureClass.RETRYABLE
    (exchange,) = attempt.exchanges
    assert (exchange.status, exchange.error) == (None, "the connection was refused")
    assert attempt.checks == 0


def test_an_unknown_host_is_retryable(attempt, monkeypatch):
    def unresolved(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    client = client_of("http://ontraport.invalid/1")
    assert failure_class(lambda: client.log_sale(SALE, attempt)) is FailureClass.RETRYABLE
    assert attempt.exchanges[0].error == "the host name cannot be resolved"


def test_a_connect_that_takes_too_long_is_retryable(attempt):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fill = [socket.socket() for _ in range(4)]
        for one in fill:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        client = client_of(f"http://127.0.0.1:{port}/1", connect_seconds=0.3)
        assert failure_class(lambda: client.log_sale(SALE, attempt)) is FailureClass.RETRYABLE
        for one in fill:
            one.close()
    assert attempt.exchanges[0].error == "time-out"
    assert attempt.checks == 0


@pytest.mark.parametrize(
    ("greeting", "words"), [(send(b"no TLS here\r\n"), "TLS failed"), (silence, "time-out")]
)
def test_a_failed_tls_handshake_is_retryable(server, attempt, greeting, words):
    server.greeting = (lambda sock: time.sleep(2)) if greeting is silence else greeting
    client = client_of(f"https://127.0.0.1:{server.port}/1", connect_seconds=0.4)
    assert failure_class(lambda: client.log_sale(SALE, attempt)) is FailureClass.RETRYABLE
    assert attempt.exchanges[0].error == words
    assert attempt.checks == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody but these tests trusts."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    place = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(place / "key.pem"), "-out", str(place / "cert.pem")]
    ask = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(ask, check=True, capture_output=True)
    return place


def over_tls(server, certificate) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    server.wrap = lambda sock: context.wrap_socket(sock, server_side=True)
    return f"https://127.0.0.1:{server.port}/1"


def test_tls_keeps_the_same_promises(server, attempt, certificate):
    server.steps = [reply(200, SOLD), drip(b" ", HEADERS + b"Content-Length: 9999\r\n\r\n"), reset]
    trusted = str(certificate / "cert.pem")
    client = client_of(over_tls(server, certificate), call_seconds=0.5, verify=trusted)
    assert client.log_sale(SALE, attempt) == "142"
    with pytest.raises(LeaseLost):
        client.log_sale(SALE, Attempt(lost=True))
    assert failure_class(lambda: client.log_sale(SALE, attempt)) is FailureClass.UNKNOWN
    assert attempt.exchanges[-1].error == "time-out"
    assert failure_class(lambda: client.log_sale(SALE, attempt)) is FailureClass.UNKNOWN
    assert len(server.requests) == 3


def test_a_certificate_that_is_not_trusted_gets_nothing(server, attempt, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "cert.pem"))
    client = client_of(over_tls(server, certificate))
    assert failure_class(lambda: client.log_sale(SALE, attempt)) is FailureClass.RETRYABLE
    assert (attempt.exchanges[0].error, attempt.checks, server.requests) == ("TLS failed", 0, [])


def test_connections_are_kept_for_less_than_five_seconds(server, attempt, monkeypatch):
    server.steps = [reply(200, SOLD)] * 4
    client = client_of(server.base, call_seconds=60)
    for later in (0.0, 4.5, 9.5, 9.5):
        monkeypatch.setattr(connection, "boot_seconds", lambda later=later: boot_seconds() + later)
        client.log_sale(SALE, attempt)
    assert [request.connection for request in server.requests] == [1, 1, 2, 2]


def test_a_kept_connection_that_the_server_closed_is_not_used(server, attempt):
    server.steps = [reply(200, SOLD, keep=False), reply(200, SOLD)]
    client = client_of(server.base)
    client.log_sale(SALE, attempt)
    (kept,) = filter(None, _pool(client).queue)
    deadline = time.monotonic() + 2
    while kept.is_connected and time.monotonic() < deadline:
        time.sleep(0.001)
    assert client.log_sale(SALE, attempt) == "142"


def test_sixteen_threads_share_one_session(server):
    server.steps = [reply(200, {"code": 0, "data": {"invoice_id": str(n)}}) for n in range(1, 161)]
    client = client_of(server.base)
    attempts = [Attempt() for _ in range(16)]
    found: list[str] = []

    def sell(attempt: Attempt) -> None:
        found.extend(client.log_sale(SALE, attempt) for _ in range(10))

    threads = [threading.Thread(target=sell, args=(attempt,)) for attempt in attempts]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert sorted(map(int, found)) == list(range(1, 161))
    assert all(attempt.checks == 10 == len(attempt.exchanges) for attempt in attempts)
    assert server.connections <= 16


def test_redirects_cookies_proxies_and_netrc_are_not_followed(server, attempt, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    there = [("Location", f"{server.base}/Contacts"), ("Set-Cookie", "session=1; Path=/")]
    server.steps = [reply(302, b"", there), reply(200, CONTACT)]
    client = client_of(server.base)
    assert failure_class(lambda: client.upsert_contact({"email": "a@b.c"}, attempt)) is FailureClass.RETRYABLE
    assert client.upsert_contact({"email": "a@b.c"}, attempt) == "7"
    assert [request.target for request in server.requests] == ["/1/Contacts/saveorupdate"] * 2
    assert not {"cookie", "authorization"} & server.requests[1].headers.keys()


def test_no_trace_of_the_customer_in_logs_or_in_the_failure(server, attempt, caplog):
    caplog.set_level(logging.DEBUG)
    server.steps = [send(HEADERS + b"Odd header\r\nContent-Length: 0\r\n\r\n"), reset]
    for _ in range(2):
        with pytest.raises(DeliveryFailure) as caught:
            client_of(server.base).find_contact("jane@example.com", attempt)
        assert caught.value.__cause__ is caught.value.__context__ is None
        assert "jane" not in str(caught.value)
    assert "jane" not in caplog.text
    assert API_KEY not in caplog.text


def _pool(client):
    """The queue of the connections that the client keeps."""
    (adapter,) = client._transport._session.adapters.values()
    (key,) = adapter.poolmanager.pools.keys()
    return adapter.poolmanager.pools[key].pool
