"""The disk under the data directory: how much room there is, and whether it is one at all.

SQLite's write-ahead log needs locks and shared memory that network file systems do not give (sqlite.org/wal.html).
"""

import os
from pathlib import Path

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"})
_MOUNTS = Path("/proc/self/mountinfo")


def free_bytes(directory: Path) -> int:
    """Bytes an unprivileged process can still write there."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def network_file_system(directory: Path) -> str | None:
    """The type of the file system if it is one of the network (or in user space), else `None`; Linux tells."""
    try:
        lines = _MOUNTS.read_text("utf-8").splitlines()
    except OSError:
        return None
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        place, _, kind = line.partition(" - ")
        if place.split()[2] == wanted:
            name = kind.split()[0]
            return name if name in _NETWORK or name.startswith("fuse") else None
    return None
