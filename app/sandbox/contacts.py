"""Contacts with their custom fields, tags and notes, in memory, thread-safe; for app.sandbox only.

The match key is the e-mail, without regard to case; `unique_id` wins over it. Names that are no field are
ignored silently, so are values that a drop-down does not have.
"""

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from app.sandbox.fields import CONTACT_EDITABLE, CONTACT_FIELDS, as_text
from app.sandbox.records import Contact, CustomField, Note
from app.sandbox.refusals import NOT_FOUND, Refused

FIRST_CUSTOM_FIELD = 1500


class Contacts:
    """All contacts by id; every method is one atomic step unless its docstring says otherwise."""

    def __init__(
        self,
        lock: threading.RLock,
        clock: Callable[[], datetime],
        ids: Iterator[int],
        field_keys: Iterator[int],
    ) -> None:
        self._lock = lock
        self._clock = clock
        self._ids = ids
        self._field_keys = field_keys
        self.by_id: dict[str, Contact] = {}
        self.tags: dict[str, str] = {}
        self.notes: list[Note] = []
        self.custom_fields: dict[str, CustomField] = {}
        self._by_email: dict[str, list[str]] = {}

    def upsert(
        self, values: Mapping[str, Any], ignore_blanks: bool, between: Callable[[], None] | None = None
    ) -> tuple[Contact, dict[str, str] | None]:
        """Find by unique_id or e-mail, else create; gives the contact and what changed (None: it is new).

        `between` runs after the look and before the write, without the lock: two upserts of one e-mail then
        race.
        """
        if between:
            found = self._matching(values)
            between()
            return self._save(found, values, ignore_blanks)
        with self._lock:
            return self._save(self._matching(values), values, ignore_blanks)

    def update(self, contact_id: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Set fields of one contact and give those that were set. Refused(404) if there is none."""
        with self._lock:
            return self._change(self.get(contact_id), self._settable(values))

    def remove(self, contact_id: str) -> None:
        """What a person does who deletes a contact or merges it away. Refused(404) if there is none."""
        with self._lock:
            contact = self.get(contact_id)
            self._by_email[contact.email.lower()].remove(contact_id)
            del self.by_id[contact_id]

    def get(self, contact_id: str) -> Contact:
        """One contact. Refused(404) if there is none."""
        contact = self.by_id.get(contact_id)
        if contact is None:
            raise Refused(404, NOT_FOUND)
        return contact

    def tag(self, contact_ids: Iterable[str], names: Iterable[str]) -> None:
        """Add tags by name, making those that are missing. Refused(404) for an unknown contact."""
        with self._lock:
            wanted = list(dict.fromkeys(names))
            for contact in [self.get(contact_id) for contact_id in contact_ids]:
                contact.tags += [name for name in wanted if name not in contact.tags]
            for name in wanted:
                self.tags.setdefault(name, str(len(self.tags) + 1))

    def untag(self, contact_ids: Iterable[str], names: Iterable[str]) -> None:
        """Remove tags by name; unknown names are ignored. Refused(404) for an unknown contact."""
        with self._lock:
            unwanted = set(names)
            for contact in [self.get(contact_id) for contact_id in contact_ids]:
                contact.tags = [name for name in contact.tags if name not in unwanted]

    def add_note(self, contact_id: str, text: str) -> Note:
        """One more note on a contact, even if it says the same. Refused(404) if there is no such contact."""
        with self._lock:
            note = Note(str(len(self.notes) + 1), self.get(contact_id).id, text)
            self.notes.append(note)
            return note

    def add_field(self, alias: str, kind: str, spec: Mapping[str, Any]) -> CustomField:
        """One more custom field, even of the same alias; its key differs from account to account."""
        with self._lock:
            words = (spec.get("options") or {}).get("add", [])
            made = CustomField(
                key=f"f{next(self._field_keys)}",
                alias=alias,
                type=kind,
                required=as_text(spec.get("required", 0)),
                unique=as_text(spec.get("unique", 0)),
                options={str(number): str(word) for number, word in enumerate(words, start=1)},
            )
            self.custom_fields[made.key] = made
            return made

    def rows(self, lag: float = 0) -> list[dict[str, str]]:
        """Every contact as a row of strings; with a lag, without those made in the last `lag` seconds."""
        with self._lock:
            since = self._clock() - timedelta(seconds=lag)
            return [
                self.row(contact) for contact in self.by_id.values() if not lag or contact.created <= since
            ]

    def row(self, contact: Contact) -> dict[str, str]:
        """All fields of one contact, the custom ones included."""
        return dict.fromkeys(self.custom_fields, "") | contact.fields

    def known_fields(self) -> set[str]:
        """The names that a condition may use."""
        return {*CONTACT_FIELDS, *self.custom_fields}

    def _matching(self, values: Mapping[str, Any]) -> Contact | None:
        with self._lock:
            unique_id = as_text(values.get("unique_id"))
            for contact in self.by_id.values() if unique_id else ():
                if contact.fields["unique_id"] == unique_id:
                    return contact
            ids = self._by_email.get(as_text(values.get("email")).strip().lower())
            return self.by_id[ids[0]] if ids else None

    def _save(
        self, found: Contact | None, values: Mapping[str, Any], ignore_blanks: bool
    ) -> tuple[Contact, dict[str, str] | None]:
        with self._lock:
            settable = self._settable(values)
            if found is None:
                return self._create(settable), None
            kept = {name: value for name, value in settable.items() if value or not ignore_blanks}
            return found, self._change(found, kept)

    def _create(self, settable: Mapping[str, str]) -> Contact:
        now = self._clock()
        stamp = str(int(now.timestamp()))
        system = {"id": str(next(self._ids)), "unique_id": uuid.uuid4().hex[:12], "owner": "1"}
        system |= {"date": stamp, "dla": stamp, "dlm": stamp, "spent": "0"}
        row = dict.fromkeys(CONTACT_FIELDS, "") | system | dict(settable)
        contact = Contact(system["id"], row, now)
        self.by_id[contact.id] = contact
        self._index(contact)
        return contact

    def _change(self, contact: Contact, settable: Mapping[str, str]) -> dict[str, str]:
        changed = {**settable, "dlm": str(int(self._clock().timestamp()))}
        if "email" in settable:
            self._by_email[contact.email.lower()].remove(contact.id)
        contact.fields.update(changed)
        if "email" in settable:
            self._index(contact)
        return {**changed, "id": contact.id}

    def _index(self, contact: Contact) -> None:
        ids = self._by_email.setdefault(contact.email.lower(), [])
        ids.append(contact.id)
        ids.sort(key=int)

    def _settable(self, values: Mapping[str, Any]) -> dict[str, str]:
        texts = {name: as_text(value) for name, value in values.items()}
        if "email" in texts:
            texts["email"] = texts["email"].strip()
        return {name: text for name, text in texts.items() if self._keeps(name, text)}

    def _keeps(self, name: str, text: str) -> bool:
        custom = self.custom_fields.get(name)
        return custom.accepts(text) if custom else name in CONTACT_EDITABLE
