"""A contact's fields as the account defines them, custom ones by their names; anyone above may import it.

https://api.ontraport.com/doc/#retrieve-fields-and-field-types
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.errors import DeliveryFailure, FailureClass
from app.http.answers import as_text

SECTION = "UltraCart"


@dataclass(frozen=True, slots=True)
class ContactField:
    """One field: its name, its key (`f1500`), and for a drop-down the ids of its options by their words."""

    name: str
    key: str
    type: str
    options: Mapping[str, str]

    def value(self, text: str) -> str:
        """What to send for `text`; raises DeliveryFailure(MAPPING) when a drop-down has no such option."""
        if self.type != "drop":
            return text
        option = self.options.get(text.casefold())
        if option is None:
            raise DeliveryFailure(
                FailureClass.MAPPING,
                f"The drop-down {self.name!r} in ONTRAPORT has no option {text!r}.",
                hint="Add the option to the field in ONTRAPORT, or make it a text field; then replay.",
                field=self.name,
            )
        return option

    def written(self) -> str:
        """As the ledger keeps it."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> "ContactField":
        """What `written` made."""
        return cls(**json.loads(text))


def read_contact_fields(data: Any) -> dict[str, ContactField]:
    """The answer of `GET /objects/meta?format=byId&objectID=0`, by name; what cannot be read is left out."""
    contact = data.get("0") if isinstance(data, Mapping) else None
    fields = contact.get("fields") if isinstance(contact, Mapping) else None
    if not isinstance(fields, Mapping):
        return {}
    return {
        as_text(found.get("alias")): _field(key, found)
        for key, found in fields.items()
        if isinstance(found, Mapping) and found.get("alias")
    }


def field_request(name: str) -> dict[str, Any]:
    """The body that makes one text field; `fields` is a list of columns, each a list of fields."""
    field = {"alias": name, "type": "text", "required": 0, "unique": 0}
    return {"objectID": 0, "name": SECTION, "description": "", "fields": [[field]]}


def _field(key: str, found: Mapping[str, Any]) -> ContactField:
    options = found.get("options")
    words = options.items() if isinstance(options, Mapping) else ()
    return ContactField(
        name=as_text(found.get("alias")),
        key=key,
        type=as_text(found.get("type")),
        options={as_text(word).casefold(): as_text(option) for option, word in words},
    )
