"""Secrets stay secret: in mistakes, in what is printed, in what is raised."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.edges.settings import load
from gateway.edges.settings.model import FIELDS, is_secret
from gateway.errors import StartError

KEY = "A" * 43
MARK = "hunter2"


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def toml(text: str) -> Path:
    path = Path("gateway.toml")
    path.write_text(text, "utf-8")
    return path


def secrets(files: Mapping[str, str]) -> dict[str, str]:
    Path("mounted").mkdir()
    for name, text in files.items():
        Path("mounted", name).write_text(text, "utf-8")
    return {"GATEWAY_SECRETS_DIR": "mounted"}


def refusal(environ: Mapping[str, str] | None = None, config: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(StartError) as refused:
        load(config=config, environ=environ or {})
    return refused.value.lines


@pytest.mark.parametrize(
    "value",
    [
        MARK,
        f'"{MARK}"',
        f'["{MARK}"]',
        f'{{"{MARK}": "x"}}',
        f'{{"{MARK}!": ["x"]}}',
        f'{{"bb": "{MARK}"}}',
        f'{{"bb": ["", "{MARK}"]}}',
        f'{{"bb": [["{MARK}"]]}}',
        f'{{"bb": {{"{MARK}": 1}}}}',
        f'{{"{MARK}": ["x"], "{MARK.upper()}": ["x"]}}',
        f'{{"{MARK}": ["x"], "{MARK}": ["x"]}}',
        f'{{"bb/{MARK}/*": ["x"]}}',
        f'{{"bb": ["{MARK}\\ud83d"]}}',
        f'{{"bb": ["{MARK}"',
    ],
)
def test_no_mistake_in_the_secrets_of_hooks_repeats_any_of_them(value: str) -> None:
    in_environment = refusal({"GATEWAY_WEBHOOK_SECRETS": value})
    in_directory = refusal(secrets({"webhook-secrets": value}))

    assert in_environment[0].startswith("GATEWAY_WEBHOOK_SECRETS")
    assert in_directory[0].startswith("mounted/webhook-secrets")
    assert MARK not in "\n".join(in_environment + in_directory).lower()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("master_keys", MARK),
        ("master_keys", f"{KEY},{MARK}"),
        ("master_keys", [MARK]),
        ("admin_token", f"{MARK} {MARK}"),
        ("admin_token", {MARK: MARK}),
        ("webhook_secrets", MARK),
        ("webhook_secrets", {"bb": MARK}),
        ("webhook_secrets", {f"{MARK}/*": [MARK]}),
        ("public_url", f"https://admin:{MARK}@bb.example.com"),
    ],
)
def test_no_mistake_in_a_file_repeats_a_secret(name: str, value: object) -> None:
    written = json.dumps(value).replace(": ", " = ")

    (line,) = refusal(config=toml(f"{name} = {written}"))

    assert line.startswith(f"gateway.toml: {name}")
    assert "; allowed: " in line
    assert MARK not in line


def test_the_secrets_among_the_settings() -> None:
    assert set(filter(is_secret, FIELDS)) == {"master_keys", "admin_token", "webhook_secrets", "kafka.sasl_password"}


def test_settings_never_print_a_secret() -> None:
    secrets_of_hooks = json.dumps({"bb.example.com": [MARK]})
    environ = {"GATEWAY_ADMIN_TOKEN": MARK, "GATEWAY_MASTER_KEYS": KEY, "GATEWAY_WEBHOOK_SECRETS": secrets_of_hooks}

    settings = load(environ=environ)

    printed = f"{settings!r} {settings} {dict(settings.origins)}"
    assert MARK not in printed
    assert KEY not in printed
    assert "environment GATEWAY_WEBHOOK_SECRETS" in printed


def test_the_refusal_carries_nothing_but_its_lines() -> None:
    """A chained error would bring the values with it into a traceback."""
    with pytest.raises(StartError) as refused:
        load(environ={"GATEWAY_MASTER_KEYS": MARK})

    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
