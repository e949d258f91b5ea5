"""Between Bitbucket and everything that wants to know what happens in repositories.

The flow, from a POST to a consumer:

    Bitbucket ─POST─▶ web/receive ─▶ authenticate ─▶ dialects ─▶ intake ─┐   events, each with its content
                                                                         ▼
        202 ◀──── edges/journal: one synced transaction: identity.decide ▸ delivery, events, refs
                                                                         │
        Kafka ◀── edges/publish ◀── relay (a cursor per topic) ◀─────────┤
    consumers ◀── web/events: pages and streams from a cursor ◀──────────┘

Words and rules live at the root and are pure: they know no socket, disk, clock or `await`.

    errors         one family, a closed set of codes
    delivery       RepositoryKey, Scope, Host, Delivery: what arrives, and whose it is
    event          the vocabulary
    message        an accepted event as a CloudEvents message
    secrets        the secrets of every scope, derived from the master keys
    origin         the address a request really came from
    authenticate   may this delivery speak for its scope?
    dialects/      what each sender says, brought into the vocabulary; one module per dialect
    intake         the sentence: authenticate, parse, normalize, encode
    identity       new fact or repeat: occurrences, ids, gaps; a fold over deliveries in order
    relay          per topic: send, wait, hold; a little machine that is told the time and what happened
    batch, shrink  entries as records of the right size, in batches that a topic takes

Folders are the world, one part per technology: `edges/` (settings, keys, logs, metrics, disk, sockets, sender, the
`journal` on SQLite, `kafka`, and `publish`, which joins the two), `web/` (aiohttp), `cli/` (Typer). `samples/` are
payloads to try things with. `service` puts everything together and takes it apart again. What may import what is
checked by import-linter.
"""
