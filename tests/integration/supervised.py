"""A supervisor over small stand-ins, as a program: `python -m tests.integration.supervised DIRECTORY`."""

import sys
from pathlib import Path

from app.cli.supervisor.loop import Supervisor
from app.cli.supervisor.output import Console
from app.cli.supervisor.process import ProcessSpec, Stage

OBEDIENT = "import time; print('here', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + OBEDIENT
# Its child holds the output open: the end must still be noticed, and the child must not stay.
PARENT = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('child', child.pid, flush=True); time.sleep(600)"
)
SLOW_STORE = "import pathlib, sys, time; time.sleep(0.5); pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"


def python(program: str, *arguments: str) -> tuple[str, ...]:
    """A command that runs `program`."""
    return (sys.executable, "-c", program, *arguments)


def main() -> None:
    """Supervise until a signal comes; `stubborn` and `hopeless` as arguments make one of them so."""
    directory = Path(sys.argv[1])
    run_dir = directory / "run"
    run_dir.mkdir(exist_ok=True)
    mark = directory / "store-is-up"
    late = f"import pathlib; assert pathlib.Path({str(mark)!r}).exists(); " + OBEDIENT
    specs = [
        ProcessSpec("store", python(SLOW_STORE, str(mark)), Stage.STORE, ready=mark.exists),
        ProcessSpec("web", python(late)),
        ProcessSpec("parent", python(PARENT)),
        ProcessSpec("failing", python("import sys; print('no luck'); sys.exit(3)")),
        ProcessSpec("sandbox", python(STUBBORN if "stubborn" in sys.argv else OBEDIENT), Stage.STAND_IN),
        ProcessSpec("once", python("print('only this once')"), once=True),
    ]
    if "hopeless" in sys.argv:
        specs[0] = ProcessSpec("store", python("print('cannot')"), Stage.STORE, ready=lambda: False)
    sys.exit(Supervisor(specs, run_dir, Console(7)).run())


if __name__ == "__main__":
    main()
