"""One process per data directory, by a lock the kernel drops when the process ends, however it ends."""

import fcntl
import os
from pathlib import Path

from gateway.errors import StartError

NAME = "gateway.lock"


class DirectoryLock:
    """An exclusive `flock` on a file in the directory."""

    def __init__(self, directory: Path) -> None:
        """Take the lock. Raises `StartError` where another process has it."""
        try:
            self._file = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"the data directory {directory} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise StartError(
                f"the data directory {directory} is in use by another gateway: stop it, or set GATEWAY_DATA_DIR"
            ) from None

    def release(self) -> None:
        """Let others have it."""
        os.close(self._file)
