"""Sockets that are no plain TCP address: one in the file system, and one that systemd passes on."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

NAME = "gateway.sock"
_MAX_PATH = 100
_FIRST_PASSED = 3


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """The name under which a socket file can be bound or connected to: relative where the path is too long.

    A Unix address holds about 100 bytes (`sun_path`), so the working directory moves for the moment.
    """
    if len(os.fsencode(path)) <= _MAX_PATH:
        yield str(path)
        return
    before = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.chdir(path.parent)
    try:
        yield path.name
    finally:
        os.fchdir(before)
        os.close(before)


def bind_unix(path: Path, mode: int) -> socket.socket:
    """A listening socket at a path, with that mode from its first moment; one left behind is replaced."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)
    umask = os.umask(0o777 & ~mode)
    try:
        with reachable(path.absolute()) as name:
            bound.bind(name)
    finally:
        os.umask(umask)
    return bound


def passed_on() -> socket.socket | None:
    """The socket systemd listens on for us (`sd_listen_fds(3)`), if it does."""
    environ = os.environ  # noqa: TID251 - these names are systemd's protocol, not settings
    if environ.get("LISTEN_PID") != str(os.getpid()) or environ.get("LISTEN_FDS", "0") == "0":
        return None
    return socket.socket(fileno=_FIRST_PASSED)
