"""Objects of UltraCart read as one of the models, with a failure in plain words; for app.ultracart alone."""

from collections.abc import Mapping
from typing import Any, TypeVar

from marshmallow import ValidationError

from app.errors import DeliveryFailure, FailureClass
from app.ultracart.fields import load

Model = TypeVar("Model")


def read_model(model: type[Model], payload: Mapping[str, Any], noun: str, key: str) -> Model:
    """The payload as `model`; raises DeliveryFailure(MAPPING) when a field has an impossible type.

    In its words the object is a `noun` by the name that stands under `key`.
    """
    try:
        return load(model, payload)
    except ValidationError as error:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"{_named(noun, payload.get(key))} holds something that cannot be: {_words(error.messages)}.",
            hint=f"Correct it in UltraCart: the next event of the {noun} repairs this by itself.",
            field=_path(error.messages),
        ) from error


def _named(noun: str, name: Any) -> str:
    """`Order DEMO-1`, or `The order` where it has no name that can be shown."""
    text = str(name).strip() if type(name) in (str, int) else ""
    return f"{noun.capitalize()} {text}" if text and text.isprintable() and len(text) <= 64 else f"The {noun}"


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
