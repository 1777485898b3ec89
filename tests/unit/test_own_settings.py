"""What a developer keeps in `.env` for a relay of their own does not reach the tests."""

import os
import sys
from pathlib import Path

from app.settings import load_settings
from tests.servers import ROOT, Server

ASK = "import os; from app.settings import load_settings; print(load_settings(os.environ).feed_key.reveal())"


def test_settings_made_in_a_test_know_no_dotenv(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / ".env").write_text("FEED_KEY=of-the-developer\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings({}).feed_key.reveal() == ""


def test_settings_made_in_a_process_of_a_test_know_no_dotenv(tmp_path: Path, monkeypatch) -> None:
    """Where a developer works lies the `.env`; the child works beside its log."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / ".env").write_text("FEED_KEY=of-the-developer\n")
    monkeypatch.chdir(tmp_path / "work")
    child = Server([sys.executable, "-c", ASK], tmp_path / "child.log", {"FEED_KEY": ""})
    child.start()
    assert child.process is not None
    assert child.process.wait(60) == 0
    assert (tmp_path / "child.log").read_text().strip() == ""
    assert Path(child.cwd).resolve() not in (ROOT, Path(os.curdir).resolve())
