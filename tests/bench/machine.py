"""What machine this is, as far as the figures depend on it; for tests.bench only."""

import os
import platform
import statistics
import time
from pathlib import Path


def describe(work: Path) -> dict[str, str]:
    """Cores, processor, Python, and what one fsync costs on the disk that the stores lie on."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "fsync of 4 kB": f"{_fsync_microseconds(work / 'fsync'):.0f} µs",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _fsync_microseconds(path: Path, times: int = 200) -> float:
    block, taken = os.urandom(4096), []
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            started = time.perf_counter()
            file.write(block)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - started)
    path.unlink()
    return statistics.median(taken) * 1e6
