"""What is in force while an attempt is made, each in a word: code, mapping, policy; for workers and above."""

from hashlib import blake2b

import orjson

from app.events import Kind, Versions
from app.policies import POLICIES
from app.release import release_name
from app.services import Services
from app.settings import MappingRules


class InForce:
    """Tells the versions of an account; one for the threads of a process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._release = release_name(services.settings.relay_release)
        self._policy = _word([_row(kind) for kind in sorted(POLICIES)])
        self._mapping: dict[str, tuple[MappingRules, str]] = {}

    def __call__(self, account: str) -> Versions:
        """As they are now; the mapping is what settings file and `relay map` say together."""
        return Versions(self._release, self._mapping_of(account), self._policy)

    def _mapping_of(self, account: str) -> str:
        if account not in self._services.accounts:
            return ""
        rules = self._services.rules(account)
        known, word = self._mapping.get(account, (None, ""))
        if known is not rules:
            word = _word(rules)
            self._mapping[account] = (rules, word)
        return word


def _row(kind: Kind) -> tuple[object, ...]:
    """What of a kind's policy decides; its reason is for people."""
    policy = POLICIES[kind]
    return kind, policy.delays, policy.max_age.total_seconds(), sorted(policy.blocks)


def _word(value: object) -> str:
    """Eight hexadecimal digits that change with the value."""
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=4).hexdigest()
