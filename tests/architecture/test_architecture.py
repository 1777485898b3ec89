"""Is it still the design? Imports, sizes, names, and one task, queue, policy and handler a kind."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.events import Kind
from app.policies import POLICIES
from app.queue import POLLING_QUEUE, PROBE_QUEUE, WORKER_QUEUES, envelopes, make_celery, task_name
from tasks.registry import HANDLERS, register, register_polls, register_probe

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = ("app", "tasks", "workers")
MOST_LINES = 300
MOST_LINES_OF_CASES = 450
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "lib", "tools", "base"}
RETRIES = re.compile(r"\b(autoretry_for|countdown|eta|retry_backoff)\s*=|\b(self|task)\.retry\(")
ENGINE = {"flask", "celery", "kombu", "redis", "requests", "granian", "app.store", "app.services", "app.web"}


def modules(*folders: str) -> list[Path]:
    """Every Python file of these folders that the repository keeps, or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        found = [ROOT / line for line in listed.stdout.splitlines() if line.endswith(".py")]
    else:
        found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if path.is_file())


def name(path: Path) -> str:
    """A file as its module's dotted name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """The modules that a file names in its imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_there_is_something_to_look_at():
    names = {name(path) for path in modules(*CODE, "tests")}
    assert {
        "app.store.inbox",
        "tasks.sale",
        "workers.engine",
        "tests.architecture.test_architecture",
    } <= names
    assert len(names) > 100


def test_imports_point_one_way():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_mapping_and_policy_know_no_engine():
    pure = [ROOT / "app/policies.py", *modules("app/relay", "app/alerts")]
    assert len(pure) > 5
    for path in pure:
        known = {
            found for found in imports(path) for engine in ENGINE if f"{found}.".startswith(f"{engine}.")
        }
        assert not known, f"{name(path)} imports {known}"


@pytest.mark.parametrize("package", ["app", *CODE[1:]])
def test_a_package_brings_nothing_with_it(package: str):
    """Or every worker would load Flask."""
    program = f"import sys, {package}; print(sorted(set(sys.modules) & {{'flask', 'celery', 'redis'}}))"
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_workers_load_no_web():
    program = "import sys, workers.engine, tasks.registry; print('flask' in sys.modules)"
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_kinds_do_not_import_each_other():
    kinds = {f"tasks.{kind}" for kind in Kind}
    for path in modules("tasks"):
        if name(path) in kinds:
            assert not imports(path) & (kinds - {name(path)}), name(path)


@pytest.mark.parametrize("path", modules(*CODE, "tests"), ids=name)
def test_a_module_fits_on_a_few_screens_and_says_what_it_is_for(path: Path):
    text = path.read_text()
    # A suite of cases of one thing may be longer than the thing.
    most = MOST_LINES_OF_CASES if path.name.startswith("test_") else MOST_LINES
    assert len(text.splitlines()) < most
    if text.strip():
        documented = ast.get_docstring(ast.parse(text))
        assert documented, "its first line says what it is for"
        assert text.startswith(('"""', 'r"""')), "the docstring is the first line"


def test_scripts_are_short_and_say_what_they_do():
    scripts = sorted((ROOT / "app/store/scripts").glob("*.lua"))
    assert len(scripts) >= 10
    for path in scripts:
        lines = path.read_text().splitlines()
        assert len(lines) < MOST_LINES, path.name
        assert lines[0].startswith("-- "), path.name


def test_names_say_what_a_module_holds():
    vague = [name(path) for path in modules(*CODE, "tests") if set(name(path).split(".")) & VAGUE]
    assert vague == []


def test_packages_hold_no_code_of_their_own():
    allowed = {"app.web"}
    for path in modules(*CODE):
        if path.name == "__init__.py" and name(path) not in allowed:
            body = ast.parse(path.read_text()).body
            assert all(isinstance(node, ast.Expr) for node in body), f"{name(path)}/__init__.py has code"


class TestKinds:
    """A kind is a task, a queue, a row of policy and a handler; there is nothing more and nothing less."""

    def test_each_has_a_row_of_policy(self):
        assert set(POLICIES) == set(Kind)

    def test_each_has_a_handler_in_a_module_of_its_name(self):
        assert set(HANDLERS) == set(Kind)
        for kind, handler in HANDLERS.items():
            module = importlib.import_module(f"tasks.{kind}")
            assert handler is module.deliver

    def test_each_has_a_queue_of_its_bare_name(self):
        assert WORKER_QUEUES == tuple(kind.value for kind in Kind)
        app = make_celery("memory://")
        queues = {queue.name for queue in app.conf.task_queues}
        assert queues == {*WORKER_QUEUES, POLLING_QUEUE, PROBE_QUEUE}

    def test_each_has_a_registered_task_and_an_envelope(self):
        app = make_celery("memory://")
        register(app, lambda tid: ("delivered", ""))
        ours = {found for found in app.tasks if not found.startswith("celery.")}
        assert ours == {task_name(kind) for kind in Kind} == {f"tasks.{kind}" for kind in Kind}
        assert set(envelopes()) == set(Kind)

    def test_polls_have_tasks_of_their_own_which_are_no_kinds(self):
        app = make_celery("memory://")
        register_polls(app, lambda: pytest.fail("nothing is built to register"))
        ours = {found for found in app.tasks if not found.startswith("celery.")}
        polls = ("item_polling", "affiliate_polling", "webhook_polling", "reconciliation")
        assert ours == {f"tasks.{name}" for name in polls}

    def test_the_probe_is_a_task_and_no_kind(self):
        app = make_celery("memory://")
        register_probe(app, lambda: pytest.fail("nothing is built to register"))
        assert {found for found in app.tasks if not found.startswith("celery.")} == {"tasks.probe"}

    def test_nothing_is_retried_by_celery(self):
        app = make_celery("memory://")
        register(app, lambda tid: ("delivered", ""))
        assert app.conf.task_acks_late
        assert app.conf.worker_prefetch_multiplier == 1
        for path in modules(*CODE):
            assert not RETRIES.search(path.read_text()), name(path)
