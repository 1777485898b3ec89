"""The supervisor over small stand-ins: order, restarts, logs, and an end that leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.servers import ROOT, wait_until

pytestmark = pytest.mark.server


class Run:
    """One run of the program, with its output in a file."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.output = directory / "output"
        command = [sys.executable, "-m", "tests.integration.supervised", str(directory), *arguments]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def pid(self, name: str) -> int:
        """The pid in the pid file; 0 while there is none."""
        file = self.directory / "run" / f"{name}.pid"
        return int(file.read_text()) if file.exists() else 0

    def replaced(self, name: str, before: int) -> bool:
        """Whether there is another process than before."""
        return self.pid(name) not in {0, before}

    def text(self) -> str:
        """Everything shown so far."""
        return self.output.read_text()

    def up(self) -> None:
        """Wait until the last process has been started."""
        wait_until(lambda: "only this once" in self.text(), what="the last start")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def start(tmp_path) -> Iterator[type[Run]]:
    runs: list[Run] = []

    def start_run(*arguments: str) -> Run:
        runs.append(Run(tmp_path, *arguments))
        return runs[-1]

    yield start_run  # type: ignore[misc]
    for run in runs:
        run.process.kill()
        run.process.wait()


def test_processes_start_in_order_and_a_signal_ends_them_all(start):
    run = start()
    run.up()
    pids = {name: run.pid(name) for name in ("store", "web", "parent", "sandbox")}
    assert all(alive(pid) for pid in pids.values())
    assert run.pid("once") == 0
    assert run.stop() == 0
    assert not any(alive(pid) for pid in pids.values())
    assert list((run.directory / "run").iterdir()) == []
    assert "AssertionError" not in run.text()


def test_lines_bear_their_process_name(start):
    run = start()
    run.up()
    lines = {"web     | here", "only this once"}
    wait_until(lambda: lines <= set(run.text().splitlines()), what="the lines of web and of the other")


@pytest.mark.parametrize("name", ["store", "web", "parent"])
def test_what_is_killed_is_back_within_five_seconds(start, name):
    run = start()
    run.up()
    for _ in range(3):
        before = run.pid(name)
        os.kill(before, signal.SIGKILL)
        wait_until(partial(run.replaced, name, before), 5, what=f"the next {name}")
    assert alive(run.pid(name))
    assert f"{name} (pid {before}) ended by SIGKILL; starting it again" in run.text()


def test_what_always_fails_is_tried_again_with_pauses(start):
    run = start()
    run.up()
    wait_until(lambda: run.text().count("no luck") >= 3, what="the third try")
    assert "ended with exit code 3; starting it again" in run.text()
    assert run.text().count("no luck") < 10


def test_children_of_a_killed_process_are_killed_too(start):
    run = start()
    run.up()
    child = int(wait_until(lambda: re.search(r"child (\d+)", run.text()), what="the child")[1])
    os.kill(run.pid("parent"), signal.SIGKILL)
    wait_until(lambda: not alive(child), 5, what="the end of the child")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_stop_signal_ends_it_with_0_even_twice(start, number):
    run = start()
    run.up()
    os.kill(run.process.pid, number)
    assert run.stop(number) == 0


def test_a_stop_during_the_start_is_obeyed(start):
    run = start()
    wait_until(lambda: run.pid("store"), what="the first process")
    assert run.stop() == 0
    assert "only this once" not in run.text()


def test_what_does_not_obey_is_killed_after_its_grace(start):
    run = start("stubborn")
    run.up()
    wait_until(lambda: "sandbox | here" in run.text(), what="the stubborn one")
    pid, begin = run.pid("sandbox"), time.monotonic()
    assert run.stop() == 0
    assert time.monotonic() - begin < 10
    assert "sandbox did not end within 1.5 s; killing it" in run.text()
    assert not alive(pid)


def test_a_store_that_does_not_come_up_ends_the_start_with_1(start):
    run = start("hopeless")
    assert run.process.wait(30) == 1
    assert "store does not come up" in run.text()
    assert "here" not in run.text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_nothing_outlives_a_killed_supervisor(start):
    run = start()
    run.up()
    pids = [run.pid(name) for name in ("store", "web", "parent", "sandbox")]
    run.process.kill()
    run.process.wait()
    wait_until(lambda: not any(alive(pid) for pid in pids), 5, what="the end of the children")
