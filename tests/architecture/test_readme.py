"""The tables in the documentation are those in the code: policies in the README, alerts in operations.md."""

from pathlib import Path

from app.alerts.rules import RULES
from app.events import Kind
from app.policies import POLICIES
from app.queue import task_name

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"
OPERATIONS = ROOT / "docs" / "operations.md"


def row(kind: Kind) -> str:
    """One row of the table, as Markdown."""
    policy = POLICIES[kind]
    hours = f"{policy.max_age.total_seconds() / 3600:.0f} h"
    held = ", ".join(sorted(f"`{name}`" for name in policy.blocks)) or "nothing"
    return f"| `{kind}` | `{task_name(kind)}` | {hours} | {held} | {policy.reason} |"


def test_every_policy_stands_in_the_readme_as_it_is():
    lines = README.read_text().splitlines()
    start = lines.index("| kind = queue | task | tried for | a dead one holds back | why |")
    table = lines[start + 2 : start + 2 + len(POLICIES)]
    assert table == [row(kind) for kind in POLICIES]
    assert not lines[start + 2 + len(POLICIES)].startswith("|")


def test_every_alert_stands_in_the_operators_page_as_it_is():
    lines = OPERATIONS.read_text().splitlines()
    start = lines.index("| alert | warns | pages | do |")
    table = lines[start + 2 : start + 2 + len(RULES)]
    assert table == [f"| `{rule.name}` | {rule.warn} | {rule.page} | {rule.do} |" for rule in RULES]
    assert not lines[start + 2 + len(RULES)].startswith("|")
