"""`relay doctor`: whether the threads of the workers are enough for the accounts' rates."""

from pathlib import Path

import pytest

from app.cli.checkup.relay import check_workers
from app.settings import load_settings

MERCHANT = """
[merchants.{name}]
webhook_username = "{name}"
webhook_password = "secret"
ontraport_app_id = "id"
ontraport_api_key = "key"
ontraport_rate_per_minute = {rate}
"""


@pytest.mark.parametrize(
    ("rates", "threads", "verdict"),
    [
        # At 2 s a request 60 a minute need two threads, 120 four.
        ([60], 2, "ok"),
        ([60], 1, "warn"),
        # Beside others as many stay free as the greatest has at work.
        ([60, 120], 10, "ok"),
        ([60, 120], 9, "warn"),
    ],
)
def test_several_accounts_need_threads_that_stay_free(
    tmp_path: Path, rates: list[int], threads: int, verdict: str
):
    config = tmp_path / "relay.toml"
    config.write_text("".join(MERCHANT.format(name=f"M{n}", rate=rate) for n, rate in enumerate(rates)))
    settings = load_settings({"RELAY_CONFIG": str(config), "WORKER_THREADS": str(threads)})
    assert check_workers(settings, 2.0).verdict == verdict
