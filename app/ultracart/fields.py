"""Marshmallow fields that read UltraCart's values as it really sends them; for app.ultracart alone.

Lenient where nothing is at stake: null is absent, a number may stand for text, an unknown enumeration
value is a text like any other. Strict in type: what cannot be what its name says is a ValidationError.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints

import marshmallow
from marshmallow import EXCLUDE, Schema, ValidationError

from app.events import MOST_AMOUNT
from app.ultracart.dates import read_stamp

Model = TypeVar("Model")


class Text(marshmallow.fields.Field[str]):
    """Text, trimmed; a number is taken as it is printed."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise ValidationError("is no text")
        return str(value).strip()


class Number(marshmallow.fields.Field[Decimal]):
    """A finite number as Decimal, also where it comes as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise ValidationError("is no number")
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation as error:
            raise ValidationError("is no number") from error
        if not number.is_finite() or abs(number) > MOST_AMOUNT or number.adjusted() < -20:
            raise ValidationError("is an absurd number")
        return number


class Whole(Number):
    """A whole number as int, also where it comes as 3.0."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        number = super()._deserialize(value, attr, data, **kwargs)
        if number != number.to_integral_value():
            raise ValidationError("is no whole number")
        return int(number)


class Flag(marshmallow.fields.Boolean):
    """True or false, also as text."""

    default_error_messages = {"invalid": "is neither true nor false"}  # noqa: RUF012 - as marshmallow declares it


class Stamp(marshmallow.fields.Field[datetime | None]):
    """A time stamp as aware UTC; an empty text is absent."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime | None:
        if not isinstance(value, str):
            raise ValidationError("is no time stamp")
        try:
            return read_stamp(value) if value.strip() else None
        except ValueError as error:
            raise ValidationError("is no time stamp") from error


class One(marshmallow.fields.Field[Any]):
    """An object, read as `model`."""

    def __init__(self, model: type[Any]) -> None:
        self.model = model
        super().__init__()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValidationError("is no object")
        return load(self.model, value)


class Many(One):
    """A list of objects as a tuple; null elements are left out."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ValidationError("is no list")
        return tuple(
            super(Many, self)._deserialize(element, attr, data) for element in value if element is not None
        )


class Words(marshmallow.fields.Field[tuple[str, ...]]):
    """A list of texts, as such or as objects that hold one under `key`; what is neither is left out."""

    def __init__(self, key: str = "") -> None:
        self.key = key
        super().__init__()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        elements = value if isinstance(value, list | tuple) else ()
        told = [element.get(self.key) if isinstance(element, Mapping) else element for element in elements]
        return tuple(str(word).strip() for word in told if isinstance(word, str | int) and str(word).strip())


@cache
def schema(model: type[Any]) -> Schema:
    """The schema of a dataclass whose fields say how they are read: `Annotated[type, field]`."""
    hints = get_type_hints(model, include_extras=True)
    return Schema.from_dict({name: hint.__metadata__[0] for name, hint in hints.items()})(unknown=EXCLUDE)


def load(model: type[Model], value: Mapping[str, Any]) -> Model:
    """One object as `model`; raises ValidationError, whose messages name the fields."""
    present = {key: item for key, item in value.items() if item is not None}
    return model(**schema(cast(Any, model)).load(present))
