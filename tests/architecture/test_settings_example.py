"""`.env.example` is exactly the settings: every name once, with its default and a meaning."""

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from app.settings import Secret, Settings, load_settings
from app.settings_sources import parse_dotenv

EXAMPLE = Path(".env.example").read_text()
FIELDS = {item.metadata["env"]: item for item in fields(Settings) if "env" in item.metadata}


def written(default: Any) -> str:
    """A default as the file has it."""
    if isinstance(default, Secret):
        return default.reveal()
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None or isinstance(default, datetime) else str(default)


def test_names_and_defaults_are_those_of_the_settings():
    assert parse_dotenv(EXAMPLE) == {name: written(item.default) for name, item in FIELDS.items()}


def test_no_name_stands_twice():
    names = [line.split("=")[0] for line in EXAMPLE.splitlines() if "=" in line and not line.startswith("#")]
    assert len(names) == len(set(names))


def test_every_setting_follows_its_meaning():
    comment = ""
    for line in EXAMPLE.splitlines():
        comment = line if line.startswith("#") or not line else comment
        if line and not line.startswith("#"):
            assert comment.endswith("."), f"{line} has no meaning above it"


def test_the_file_itself_is_a_valid_configuration(tmp_path):
    (tmp_path / ".env").write_text(EXAMPLE)
    assert load_settings({}, tmp_path / ".env") == load_settings({}, tmp_path / "none")
