"""Where raw setting values come from: the environment, `.env`, a TOML file. Only app.settings imports this.

Nothing is converted here: a source only knows names, and says where each value was found.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import SettingsError

_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<rest>.*)")
_QUOTED = re.compile(r"""(?P<quote>['"])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\s*(?:#.*)?""")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Found:
    """One value as it was found: `origin` is `environment`, `.env` or the TOML file's name."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Sources:
    """All that was found: variables merged by precedence, the table of merchants, and plain text by name."""

    variables: Mapping[str, Found]
    merchants: Mapping[str, Any]
    plain: Mapping[str, str]

    def lookup(self, name: str) -> str:
        """The text of any variable of the environment or `.env`; empty when it is not set."""
        return self.plain.get(name, "")


def read_sources(environ: Mapping[str, str], names: frozenset[str], dotenv: Path) -> Sources:
    """Merge the three sources for the variables in `names`; empty text counts as not set.

    Raises SettingsError for a file that cannot be read and for a TOML key that no setting has.
    """
    from_file = {name: Found(text, ".env") for name, text in _read_dotenv(dotenv).items() if text}
    from_environ = {name: Found(text, "environment") for name, text in environ.items() if text.strip()}
    plain = {**from_file, **from_environ}
    config = plain["RELAY_CONFIG"].value if "RELAY_CONFIG" in plain else ""
    document = _read_toml(Path(config)) if config else {}
    merchants = document.pop("merchants", {})
    if not isinstance(merchants, Mapping):
        raise SettingsError(f"{config}: merchants must be tables, as in [merchants.DEMO]")
    variables = {**_from_toml(document, names, config), **{n: f for n, f in plain.items() if n in names}}
    return Sources(variables, merchants, {name: found.value for name, found in plain.items()})


def parse_dotenv(text: str) -> dict[str, str]:
    """Read `NAME=value` lines: quotes, `export`, comments after a blank; single quotes keep backslashes.

    Raises SettingsError with the number of a line that is neither an assignment, a comment nor blank.
    """
    return dict(_assignments(text))


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            # The line itself stays untold: it may hold a secret.
            raise SettingsError(f".env, line {number}: expected NAME=value")
        yield match["name"], _unquote(match["rest"].strip())


def _unquote(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        return re.sub(r"(^|\s+)#.*$", "", text).rstrip()
    if quoted["quote"] == "'":
        return quoted["text"]
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), quoted["text"])


def _read_dotenv(path: Path) -> dict[str, str]:
    try:
        return parse_dotenv(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.expanduser().read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"RELAY_CONFIG={path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"RELAY_CONFIG={path} is no valid TOML: {error}") from error


def _from_toml(document: Mapping[str, Any], names: frozenset[str], config: str) -> dict[str, Found]:
    known = {name.lower(): name for name in names - {"RELAY_CONFIG"}}
    unknown = sorted(set(document) - set(known))
    if unknown:
        raise SettingsError(
            f"{config}: unknown key {unknown[0]!r}; a setting's name in small letters is expected"
        )
    return {known[key]: Found(value, config) for key, value in document.items() if value != ""}
