"""The tables of `journal.db`, and how an older file becomes a newer one.

Migrations only go forward: each script brings the file from the version before it to its own, in one transaction.
A file of a newer version is refused with a clear word, because reading it would be guessing.

* `deliveries`: the delivery log, one row per authentic delivery, whatever became of it; `event_ids` is JSON,
  `last_sequence` the head of `events` when it was accepted, so that both are pruned together.
* `events`: the outbox. `AUTOINCREMENT` keeps sequences from being used again after everything was pruned.
  `due` marks what is to be published: what was accepted while Kafka was configured. A row with `headers` is a dead
  letter, which is published but is no event.
* `topics`: the relay's cursors; everything due of a topic up to its cursor is acknowledged.
* `publications`: where in Kafka an event lies, one row per acknowledgement.
* `identities`: what repeats are recognised by, 16-byte keys; rows live longer than deliveries. There is no index on
  their age, which would double the cost of each: `prune` goes round them in the order of their keys.
* `refs`: where every ref stands, and by which occurrence of which content it got there.
"""

import sqlite3

from gateway.errors import StartError

APPLICATION_ID = 0x42425747

_V1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('incarnation', lower(hex(randomblob(4)))), ('pruned_through', '0');

CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    dialect TEXT NOT NULL,
    event_key TEXT NOT NULL,
    outcome TEXT NOT NULL,
    evidence TEXT,
    reason TEXT,
    proof TEXT NOT NULL,
    event_ids TEXT NOT NULL,
    last_sequence INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    delivery TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    dialect TEXT NOT NULL,
    event_key TEXT NOT NULL,
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT,
    topic TEXT NOT NULL,
    gap INTEGER NOT NULL,
    claimed_key TEXT,
    headers TEXT,
    due INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX events_due ON events (topic, sequence) WHERE due = 1;

CREATE TABLE topics (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE publications (
    sequence INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    published_at INTEGER NOT NULL
);

CREATE TABLE identities (
    key BLOB PRIMARY KEY,
    received_at INTEGER NOT NULL,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE refs (
    repository TEXT NOT NULL,
    ref TEXT NOT NULL,
    commit_hash TEXT,
    content BLOB NOT NULL,
    occurrence INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (repository, ref)
) WITHOUT ROWID;
"""

MIGRATIONS = (_V1,)
"""The script at position n brings a file from version n to version n + 1."""


def check(connection: sqlite3.Connection) -> None:
    """Raise `StartError` for the file of another program or of a newer version, before anything is written to it."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (application or tables):
        raise StartError("journal.db belongs to another program: it was not made by this gateway")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StartError(
            f"journal.db is of version {version}, this gateway knows versions up to {len(MIGRATIONS)}: "
            "start the newer gateway that wrote it, or give it another data directory"
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a checked file to the newest version."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
        connection.executescript(f"BEGIN IMMEDIATE; {script}; {marks} COMMIT;")
