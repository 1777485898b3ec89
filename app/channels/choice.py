"""Which channels the settings ask for; for app.services."""

from collections.abc import Mapping

from app.channels.channel import Channel
from app.channels.mail import MailChannel
from app.channels.web import JsonChannel, SlackChannel
from app.settings import Settings


def channels_of(settings: Settings) -> Mapping[str, Channel]:
    """One channel for each address that is set, by its name."""
    channels: dict[str, Channel] = {}
    if settings.alert_webhook_url:
        channels["webhook"] = JsonChannel(settings.alert_webhook_url)
    if settings.alert_slack_url:
        channels["slack"] = SlackChannel(settings.alert_slack_url)
    if settings.smtp_url:
        to, sender = settings.alert_email_to, settings.alert_email_from
        channels["email"] = MailChannel(settings.smtp_url, to, sender)
    return channels
