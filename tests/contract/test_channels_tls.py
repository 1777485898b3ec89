"""Mail over real TLS: STARTTLS and from the start, and certificates that are refused with a clear word."""

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.channels import mail
from app.channels.mail import MailChannel
from app.settings import Secret
from tests.certificates import certificate
from tests.listeners import Postman, posting
from tests.servers import wait_until

MESSAGE = {"subject": "relay PAGE money_dead", "text": "2 sales"}
HOST = "127.0.0.1"


@pytest.fixture(scope="module", autouse=True)
def openssl() -> None:
    """Certificates are made with the command."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing: no certificate can be made")


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server counts as another machine."""
    monkeypatch.setattr(mail, "is_this_machine", lambda host: False)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the server's own address."""
    return certificate(tmp_path_factory.mktemp("right"), f"IP:{HOST}")


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for somebody else."""
    return certificate(tmp_path_factory.mktemp("another"), "DNS:mail.example.com")


@pytest.fixture(params=["smtp", "smtps"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def serving(scheme: str, certificate: Path) -> Iterator[Postman]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with posting(context, from_the_start=scheme == "smtps") as postman:
        yield postman


@pytest.fixture
def postman(scheme: str, right: Path) -> Iterator[Postman]:
    yield from serving(scheme, right)


@pytest.fixture
def impostor(scheme: str, another: Path) -> Iterator[Postman]:
    yield from serving(scheme, another)


def send(scheme: str, postman: Postman, user: str = "") -> str:
    return MailChannel(Secret(f"{scheme}://{user}{HOST}:{postman.port}"), "a@example.com").send(MESSAGE)


def test_a_mail_goes_over_tls(scheme: str, postman: Postman, right: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(right))
    assert send(scheme, postman) == ""
    wait_until(lambda: postman.sealed == 1, what="the end of the session")
    assert len(postman.mails) == 1


def test_a_certificate_that_nobody_trusts(scheme: str, postman: Postman):
    problem = send(scheme, postman, "user:secret@")
    assert problem.startswith("the server's certificate is not valid (self")
    assert problem.endswith(mail.CERTIFICATE)
    assert "secret" not in problem
    assert postman.mails == []


def test_a_trusted_certificate_of_somebody_else(
    scheme: str, impostor: Postman, another: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(another))
    problem = send(scheme, impostor)
    assert problem.startswith("the server's certificate is not valid (IP address mismatch")
    assert impostor.mails == []


def test_tls_from_the_start_with_a_server_that_changes_to_it(right: Path):
    for postman in serving("smtp", right):
        assert send("smtps", postman) == (
            "no TLS with this server: smtps:// begins with it (port 465), smtp:// changes to it (587)"
        )


def test_a_server_that_refuses_to_change(right: Path):
    for postman in serving("smtp", right):
        postman.answers["STARTTLS"] = "454 not now"
        assert send("smtp", postman) == "the server answered 454"
        assert postman.mails == []
