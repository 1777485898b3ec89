"""Messages as they leave: JSON, Slack's text and mail, to servers that take, refuse or say nothing."""

import email
import email.policy
from collections.abc import Iterator

import pytest

from app.channels import mail
from app.channels.choice import channels_of
from app.channels.mail import MailChannel
from app.channels.web import JsonChannel, SlackChannel, Target
from app.settings import Secret, load_settings
from tests.listeners import Listener, Postman, listening, posting
from tests.servers import free_port

MESSAGE = {
    "subject": "relay PAGE money_dead:\n2 sales",
    "text": "PAGE money_dead: 2 sales über alles\nMoney: 1.00 USD",
    "alerts": [{"name": "money_dead", "money_cents": {"USD": 100}}],
}


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


@pytest.fixture
def postman() -> Iterator[Postman]:
    with posting() as found:
        yield found


def mailer(postman: Postman, rest: str = "", sender: str = "") -> MailChannel:
    url = Secret(f"smtp://{rest}127.0.0.1:{postman.port}")
    return MailChannel(url, "a@example.com,b@example.com", sender)


def test_a_webhook_gets_the_whole_document(listener: Listener):
    assert JsonChannel(Secret(f"{listener.url}/hook?key=1")).send(MESSAGE) == ""
    assert listener.at("/hook?key=1") == [MESSAGE]


def test_slack_gets_the_text_alone(listener: Listener):
    assert SlackChannel(Secret(f"{listener.url}/services/T/B")).send(MESSAGE) == ""
    assert listener.at("/services/T/B") == [{"text": MESSAGE["text"]}]


@pytest.mark.parametrize("status", [301, 404, 410, 500])
def test_what_is_not_taken_is_told_without_the_address(listener: Listener, status: int):
    listener.status = lambda path: status
    assert JsonChannel(Secret(f"{listener.url}/secret-key")).send(MESSAGE) == f"it answered {status}"
    assert len(listener.heard) == 1


def test_nobody_listens():
    url = f"http://127.0.0.1:{free_port()}/secret-key"
    assert JsonChannel(Secret(url)).send(MESSAGE) == "the connection was refused"


def test_a_server_that_says_nothing_is_not_waited_for(postman: Postman):
    postman.silent = True
    target = Target(f"http://127.0.0.1:{postman.port}")
    assert target.call("GET", seconds=0.3) == "time-out"


def test_a_mail_to_all(postman: Postman):
    assert mailer(postman, sender="relay@example.com").send(MESSAGE) == ""
    assert postman.recipients == ["a@example.com", "b@example.com"]
    [raw] = postman.mails
    sent = email.message_from_string(raw, policy=email.policy.default)
    assert (sent["From"], sent["To"]) == ("relay@example.com", "a@example.com, b@example.com")
    assert sent["Subject"] == "relay PAGE money_dead: 2 sales"
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent.get_content().splitlines() == str(MESSAGE["text"]).splitlines()


def test_without_a_sender_it_is_from_the_first_recipient(postman: Postman):
    assert mailer(postman).send(MESSAGE) == ""
    assert email.message_from_string(postman.mails[0])["From"] == "a@example.com"


@pytest.mark.parametrize(
    ("verb", "answer", "problem"),
    [
        ("MAIL", "550 no", "the server answered 550"),
        ("DATA", "451 later", "the server answered 451"),
        ("RCPT", "550 unknown", "the server could not be used (SMTPRecipientsRefused)"),
    ],
)
def test_a_refused_mail_is_told(postman: Postman, verb: str, answer: str, problem: str):
    postman.answers[verb] = answer
    assert mailer(postman).send(MESSAGE) == problem
    assert postman.mails == []


def test_no_password_goes_where_the_server_cannot_take_it(postman: Postman):
    problem = mailer(postman, rest="user:pass@").send(MESSAGE)
    assert problem == "the server could not be used (SMTPNotSupportedError)"
    assert postman.mails == []


def test_elsewhere_nothing_is_sent_without_tls(postman: Postman, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mail, "is_this_machine", lambda host: False)
    assert "no STARTTLS" in mailer(postman).send(MESSAGE)
    assert postman.mails == []
    off = MailChannel(Secret(f"smtp://127.0.0.1:{postman.port}?tls=off"), "a@example.com")
    assert off.send(MESSAGE) == ""


def test_a_mail_server_that_says_nothing_is_cut_off(postman: Postman, monkeypatch: pytest.MonkeyPatch):
    postman.silent = True
    monkeypatch.setattr(mail, "STEP_SECONDS", 0.2)
    assert mailer(postman).send(MESSAGE).startswith("the server could not be used")


def test_a_mail_server_that_drips_is_cut_off(postman: Postman, monkeypatch: pytest.MonkeyPatch):
    """Each step is in time, and there is no end of them."""
    monkeypatch.setattr(mail, "SEND_SECONDS", 0.3)
    postman.answers["EHLO"] = "250-" + "\r\n250-".join(f"WORD{n}" for n in range(20))
    assert mailer(postman).send(MESSAGE).startswith("the server could not be used")


def test_a_channel_for_each_address(tmp_path):
    none = load_settings({}, tmp_path / ".env")
    assert channels_of(none) == {}
    every = {
        "ALERT_WEBHOOK_URL": "https://example.com/a",
        "ALERT_SLACK_URL": "https://example.com/b",
        "SMTP_URL": "smtps://user:pass@mail.example.com",
        "ALERT_EMAIL_TO": "a@example.com",
    }
    assert list(channels_of(load_settings(every, tmp_path / ".env"))) == ["webhook", "slack", "email"]
