"""Whether Kafka is there and every topic is as it should be, for `gateway check`.

Whether a topic may be written cannot be asked, only seen: that is told as a running gateway saw it, or not at all.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.edges.settings import Kafka, Settings

Trial = tuple[str, bool, str]
"""What was tried, whether it is well, and what was found."""


def trials(settings: "Settings", blocked: Mapping[str, str] | None) -> list[Trial]:
    """What there is to tell of Kafka; `blocked` are the topics a running gateway holds back, `None` where none runs."""
    from gateway.edges.kafka import Refusal  # noqa: PLC0415

    if not settings.kafka.bootstrap_servers:
        return [("kafka", True, "none is configured: the journal is the sink")]
    try:
        found = asyncio.run(_partitions(settings.kafka))
    except Refusal as refusal:
        return [("kafka", False, f"{settings.kafka.bootstrap_servers}: {refusal.words}")]
    reached = ("kafka", True, f"{settings.kafka.bootstrap_servers} answers, {len(found)} topics can be seen")
    return [reached, *_topics(settings.kafka, found, blocked)]


async def _partitions(kafka: "Kafka") -> Mapping[str, int]:
    from gateway.edges.kafka import open_session  # noqa: PLC0415
    from gateway.service import kafka_config  # noqa: PLC0415

    session = await open_session(kafka_config(kafka))
    try:
        return await session.partitions()
    finally:
        await session.abandon()


def _topics(kafka: "Kafka", found: Mapping[str, int], blocked: Mapping[str, str] | None) -> Iterator[Trial]:
    for name in _expected(kafka):
        reason = None if blocked is None else blocked.get(name)
        written = "writing not tried" if blocked is None else "not held back"
        if reason is not None:
            yield name, False, f"the running gateway holds it back: {reason}"
        elif name in found:
            yield name, True, f"{found[name]} partitions, {written}"
        elif kafka.create_topics:
            yield name, True, f"is missing and will be created with {kafka.partitions} partitions"
        else:
            yield name, False, "is missing: create it, or set GATEWAY_KAFKA__CREATE_TOPICS=true"


def _expected(kafka: "Kafka") -> list[str]:
    """The topics whose names are known beforehand: those of a template over families alone, and of dead letters."""
    from gateway.event import FAMILIES  # noqa: PLC0415
    from gateway.message import topic  # noqa: PLC0415

    events = [] if "{hostname}" in kafka.topic or "{project}" in kafka.topic else [kafka.topic]
    families = [family for word, family in FAMILIES.items() if word != "dead_letter"]
    names = [topic(template, family, "") for template in events for family in families]
    return list(dict.fromkeys([*names, kafka.dead_letter_topic]))
