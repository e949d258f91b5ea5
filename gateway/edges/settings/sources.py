"""Where settings come from: a TOML file, a directory of secrets, the environment.

Each is a source of pydantic-settings that also tells what is wrong before any value is judged (`mistakes`), and how a
setting is called there. Nothing is passed over in silence: a name that could be a setting and is none is a mistake.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from gateway.edges.settings.mistakes import Step, dotted, inside, quoted, unknown
from gateway.edges.settings.model import FIELDS, Settings, setting

PREFIX = "GATEWAY_"
NESTING = "__"
CONFIG = "GATEWAY_CONFIG"
SECRETS_DIR = "GATEWAY_SECRETS_DIR"
NO_SETTINGS = frozenset({CONFIG, SECRETS_DIR, "GATEWAY_URL", "GATEWAY_TOKEN", "GATEWAY_PORT"})
NO_SETTINGS_LIKE = ("GATEWAY_PORT_", "GATEWAY_SERVICE_")
"""Kubernetes puts `GATEWAY_PORT` and these into the environment for a Service called gateway."""


class Source(Protocol):
    """What is asked of a source. `mistakes` is complete after the call; `shows_values` allows to repeat a value."""

    mistakes: list[str]
    shows_values: bool

    def __call__(self) -> dict[str, Any]:
        """What is set there, in nested tables, not yet checked."""

    def where(self, path: Sequence[Step]) -> str:
        """The place of a setting, or of something inside it, as a person finds it."""

    def origin(self, name: str) -> str:
        """Where the setting of that dotted name came from."""


class _Names(Settings, BaseSettings):
    """The settings as sources of pydantic-settings read them: their names and nesting. It has no instances."""

    model_config = SettingsConfigDict(case_sensitive=True, env_prefix=PREFIX, env_nested_delimiter=NESTING)


class TomlFile(TomlConfigSettingsSource):
    """The settings of a TOML file; `named_by` is what named it, where somebody did."""

    shows_values = True

    def __init__(self, path: Path, named_by: str | None = None) -> None:
        self._path = path
        wrong = _wrong_with(path)
        try:
            super().__init__(_Names, toml_file=None if wrong else path)
        except (ValueError, RecursionError) as error:
            wrong = f"is not TOML: {error}"
            super().__init__(_Names, toml_file=None)
        place = f"{named_by}: {path}" if named_by else str(path)
        self.mistakes = [f"{place} {wrong}; allowed: a TOML file in UTF-8"] if wrong else []

    def where(self, path: Sequence[Step]) -> str:
        """`gateway.toml: limits.body_bytes`."""
        return f"{self._path}: {dotted(path)}"

    def origin(self, name: str) -> str:  # noqa: ARG002 - one file holds them all
        """The path of the file."""
        return str(self._path)


def _wrong_with(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return None if path.is_file() else "is not a file"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


class _Texts(EnvSettingsSource):
    """Settings that are a text each, found by dotted name; `place` tells how such a name is called there."""

    def __init__(self, texts: Mapping[str, str], place: Callable[[str], str], mistakes: list[str]) -> None:
        self._texts = {variable(name): text for name, text in texts.items()}
        self._place = place
        self.mistakes = mistakes
        super().__init__(_Names)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._texts

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: str) -> object:
        """A list is written with commas, a table as a JSON object; an empty text is an empty one of either."""
        if get_origin(field.annotation) is tuple:
            return [part.strip() for part in value.split(",")] if value.strip() else []
        try:
            return json.loads(value or "{}", object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            self.mistakes.append(f"{self._place(field_name)}: the value is not JSON: {error}; allowed: a JSON object")
            return {}

    def where(self, path: Sequence[Step]) -> str:
        """The setting as it is called there, and what is inside it."""
        name, rest = setting(path)
        return self._place(name) + inside(rest)


def _once(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    pairs = list(pairs)
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands there twice")
    return dict(pairs)


def variable(name: str) -> str:
    """The name of a setting in the environment as pydantic-settings matches it: `GATEWAY_limits__body_bytes`."""
    return PREFIX + name.replace(".", NESTING)


class Environment(_Texts):
    """The settings of an environment: `GATEWAY_LIMITS__BODY_BYTES`."""

    shows_values = True

    def __init__(self, environ: Mapping[str, str]) -> None:
        known = {variable(name).upper(): name for name in FIELDS}
        ours = {name: text for name, text in environ.items() if _could_be_setting(name)}
        super().__init__(
            {known[name]: text for name, text in ours.items() if name in known},
            lambda name: variable(name).upper(),
            [f"{quoted(name)}: {unknown(name, known)}" for name in sorted(ours) if name not in known],
        )

    def origin(self, name: str) -> str:
        """`environment GATEWAY_LIMITS__BODY_BYTES`."""
        return f"environment {variable(name).upper()}"


def _could_be_setting(name: str) -> bool:
    return name.startswith(PREFIX) and name not in NO_SETTINGS and not name.startswith(NO_SETTINGS_LIKE)


class SecretsDirectory(_Texts):
    """The settings of a directory with one file each, as Kubernetes mounts a Secret: `limits.body-bytes`.

    Names that begin with a dot are Kubernetes' own. No value is repeated, whatever setting it was meant for.
    """

    shows_values = False

    def __init__(self, directory: Path) -> None:
        known = {file_name(name): name for name in FIELDS}
        texts, mistakes = _read_files(directory, known)
        super().__init__(texts, lambda name: str(directory / file_name(name)), mistakes)

    def origin(self, name: str) -> str:  # noqa: ARG002 - one directory holds them all
        """`secrets directory`."""
        return "secrets directory"


def file_name(name: str) -> str:
    """The name of a setting's file: `master-keys`, `kafka.dead-letter-topic`."""
    return name.replace("_", "-")


def _read_files(directory: Path, known: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    texts: dict[str, str] = {}
    mistakes: list[str] = []
    try:
        files = sorted(file for file in directory.iterdir() if not file.name.startswith("."))
    except OSError as error:
        return {}, [f"{SECRETS_DIR}: {directory} cannot be read: {error.strerror}; allowed: a directory"]
    for file in files:
        try:
            if file.name in known:
                texts[known[file.name]] = file.read_text("utf-8").strip()
            else:
                mistakes.append(f"{directory}/{quoted(file.name)}: {unknown(file.name, known)}")
        except OSError as error:
            mistakes.append(f"{file}: cannot be read: {error.strerror}; allowed: a file")
        except UnicodeDecodeError:
            mistakes.append(f"{file}: the value is not UTF-8; allowed: text in UTF-8")
    return texts, mistakes
