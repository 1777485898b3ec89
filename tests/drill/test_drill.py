"""A short drill, ten times as fast as real: nothing lost, doubled or out of order, whatever dies."""

import time

import pytest

from tests.drill.run import Drill

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_nothing_is_lost_while_everything_goes_wrong():
    drill = Drill(seed=time.time_ns() % 100_000, events=400, seconds=20, pace=10)
    verdict = drill.run()
    assert not any(verdict.figures().values()), f"seed {drill.seed}: {dict(verdict.found)}"
    assert len(verdict.delays) > 50
    done = drill.kept["done"]
    assert done["keys refused"] == 1
    assert done.get("killed", 0) + done.get("frozen", 0) > 0
