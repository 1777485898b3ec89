"""The README's policy table is the table in the code."""

from pathlib import Path

from app.events import Kind
from app.policies import POLICIES
from app.queue import task_name

README = Path(__file__).resolve().parent.parent.parent / "README.md"


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
