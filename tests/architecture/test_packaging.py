"""What is shipped: locks, Makefile, Procfile, containers and the samples agree with the program."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from app.cli import commands
from app.cli.main import main
from app.cli.probe import PROCESSES as PROBED
from app.settings import Settings
from app.ultracart.parse import parse_delivery

PROCESSES = {"web", "worker", "items", "beat", "flower"}
PROJECT = tomllib.loads(Path("pyproject.toml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load(Path("docker-compose.yml").read_text())
PROCFILE = dict(re.findall(r"^(\w+): (.+)$", Path("Procfile").read_text(), re.MULTILINE))
LOCKS = ("requirements.lock", "requirements-dev.lock")


def pinned(lock: str) -> dict[str, str]:
    """Versions by name."""
    return dict(
        re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==([^ ;\\]+)", Path(lock).read_text(), re.MULTILINE)
    )


def blocks(lock: str) -> list[str]:
    """Each requirement with its hashes."""
    text = re.sub(r"^\s*#.*\n", "", Path(lock).read_text(), flags=re.MULTILINE)
    return [block for block in re.split(r"\n(?=\S)", text) if block.strip()]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes_and_no_host_is_named(lock):
    assert len(blocks(lock)) > 20
    for block in blocks(lock):
        assert re.match(r"[a-z0-9._-]+(\[[^]]*\])?==\S+", block), block.splitlines()[0]
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert "://" not in Path(lock).read_text()
    assert "index" not in Path(lock).read_text().lower().replace("--no-emit-index-url", "")


def test_the_lock_has_every_dependency_and_development_has_the_same_versions():
    run, development = (pinned(lock) for lock in LOCKS)
    wanted = {re.split(r"[<>=\[]", entry)[0] for entry in PROJECT["project"]["dependencies"]}
    assert wanted <= set(run)
    assert run.items() <= development.items()
    groups = [entry for group in PROJECT["dependency-groups"].values() for entry in group]
    assert {re.split(r"[<>=\[]", entry)[0] for entry in groups} <= set(development)


def test_what_looks_for_requirements_txt_gets_the_lock():
    lines = [line for line in Path("requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["-r requirements.lock"]


def test_the_packages_are_named_one_by_one():
    """Discovery by itself would leave `tasks` out without a word."""
    assert set(PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]) == {"app*", "tasks*", "workers*"}
    assert PROJECT["tool"]["setuptools"]["package-data"]["app.cli"] == ["samples/*.json"]


def test_the_procfile_starts_each_process_by_its_command():
    assert set(PROCFILE) == PROCESSES
    for name, line in PROCFILE.items():
        words = shlex.split(line)
        assert words[:4] == ["python", "-m", "app.cli", name]
        assert isinstance(main.commands[name], click.Command)
    assert "--host 0.0.0.0" in PROCFILE["web"]
    assert "$" in PROCFILE["flower"]


def test_compose_runs_the_processes_of_the_procfile():
    services = COMPOSE["services"]
    assert set(services) == PROCESSES | {"redis"}
    for name in PROCESSES:
        from_procfile = PROCFILE[name].replace("${PORT:-5555}", "5555")
        assert services[name]["command"] == from_procfile
        assert services[name]["environment"]["REDIS_URL"].startswith("redis://redis:")
        assert services[name]["env_file"] == ".env"
        assert services[name]["depends_on"]["redis"]["condition"] == "service_healthy"
        assert services[name]["volumes"]


def test_the_redis_of_compose_syncs_every_write_and_evicts_nothing():
    words = shlex.split(COMPOSE["services"]["redis"]["command"])
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction"


def test_every_service_has_a_healthcheck_or_a_reason():
    for name, service in COMPOSE["services"].items():
        check = service["healthcheck"]
        if check.get("disable"):
            assert service["labels"]["relay.no-healthcheck"]
        else:
            assert check["test"][0] == "CMD", name
            assert {"interval", "timeout", "retries"} <= set(check), name


def test_health_is_asked_by_commands_that_exist():
    probes = [
        service["healthcheck"]["test"][1:]
        for service in COMPOSE["services"].values()
        if "probe" in service["healthcheck"].get("test", ())
    ]
    assert sorted(words[-1] for words in probes) == ["flower", "items", "web", "worker"]
    assert all(PROBED.fullmatch(words[-1]) for words in probes)
    assert all(words[:4] == ["python", "-m", "app.cli", "probe"] for words in probes)


def test_ports_of_the_containers_are_published_on_this_machine_only():
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_image_installs_by_hash_and_does_not_run_as_root():
    text = Path("Dockerfile").read_text()
    assert "--require-hashes -r requirements.lock" in text
    assert text.index("USER relay") < text.index("CMD [")
    health, command = (json.loads(found) for found in re.findall(r"CMD (\[.*\])", text))
    assert health == ["python", "-m", "app.cli", "probe", "web"]
    assert command == shlex.split(PROCFILE["web"])
    for copied in re.findall(r"^COPY (\S+)", text, re.MULTILINE):
        assert Path(copied).exists(), copied


def test_the_supervisor_and_the_single_processes_share_their_command_lines():
    settings = Settings()
    assert commands.web("127.0.0.1")[:3] == (sys.executable, "-m", "app.cli.web_process")
    for command in (commands.worker(settings, "w"), commands.items(), commands.beat(settings)):
        assert command[1:5] == ("-m", "celery", "--quiet", "--app")


def test_make_alone_prints_every_target_with_its_meaning():
    answer = subprocess.run(["make"], capture_output=True, text=True, check=True, env=clean_environ())
    for target in ("run", "test", "test-fast", "bench", "lint", "format", "lock", "clean"):
        assert re.search(rf"^  {target} +\S", answer.stdout, re.MULTILINE), target


def test_the_long_recipes_are_replaced_by_their_program():
    """Otherwise a signal to make would end a shell, and leave the program."""
    recipes = dict(
        re.findall(r"^([a-z-]+):[^\n]*\n((?:\t[^\n]*\n)+)", Path("Makefile").read_text(), re.MULTILINE)
    )
    for target in ("run", "test", "test-fast", "bench"):
        assert recipes[target].splitlines()[-1].startswith("\t@exec "), target


def test_an_interpreter_that_is_too_old_is_refused_in_plain_words(tmp_path):
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    command = ["make", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}", str(tmp_path / "venv" / "bin" / "relay")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environ())
    assert answer.returncode != 0
    assert "Python 3.11 or newer is needed" in answer.stderr


def test_continuous_integration_runs_make_test():
    script = Path(".ci/run")
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    assert script.read_text().rstrip().endswith("make test")
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_samples_are_deliveries_that_can_be_read():
    files = sorted(Path("app/cli/samples").glob("*.json"))
    assert len(files) >= 3
    for file in files:
        events = parse_delivery(file.read_bytes(), "DEMO")
        assert all(getattr(event, "merchant_id", "") == "DEMO" for event in events), file


def clean_environ() -> dict[str, str]:
    """Without what an outer make tells its children."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"
    }


BLOCKED_IMPORTS = """
import importlib, sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is not in requirements.lock")

BLOCKED = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Missing())
for module in sys.argv[2:]:
    importlib.import_module(module)
"""


def test_what_runs_needs_nothing_that_only_development_installs():
    installed = packages_distributions()
    run = {name.replace("_", "-") for name in pinned("requirements.lock")} | {"ultracart-relay", "pip"}
    blocked = {
        module
        for module, owners in installed.items()
        if not {owner.lower().replace("_", "-").replace(".", "-") for owner in owners} & run
    }
    assert {"pytest", "ruff"} <= blocked
    modules = ["app.cli.main", "app.sandbox.server", "workers.celery_app", "kombu.transport.redis"]
    modules += ["flower.command", "celery.apps.worker", "celery.apps.beat", "celery.concurrency.thread"]
    command = [sys.executable, "-c", BLOCKED_IMPORTS, ",".join(sorted(blocked)), *modules]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-500:]
