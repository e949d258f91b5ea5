"""The keys a gateway makes for itself where none are configured: `master.keys` and `admin.token`, mode 0600.

Whoever comes first makes a file, completely or not at all; everybody else reads it. An empty or unreadable one stops
the start: to go on with a new key would be to change the secret of every hook.
"""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from gateway.errors import StartError
from gateway.secrets import MIN_KEY_BYTES, MasterKey

MASTER_KEYS = "master.keys"
ADMIN_TOKEN = "admin.token"  # noqa: S105 - the name of a file


def master_keys(configured: str | None, data_dir: Path) -> tuple[MasterKey, ...]:
    """The master keys, newest first: those configured, else those of the data directory, made if need be.

    Raises `StartError` for a key that is not base64url or too short.
    """
    text = configured if configured is not None else _kept(data_dir / MASTER_KEYS, _new_master_key)
    keys = tuple(MasterKey.parse(part.strip()) for part in text.replace("\n", ",").split(",") if part.strip())
    if not keys:
        where = "GATEWAY_MASTER_KEYS" if configured is not None else str(data_dir / MASTER_KEYS)
        raise StartError(f"{where} holds no key: at least one of {MIN_KEY_BYTES} bytes in base64url is needed")
    return keys


def admin_token(configured: str | None, data_dir: Path) -> str:
    """The API token with every right: the one configured, else that of the data directory, made if need be."""
    token = configured if configured is not None else _kept(data_dir / ADMIN_TOKEN, _new_token)
    if not token.strip():
        raise StartError(f"the admin token is empty: set GATEWAY_ADMIN_TOKEN or remove {data_dir / ADMIN_TOKEN}")
    return token.strip()


def make_data_dir(data_dir: Path) -> None:
    """Make the data directory, mode 0700, where there is none. Raises `StartError`."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"the data directory {data_dir} cannot be made: {error.strerror}") from None


def _new_master_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(MIN_KEY_BYTES)).decode()


def _new_token() -> str:
    return f"bbgw_{secrets.token_urlsafe(32)}"


def _kept(path: Path, make: Callable[[], str]) -> str:
    try:
        if not path.exists():
            _create(path, make() + "\n")
        return path.read_text("utf-8")
    except OSError as error:
        raise StartError(f"{path} cannot be made or read: {error.strerror}") from None


def _create(path: Path, text: str) -> None:
    """Write a file that appears with its content or not at all; whoever was first wins."""
    make_data_dir(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
