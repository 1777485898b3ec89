"""What a command says when it cannot do what it was asked for."""

import json

import pytest
from click.testing import CliRunner

from app.cli.main import main


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("RELAY_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)


def test_a_person_is_told_on_standard_error_and_by_the_exit_code():
    done = CliRunner().invoke(main, ["status"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no relay runs in" in done.stderr


@pytest.mark.parametrize("command", [["status"], ["dead", "list"], ["quarantine", "list"], ["alerts"]])
def test_a_program_that_asked_for_json_gets_one_document(command: list[str]):
    done = CliRunner().invoke(main, [*command, "--json"])
    assert done.exit_code == 2
    assert "no relay runs in" in json.loads(done.stdout)["error"]
