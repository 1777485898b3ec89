"""Messages by e-mail, over SMTP with TLS."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any
from urllib.parse import unquote, urlsplit

from app.channels.channel import SEND_SECONDS
from app.http.hosts import is_this_machine
from app.settings import Secret

STEP_SECONDS = 10.0
CERTIFICATE = "SMTP_URL has to name its host, and this machine to trust who signed it (SSL_CERT_FILE)"


class NoTls(Exception):
    """The server offers no TLS."""


class MailChannel:
    """Mails the text. `smtps://` speaks TLS from the start; `smtp://` switches to it, but on this machine."""

    def __init__(self, url: Secret, recipients: str, sender: str = "") -> None:
        self._url = url
        self._recipients = recipients.split(",")
        self._sender = sender or self._recipients[0]

    def send(self, document: Mapping[str, Any]) -> str:
        """Mails it to all recipients; the problem, if any, is told without address or password."""
        try:
            with _connection(self._url.reveal()) as server:
                refused = server.send_message(self._message(document))
        except NoTls:
            return "the server offers no STARTTLS: use smtps://, or ?tls=off where no password is needed"
        except ssl.SSLCertVerificationError as error:
            return (
                f"the server's certificate is not valid ({error.verify_message.rstrip('.')}): {CERTIFICATE}"
            )
        except ssl.SSLError:
            return "no TLS with this server: smtps:// begins with it (port 465), smtp:// changes to it (587)"
        except smtplib.SMTPAuthenticationError as error:
            return f"the server refuses user and password ({error.smtp_code})"
        except smtplib.SMTPResponseException as error:
            return f"the server answered {error.smtp_code}"
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return f"the server could not be used ({type(error).__name__})"
        return f"{len(refused)} recipients were refused" if refused else ""

    def _message(self, document: Mapping[str, Any]) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = " ".join(str(document["subject"]).split())
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        # Out-of-office answers to alerts help nobody.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(str(document["text"]) + "\n", cte="quoted-printable")
        return message


@contextmanager
def _connection(url: str) -> Iterator[smtplib.SMTP]:
    """A session that is ready to send, cut off after SEND_SECONDS. Raises NoTls, SMTPException, OSError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=STEP_SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, parts.port or 587, timeout=STEP_SECONDS)
    with _cut_off(server), server:
        if parts.scheme == "smtp" and not parts.query and not is_this_machine(host):
            server.ehlo()
            if not server.has_extn("starttls"):
                raise NoTls
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        yield server


@contextmanager
def _cut_off(server: smtplib.SMTP) -> Iterator[None]:
    """Time-outs bound one step of smtplib; a server that drips would hold the session for ever."""

    def cut() -> None:
        with suppress(OSError):
            if server.sock:
                server.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(SEND_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
