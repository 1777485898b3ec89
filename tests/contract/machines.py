"""How the state machines are run on a real store: the same choices each time, no verdict by the clock."""

import itertools
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from app.store import records
from tests.servers import Valkey


def try_out(
    machine: type[RuleBasedStateMachine],
    valkey: Valkey,
    monkeypatch: pytest.MonkeyPatch,
    *,
    examples: int,
    steps: int,
) -> None:
    """Makes `steps` steps in each of so many examples; the machine finds its store as `client`.

    MACHINE_SEED, a number, makes other choices.
    """
    monkeypatch.setattr(machine, "client", valkey.client, raising=False)
    # Ids that come in order make the same choices meet the same transmissions.
    numbers = itertools.count()
    monkeypatch.setattr(records, "getrandbits", lambda bits: next(numbers))
    patience: Any = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    other = os.environ.get("MACHINE_SEED")
    run_state_machine_as_test(seed(int(other))(machine) if other else machine, settings=patience)
