"""What the commands of `relay dead` share: which letters are meant, and how they are written; for app.cli."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

import click
import orjson

from app.alerts.wording import money_text
from app.delivery.replays import Plan
from app.errors import FailureClass, SettingsError
from app.events import Kind
from app.services import Services
from app.store.letters import DeadLetter, Follower, Wanted

UNITS = {"m": "minutes", "h": "hours", "d": "days"}

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
assume_yes = click.option("--yes", is_flag=True, help="Do not ask.")
actor = click.option("--actor", required=True, metavar="NAME", help="Who decides: kept with the record.")


class Moment(click.ParamType[datetime]):
    """A time: `2026-03-01`, `2026-03-01T12:00:00` (UTC), or how long ago: `30m`, `6h`, `2d`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The aware time."""
        if value[:-1].isdigit() and value[-1] in UNITS:
            return datetime.now(UTC) - timedelta(**{UNITS[value[-1]]: int(value[:-1])})
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail("say 2026-03-01, 2026-03-01T12:00:00 (UTC), or 30m, 6h, 2d ago", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


_FILTERS = (
    click.option("--account", metavar="ACCOUNT", help="Of one account, as `ontraport:DEMO`."),
    click.option("--kind", type=click.Choice([*map(str, Kind)]), metavar="KIND", help="Of one kind: sale …"),
    click.option(
        "--class",
        "failure",
        type=click.Choice([*map(str, FailureClass)]),
        metavar="CLASS",
        help="Of one class of failure: invalid …",
    ),
    click.option("--group", metavar="GROUP", help="Of one group of `relay dead groups`."),
    click.option("--subject", metavar="TEXT", help="Whose subject holds this, as an order id."),
    click.option("--since", type=Moment(), help="Died since: a date, a UTC time, or `6h` ago."),
    click.option("--until", type=Moment(), help="Died until."),
)


def filtered(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that say which letters are meant; it is called with `wanted`."""

    @wraps(command)
    def with_wanted(**given: Any) -> Any:
        names = ("account", "kind", "failure", "group", "subject", "since", "until")
        told = {name: given.pop(name) for name in names}
        return command(wanted=Wanted(**{name: value for name, value in told.items() if value}), **given)

    for option in reversed(_FILTERS):
        option(with_wanted)
    return with_wanted


def words_of(wanted: Wanted) -> str:
    """The options that say the same, without the end."""
    told = {"account": wanted.account, "kind": wanted.kind, "class": wanted.failure, "group": wanted.group}
    told |= {"subject": wanted.subject, "since": wanted.since.isoformat() if wanted.since else ""}
    return " ".join(f"--{name} {value}" for name, value in told.items() if value) or "--all"


def written(value: Any) -> str:
    """JSON text."""
    return orjson.dumps(value).decode()


def find_letter(services: Services, transmission_id: str) -> DeadLetter:
    """The dead letter of that id. Raises SettingsError."""
    letter = services.dead_letters.show(transmission_id)
    if letter is not None:
        return letter
    ended = services.dead_letters.closing(transmission_id)
    if ended is None:
        state = services.dead_letters.states([transmission_id])[transmission_id][0]
        now = f"{transmission_id} is {state}" if state else f"there is no {transmission_id}"
        raise SettingsError(f"{now}, and not a dead letter; `relay dead list` names them")
    record = f", record {ended.record_id}" if ended.record_id else ""
    why = f": {ended.reason}" if ended.reason != ended.state else ""
    at = f"{ended.at:%Y-%m-%d %H:%M:%S} UTC"
    raise SettingsError(f"{transmission_id} is {ended.state} by {ended.actor} at {at}{record}{why}")


def money_of(one: DeadLetter | Follower) -> str:
    """Its money, or nothing."""
    return money_text({one.currency: one.cents}) if one.currency and one.cents else ""


def plan_words(plan: Plan) -> str:
    """How many, of which kinds, how much money; and what was left out."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(plan.kinds.items()))
    parts = [f"{len(plan.ids)} dead letter{'' if len(plan.ids) == 1 else 's'}"]
    parts += [
        f" ({kinds})" if kinds else "",
        f", {money_text(plan.money)}" if any(plan.money.values()) else "",
    ]
    if plan.in_doubt:
        parts.append(f"; left out: {plan.in_doubt} in doubt (name them, or say --class unknown)")
    return "".join(parts)


def confirm(plan: Plan, question: str, *, yes: bool, quiet: bool) -> None:
    """Says what it is about and asks, unless told not to. Raises Abort."""
    click.echo(plan_words(plan), err=quiet)
    if plan.ids and not yes:
        click.confirm(question, abort=True, err=quiet)
