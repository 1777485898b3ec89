"""`relay run` without keys, then with keys, then without: the trial leaks nothing, the real store stays."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.orders import Order, delivery
from tests.integration.test_supervisor_relay import Relay
from tests.servers import Sandbox, Valkey, wait_until

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

DROPPED = "what was tried in the sandbox is dropped"
IS_LIVE = "ONTRAPORT_APP_ID and ONTRAPORT_API_KEY are missing"
WAS_TRIED = "made in sandbox mode"


class Trial(Relay):
    """A relay whose user adds the keys of an account after a trial; the account is a stand-in of its own."""

    def __init__(self, directory: Path, account: Sandbox) -> None:
        super().__init__(directory)
        self.keys = {
            "ONTRAPORT_APP_ID": "sandbox",
            "ONTRAPORT_API_KEY": "sandbox",
            "ONTRAPORT_BASE_URL": f"{account.base}/ontraport/1",
            "ULTRACART_MERCHANT_ID": "DEMO",
            "WEBHOOK_USERNAME": "hook",
            "WEBHOOK_PASSWORD": "pass",
        }

    def start_live(self, changes: Mapping[str, str] | None = None) -> None:
        """`make run` with the keys, until the receiver is ready."""
        self.output.write_bytes(b"")
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "run"],
                cwd=self.directory,
                env=self.environ({**self.keys, **(changes or {})}),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self.ready, 60, what="the receiver")

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0

    def status(self) -> dict[str, Any]:
        """What `relay status` tells beside the live relay."""
        told: dict[str, Any] = json.loads(self.command("status", "--json", changes=self.keys).stdout)
        return told

    def post(self, *orders: Order) -> requests.Response:
        """One delivery, as UltraCart makes it."""
        url = f"http://127.0.0.1:{self.ports['PORT']}/webhooks/ultracart"
        return requests.post(url, data=delivery(*orders), auth=("hook", "pass"), timeout=10)

    def delivered(self) -> int:
        """How many sales the account's store says to be delivered."""
        kinds = self.status()["accounts"]["ontraport:DEMO"]["kinds"]
        return int(kinds.get("sale", {}).get("delivered", 0))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Sandbox]:
    """What stands for the real ONTRAPORT account."""
    server = Sandbox(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def trial(tmp_path: Path, account: Sandbox) -> Iterator[Trial]:
    directory = tmp_path / "trial"
    directory.mkdir()
    built = Trial(directory, account)
    yield built
    if built.process:
        built.process.kill()
        built.process.wait()


def test_a_trial_becomes_a_real_relay_by_its_keys_alone_and_never_the_reverse(trial: Trial, account: Sandbox):
    trial.start()
    exported = trial.directory / "tried.jsonl"
    assert trial.command("ledger", "export", str(exported)).returncode == 0
    tried = (trial.directory / "var" / "instance").read_text()
    trial.stop()

    trial.start_live()
    assert DROPPED in trial.output.read_text()
    begun = (trial.directory / "var" / "instance").read_text()
    assert begun != tried
    assert trial.status()["events"] == {}
    switched_on = datetime.now(UTC)
    before, after = Order(paid_at=switched_on - timedelta(days=1)), Order(paid_at=switched_on)
    assert trial.post(before, after).status_code == 200
    wait_until(lambda: trial.delivered() == 1, 30, what="the sale", every=1.0)
    assert [sale["external_order_id"] for sale in account.ledger()["transactions"]] == [after.id]
    known = trial.status()["events"]
    imported = trial.command("ledger", "import", str(exported), changes=trial.keys)
    assert imported.returncode == 1
    assert (
        imported.stderr == f"relay: {exported} is of a sandbox store and this relay is live: not imported\n"
    )
    trial.stop()

    refused = trial.command("run")
    assert refused.returncode == 2
    assert IS_LIVE in refused.stderr
    assert trial.processes() == []
    assert list(trial.run_dir.iterdir()) == []

    trial.start_live()
    assert DROPPED not in trial.output.read_text()
    assert (trial.directory / "var" / "instance").read_text() == begun
    assert trial.status()["events"] == known
    # Without the keys a command beside it reads and writes nothing either.
    for words in (["status"], ["look-first", "on"], ["dead", "list"]):
        beside = trial.command(*words)
        assert (beside.returncode, IS_LIVE in beside.stderr) == (2, True), words
    trial.stop()


PROCESSES = (
    ["run"],
    ["web"],
    ["worker"],
    ["items"],
    ["beat"],
    ["flower"],
    ["status"],
    ["init", "--accept-empty"],
)


def test_a_store_that_somebody_gave_is_refused_and_left_as_it_is(trial: Trial, valkey: Valkey):
    given = {"REDIS_URL": valkey.url}
    assert trial.command("init", changes=given).returncode == 0
    for mode, keys, word in (("sandbox", trial.keys, WAS_TRIED), ("live", {}, IS_LIVE)):
        valkey.client.set("mode", mode)
        before = {key: valkey.client.dump(key) for key in valkey.client.scan_iter()}
        for words in PROCESSES:
            refused = trial.command(*words, changes={**given, **keys})
            assert (refused.returncode, word in refused.stderr) == (2, True), (words, refused)
            assert len(refused.stderr.splitlines()) == 1, refused.stderr
        assert {key: valkey.client.dump(key) for key in valkey.client.scan_iter()} == before
