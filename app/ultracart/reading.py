"""Objects of UltraCart read as one of the models, with a failure in plain words; for app.ultracart alone."""

from collections.abc import Mapping
from typing import Any, TypeVar

from marshmallow import ValidationError

from app.errors import DeliveryFailure, FailureClass
from app.ultracart.fields import load

Model = TypeVar("Model")


def read_model(model: type[Model], payload: Mapping[str, Any], noun: str) -> Model:
    """The payload as `model`; raises DeliveryFailure(MAPPING) when a field has an impossible type."""
    try:
        return load(model, payload)
    except ValidationError as error:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"The {noun} holds something that cannot be: {_words(error.messages)}.",
            hint=f"Look at the kept payload; a corrected snapshot of the {noun} repairs this by itself.",
            field=_path(error.messages),
        ) from error


def _path(messages: Any) -> str:
    """Where the first wrong value stands: `items.0.cost`."""
    if not isinstance(messages, Mapping) or not messages:
        return ""
    key, below = next(iter(messages.items()))
    return ".".join(part for part in (str(key), _path(below)) if part)


def _words(messages: Any) -> str:
    """`{"pricing": {"cost": ["is no number"]}}` as "pricing.cost is no number"; values are not repeated."""
    if not isinstance(messages, Mapping):
        return ", ".join(str(message) for message in messages)
    parts = [f"{key}{' ' if isinstance(v, list) else '.'}{_words(v)}" for key, v in messages.items()]
    return "; ".join(parts)
