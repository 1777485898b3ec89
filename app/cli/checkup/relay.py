"""`relay doctor` on the relay itself: mode, workers against the rate, address, pixel; for app.cli only."""

import math
from collections.abc import Iterator

import requests

from app.channels.choice import channels_of
from app.cli.checkup.check import Check, ok, warn, wrong
from app.settings import Merchant, Settings

# What ONTRAPORT takes when it is busy; a single quick answer promises nothing.
LEAST_SECONDS = 1.0
REACH_SECONDS = 10


def check_settings(settings: Settings) -> Iterator[Check]:
    """Which mode, whom it serves, and how the pixel is set."""
    if settings.sandbox:
        yield ok("settings", "sandbox mode: nothing leaves this machine")
    else:
        yield ok("settings", f"merchants: {', '.join(settings.merchants)}")
    for merchant in settings.merchants.values():
        yield from _pixel(merchant)


def check_alerts(settings: Settings) -> Iterator[Check]:
    """Whether anybody is told of what goes wrong, and anybody outside of silence."""
    channels = ", ".join(channels_of(settings))
    if channels:
        yield ok("alerts", f"told by {channels}; `relay alerts test` tries it")
    elif not settings.sandbox:
        advice = "Set ALERT_WEBHOOK_URL, ALERT_SLACK_URL, or SMTP_URL with ALERT_EMAIL_TO"
        yield warn("alerts", "nobody is told when a sale is given up", advice)
    if settings.deadman_url:
        yield ok("dead man's switch", "pinged after each end-to-end probe")
    elif not settings.sandbox:
        advice = "Set DEADMAN_URL to a check at healthchecks.io or the like"
        yield warn("dead man's switch", "nobody outside notices when the relay is silent", advice)


def check_workers(settings: Settings, latency_seconds: float) -> Check:
    """Whether the threads of all workers can use the accounts' rates at this latency."""
    slots = settings.worker_processes * settings.worker_threads
    rates = [merchant.ontraport.rate_per_minute for merchant in settings.merchants.values()]
    # Beside other accounts each leaves as many threads free as it has at work.
    free = max(rates) if len(rates) > 1 else 0
    needed = math.ceil((sum(rates) + free) / 60 * max(latency_seconds, LEAST_SECONDS))
    told = f"{slots} threads for {sum(rates)} requests a minute; {needed} use them up"
    if slots < needed:
        return warn("workers", told, f"Raise WORKER_THREADS or WORKER_PROCESSES: {needed} threads are needed")
    return ok("workers", told)


def check_address(settings: Settings) -> Check:
    """Whether the address that UltraCart is given leads here, with a valid certificate."""
    about, url = "public address", settings.relay_public_url
    if settings.sandbox:
        return ok(about, "not needed in sandbox mode")
    if not url:
        return warn(
            about, "RELAY_PUBLIC_URL is not set", "Set it, so that `relay setup` can register the webhook"
        )
    try:
        status = requests.get(f"{url}/livez", timeout=REACH_SECONDS, allow_redirects=False).status_code
    except requests.exceptions.SSLError:
        return wrong(about, f"{url}: its certificate is not valid", "UltraCart delivers to valid https only")
    except requests.RequestException as error:
        return wrong(
            about, f"{url} does not answer ({type(error).__name__})", "Start `relay web`, or correct it"
        )
    if status != 200:
        return wrong(
            about, f"{url}/livez answers {status}, not 200", "Something else answers at this address"
        )
    return ok(about, f"{url} answers")


def _pixel(merchant: Merchant) -> Iterator[Check]:
    if merchant.method == "api":
        return
    about, themes = f"{merchant.id} pixel", merchant.pixel.themes
    if not themes:
        advice = (
            f"Add [merchants.{merchant.id}.pixel.themes] to RELAY_CONFIG, then print it with `relay pixel`"
        )
        yield wrong(about, f"ONTRAPORT_METHOD is {merchant.method}, but no theme has a host", advice)
    else:
        yield ok(about, f"{merchant.method} for {', '.join(themes)}")
