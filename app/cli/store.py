"""How the commands find the store of the relay that they are about; for app.cli only."""

import os
from contextlib import suppress
from dataclasses import replace

from app.errors import SettingsError, StoreUnavailable
from app.services import Services, build_services, check_mode
from app.settings import Settings, load_settings


def local_settings() -> Settings:
    """The settings, with the address of the embedded store when the relay runs on it."""
    settings = load_settings(os.environ)
    if settings.redis_url:
        return settings
    file = settings.data_dir / "run" / "redis.url"
    if not file.exists():
        raise SettingsError(
            f"REDIS_URL is not set and no relay runs in {settings.data_dir}: start it with `make run`, "
            "or set RELAY_DATA_DIR or REDIS_URL to those of the relay that you mean"
        )
    return replace(settings, redis_url=file.read_text().strip())


def check_given_store(settings: Settings) -> None:
    """Refuses the store of REDIS_URL before anything runs on it. Raises ModeMismatch.

    One that is away may come later than the processes that wait for it; they check it when they open it.
    """
    if settings.redis_url:
        with suppress(StoreUnavailable):
            check_mode(settings)


def open_services() -> Services:
    """Services on the running relay's store. Raises SettingsError, StoreUnavailable, InstanceMismatch."""
    return build_services(local_settings())
