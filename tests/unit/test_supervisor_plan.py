"""Which processes a relay is made of, and how the command line finds its settings wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import main
from app.cli.run import plan, ports
from app.cli.supervisor.process import Stage
from app.cli.welcome import banner
from app.queue import PROBE_QUEUE, WORKER_QUEUES
from app.release import VERSION
from app.settings import Settings, load_settings
from tests.servers import ROOT

REAL = {
    "ONTRAPORT_APP_ID": "app",
    "ONTRAPORT_API_KEY": "key",
    "ULTRACART_MERCHANT_ID": "SHOP",
    "WEBHOOK_USERNAME": "hook",
    "WEBHOOK_PASSWORD": "pass",
}


@pytest.fixture
def load(tmp_path):
    def load_with(**environ: str) -> Settings:
        return load_settings({"RELAY_DATA_DIR": str(tmp_path / "var"), **environ}, tmp_path / ".env")

    return load_with


@pytest.fixture
def run_dir(tmp_path) -> Path:
    path: Path = tmp_path / "var" / "run"
    path.mkdir(parents=True)
    return path


def test_sandbox_mode_runs_everything_with_the_store_first_and_last(load, run_dir):
    specs = plan(load(), run_dir)
    assert [spec.name for spec in specs] == [
        "valkey", "sandbox", "web", "worker-1", "items", "beat", "flower", "welcome",
    ]  # fmt: skip
    assert specs[0].ready is not None
    assert {spec.name: spec.stage for spec in specs}["valkey"] is max(Stage)
    url = (run_dir / "redis.url").read_text().strip()
    assert all(spec.environ["REDIS_URL"] == url for spec in specs[1:])
    assert (run_dir / "redis.url").stat().st_mode & 0o077 == 0


def test_the_store_keeps_its_port_and_password(load, run_dir):
    plan(load(), run_dir)
    before = (run_dir / "redis.url").read_text()
    plan(load(), run_dir)
    assert (run_dir / "redis.url").read_text() == before


def test_the_store_syncs_every_write_and_evicts_nothing(load, run_dir):
    plan(load(VALKEY_MEMORY_MB="128"), run_dir)
    configuration = (run_dir.parent / "valkey" / "valkey.conf").read_text().splitlines()
    assert {
        "bind 127.0.0.1",
        "appendonly yes",
        "appendfsync always",
        "maxmemory-policy noeviction",
        "maxmemory 128mb",
        'save ""',
    } <= set(configuration)


def test_with_keys_and_redis_neither_sandbox_nor_store_is_run(load, run_dir):
    settings = load(**REAL, REDIS_URL="redis://host:1/0", WORKER_PROCESSES="2", WEB_PROCESSES="2")
    names = [spec.name for spec in plan(settings, run_dir)]
    assert names == ["web", "web-2", "worker-1", "worker-2", "items", "beat", "flower", "welcome"]
    assert ports(settings) == {"PORT": 8000, "FLOWER_PORT": 5555}


def test_workers_take_every_queue_but_the_polls_which_items_takes_alone(load, run_dir):
    by_name = {spec.name: spec.command for spec in plan(load(WORKER_THREADS="5"), run_dir)}
    worker, items = by_name["worker-1"], by_name["items"]
    assert worker[worker.index("--queues") + 1] == ",".join((*WORKER_QUEUES, PROBE_QUEUE))
    assert worker[worker.index("--concurrency") + 1] == "5"
    assert items[items.index("--queues") + 1] == "item_polling"
    assert items[items.index("--concurrency") + 1] == "1"
    for command in (worker, items):
        assert {"threads", "--without-gossip", "--without-mingle"} <= set(command)


def test_the_console_password_is_on_no_command_line(load, run_dir):
    specs = plan(load(CONSOLE_PASSWORD="s3cret"), run_dir)
    flower = next(spec for spec in specs if spec.name == "flower")
    assert flower.environ["FLOWER_BASIC_AUTH"] == "relay:s3cret"
    assert "FLOWER_UNAUTHENTICATED_API" not in flower.environ
    assert not any("s3cret" in word for spec in specs for word in spec.command)


def test_without_a_password_flowers_api_is_open_on_the_loopback_address_alone(load, run_dir):
    flower = next(spec for spec in plan(load(), run_dir) if spec.name == "flower")
    assert flower.environ["FLOWER_UNAUTHENTICATED_API"] == "true"
    assert {"--address=127.0.0.1", "--read_only=True"} <= set(flower.command)


def test_the_banner_of_sandbox_mode_says_so_and_the_real_one_does_not(load):
    assert "SANDBOX MODE" in banner(load())
    real = banner(load(**REAL))
    assert "SANDBOX" not in real
    assert "https://api.ontraport.com/1 for SHOP" in real
    assert "no ULTRACART_SIMPLE_KEY" in real


@pytest.mark.parametrize("command", [["run"], ["web"], ["worker"], ["send", ".env.example"]])
def test_a_wrong_setting_ends_with_2_and_one_line(command, monkeypatch):
    monkeypatch.setenv("PORT", "many")
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == ["relay: PORT=many: a whole number from 1 to 65535 is expected"]


def test_the_version_is_told_whatever_the_settings_are(monkeypatch):
    monkeypatch.setenv("RELAY_RELEASE", "3f2a91bc04d7aa")
    assert CliRunner().invoke(main, ["--version"]).stdout == f"relay {VERSION}+3f2a91bc04d7\n"
    monkeypatch.setenv("PORT", "many")
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"relay {VERSION}\n")


def test_as_a_module_the_program_is_called_relay_too(tmp_path):
    command = [sys.executable, "-m", "app.cli", "--help"]
    told = subprocess.run(
        command, env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, text=True
    )
    assert told.stdout.startswith("Usage: relay [OPTIONS] COMMAND")


@pytest.mark.parametrize("process", ["web", "worker", "items", "beat", "flower"])
def test_a_single_process_needs_keys_and_a_store(process, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in (*REAL, "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    assert "ONTRAPORT_APP_ID" in CliRunner().invoke(main, [process]).stderr
    for name, value in REAL.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, [process])
    assert (result.exit_code, "REDIS_URL is missing" in result.stderr) == (2, True)
