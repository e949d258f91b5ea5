"""The settings: read from everywhere they may stand, judged where they stand, told by name.

Later sources beat earlier ones, setting by setting: defaults, the TOML file, the directory of secrets, the
environment. Each source is judged by itself before they are put together, so a mistake is told where it was made, even
where a later source hides it. What is unknown is a mistake, for a setting that does nothing deceives.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.edges.settings.conflicts import conflicts
from gateway.edges.settings.mistakes import judged
from gateway.edges.settings.model import DEFAULT, FIELDS, Kafka, Settings
from gateway.edges.settings.sources import CONFIG, SECRETS_DIR, Environment, SecretsDirectory, Source, TomlFile
from gateway.edges.settings.values import Listen
from gateway.errors import StartError

__all__ = ["DEFAULT", "Kafka", "Listen", "Settings", "load"]

DEFAULT_CONFIG = Path("gateway.toml")


def load(*, config: Path | None = None, environ: Mapping[str, str]) -> Settings:
    """The settings of the file, the secrets directory and that environment, put together.

    `config` is the file named on the command line; without one `GATEWAY_CONFIG` names it, or `gateway.toml` in the
    working directory is read if it is there. Raises `StartError` with one line for each mistake.
    """
    sources = list(_sources(config, environ))
    raws = [source() for source in sources]
    _refuse(line for source, raw in zip(sources, raws, strict=True) for line in _mistakes(source, raw))
    owners = {name: source for source, raw in zip(sources, raws, strict=True) for name in _set_in(raw)}
    origins = {name: source.origin(name) for name, source in owners.items()}
    settings = Settings.model_validate(_merged(raws), context=origins)
    _refuse(f"{owners[name].where([name])}: {wrong}" for name, wrong in conflicts(settings))
    return settings


def _sources(config: Path | None, environ: Mapping[str, str]) -> Iterator[Source]:
    if config is not None:
        yield TomlFile(config, "--config")
    elif CONFIG in environ:
        yield TomlFile(_path(CONFIG, environ), CONFIG)
    elif DEFAULT_CONFIG.exists():
        yield TomlFile(DEFAULT_CONFIG)
    if SECRETS_DIR in environ:
        yield SecretsDirectory(_path(SECRETS_DIR, environ))
    yield Environment(environ)


def _path(variable: str, environ: Mapping[str, str]) -> Path:
    if not environ[variable]:
        raise StartError(f"{variable}: is empty; allowed: a path, or leave it out")
    return Path(environ[variable])


def _mistakes(source: Source, raw: Mapping[str, Any]) -> Iterator[str]:
    yield from source.mistakes
    yield from judged(raw, source.where, shows_values=source.shows_values)


def _refuse(lines: Iterable[str]) -> None:
    found = tuple(lines)
    if found:
        raise StartError(*found)


def _set_in(raw: Mapping[str, Any]) -> Iterator[str]:
    for name in FIELDS:
        table, _, setting = name.partition(".")
        if table in raw and (not setting or setting in raw[table]):
            yield name


def _merged(raws: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One after the other, setting by setting: `hosts` and `webhook_secrets` are one setting each, not several."""
    merged: dict[str, Any] = {}
    for raw in raws:
        for name, value in raw.items():
            merged[name] = value if name in FIELDS else {**merged.get(name, {}), **value}
    return merged
