"""The table of alerts: when each warns and pages, and what to do. docs/operations.md shows the same table."""

from app.alerts import comparisons, deliveries, installation
from app.alerts.alert import Alert, Rule, Severity
from app.alerts.readings import Readings
from app.alerts.silence import silence

NEVER = "-"

RULES: tuple[Rule, ...] = (
    Rule(
        "money_dead",
        "a sale or refund is dead",
        "for 15 minutes, or 10 of one class",
        "`relay dead list`, `relay dead show ID`; correct it, then `relay dead replay ID`",
        deliveries.money_dead,
    ),
    Rule(
        "keys_refused",
        NEVER,
        "ONTRAPORT refuses the keys; all is kept",
        "make a new key, set it, restart; `relay doctor` tests it, a probe opens the gate by itself",
        deliveries.keys_refused,
    ),
    Rule(
        "crm_away",
        "the gate is closed for 2 minutes for another reason",
        "for 15 minutes",
        "look at ONTRAPORT's status page; `relay status` names the next probe",
        deliveries.crm_away,
    ),
    Rule(
        "money_late",
        "the oldest sale or refund waits 60 s for a worker",
        "5 minutes",
        "`relay status`: a backlog says when it clears; if not, look whether the workers run",
        deliveries.money_late,
    ),
    Rule(
        "money_retried",
        "a sale or refund is tried again for 15 minutes",
        "for 4 hours",
        "`relay status`; the log names the order and the answer",
        deliveries.money_retried,
    ),
    Rule(
        "dead",
        "something else is dead",
        "more than 50 of one class, or more than 1 % of what was tried in 15 minutes",
        "`relay dead list`, `relay dead show ID`",
        deliveries.dead,
    ),
    Rule(
        "first_attempts",
        "less than 95 % of an hour's first attempts succeed",
        "less than 80 % for 10 minutes",
        "`relay status` and `relay dead groups` say what ONTRAPORT answers; look at its status page",
        deliveries.first_attempts,
    ),
    Rule(
        "dead_waits",
        "a dead letter is 4 hours old",
        "24 hours",
        "`relay dead list`: replay or close what is left",
        deliveries.dead_waits,
    ),
    Rule(
        "quarantine",
        "something could not be read",
        "5 within 10 minutes",
        "`relay quarantine list`; what came is kept whole, with the reason",
        installation.quarantine,
    ),
    Rule(
        "writes_lost",
        "Redis came back without its last writes, for 24 hours",
        NEVER,
        "`relay reconcile` for that day; what is older is looked up in ONTRAPORT before it is written",
        installation.writes_lost,
    ),
    Rule(
        "memory",
        "70 % of Redis' memory, or 85 % within 24 hours as it grows",
        "85 %, or Redis evicted a key",
        "raise maxmemory (VALKEY_MEMORY_MB), or lower PAYLOAD_DAYS and EXCHANGE_DAYS",
        installation.memory,
    ),
    Rule(
        "budget",
        "the last 24 hours need 80 % of a day's requests",
        "100 %",
        "`relay status`; fewer tags and notes cost fewer requests, or ask ONTRAPORT for a higher limit",
        installation.budget,
    ),
    Rule(
        "webhook",
        "UltraCart's last delivery to us failed",
        "UltraCart has disabled the webhook",
        "look at the webhook's log in UltraCart; `relay setup` enables it again",
        installation.webhook,
    ),
    Rule(
        "silence",
        "nothing came for 3 times the longest silence usual at these hours of the week",
        "6 times",
        "look at the shop and at the webhook's log in UltraCart; `relay doctor`, then `relay reconcile`",
        silence,
    ),
    Rule(
        "poll_failed",
        "the last poll of the shop failed",
        NEVER,
        "`relay doctor`: check ULTRACART_SIMPLE_KEY and its permissions",
        installation.poll_failed,
    ),
    Rule(
        "reconciliation",
        "no nightly reconciliation has ended for two days, or one found what it cannot repair",
        NEVER,
        "`relay reconcile --show nightly` names each: correct ONTRAPORT, then again; none: `relay doctor`",
        comparisons.reconciliation,
    ),
    Rule(
        "probe",
        "no end-to-end probe has succeeded for 5 minutes",
        "15 minutes",
        "`relay alerts` says what it met; if none was made, look whether beat and the workers run",
        installation.probe,
    ),
    Rule(
        "lost_wake_ups",
        "10 within an hour",
        "100",
        "nothing is lost; look at Redis' log and at how often workers are killed",
        installation.lost_wake_ups,
    ),
)
TO_DO = {rule.name: rule.do for rule in RULES}


def find_alerts(readings: Readings) -> list[Alert]:
    """Everything that is wrong at this moment, money first, then pages, then in the order of the table."""
    found = [alert for rule in RULES for alert in rule.find(readings)]
    return sorted(found, key=lambda alert: (not any(alert.money.values()), alert.severity is Severity.WARN))
