"""What runs beside what in a worker process."""

import threading
import time
from contextlib import ExitStack

from tests.servers import wait_until
from workers.process import Process


def start(process: Process, name: str, order: list[str], *, alone: bool = False) -> threading.Thread:
    """A thread that notes when it may run, and ends at once."""

    def work() -> None:
        with process.at_work(name, name, alone=alone):
            order.append(f"{name} beside {len(process.working()) - 1}")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_suspect_runs_with_nothing_beside_it_and_before_all_that_come_later():
    process, order = Process(slots=4), list[str]()
    with ExitStack() as earlier:
        earlier.enter_context(process.at_work("earlier", "earlier"))
        suspect = start(process, "suspect", order, alone=True)
        wait_until(lambda: process._wanting_alone, what="the suspect")
        later = [start(process, f"later {number}", order) for number in range(3)]
        time.sleep(0.05)
        assert order == []
    for thread in (suspect, *later):
        thread.join(5)
    assert order[0] == "suspect beside 0"
    assert len(order) == 4


def test_others_wait_while_a_suspect_is_at_work():
    process, order = Process(slots=4), list[str]()
    with process.at_work("suspect", "suspect", alone=True):
        other = start(process, "other", order)
        other.join(0.1)
        assert other.is_alive()
        assert process.working() == {"suspect": "suspect"}
    other.join(5)
    assert order == ["other beside 0"]
