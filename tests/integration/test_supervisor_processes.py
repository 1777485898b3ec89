"""The processes of the Procfile one by one, as another supervisor starts them, and their healthchecks."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.servers import ROOT, Valkey, free_port, wait_until

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

PROCFILE = dict(re.findall(r"^(\w+): (.+)$", (ROOT / "Procfile").read_text(), re.MULTILINE))


@pytest.fixture
def environ(valkey: Valkey, tmp_path: Path) -> dict[str, str]:
    """A relay for an account that nobody can reach."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "REDIS_URL": valkey.url,
        "RELAY_DATA_DIR": str(tmp_path / "var"),
        "PORT": str(free_port()),
        "FLOWER_PORT": str(free_port()),
        "ONTRAPORT_APP_ID": "app",
        "ONTRAPORT_API_KEY": "key",
        "ONTRAPORT_BASE_URL": "http://127.0.0.1:9/1",
        "ULTRACART_MERCHANT_ID": "SHOP",
        "WEBHOOK_USERNAME": "hook",
        "WEBHOOK_PASSWORD": "pass",
    }


@pytest.fixture
def started(environ: dict[str, str], tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """All lines of the Procfile, each as a process."""
    running = {}
    for name, line in PROCFILE.items():
        words = shlex.split(line.replace("${PORT:-5555}", environ["FLOWER_PORT"]))
        with (tmp_path / f"{name}.log").open("wb") as log:
            running[name] = subprocess.Popen(
                [sys.executable, *words[1:]],
                cwd=tmp_path,
                env=environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    yield running
    for process in running.values():
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def healthy(name: str, environ: dict[str, str], directory: Path) -> bool:
    """What the container's healthcheck says."""
    command = [sys.executable, "-m", "app.cli", "probe", name]
    return subprocess.run(command, cwd=directory, env=environ, timeout=30, check=False).returncode == 0


def test_each_line_runs_is_healthy_and_ends_with_0_on_sigterm(started, environ, tmp_path):
    for name in ("web", "worker", "items", "flower"):
        wait_until(partial(healthy, name, environ, tmp_path), 40, what=f"a healthy {name}")
    assert all(process.poll() is None for process in started.values())
    for process in started.values():
        process.send_signal(signal.SIGTERM)
    assert {name: process.wait(30) for name, process in started.items()} == dict.fromkeys(PROCFILE, 0)
    assert not healthy("web", environ, tmp_path)


def test_flower_stays_on_the_loopback_address_without_a_password(started, environ, tmp_path):
    wait_until(lambda: healthy("flower", environ, tmp_path), 40, what="flower")
    assert "Flower answers on 127.0.0.1 only" in (tmp_path / "flower.log").read_text()
