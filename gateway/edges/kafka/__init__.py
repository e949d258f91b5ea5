"""Kafka, through aiokafka; the only folder that knows it.

A session is never repaired: whoever sees an error leaves it behind, and opens another.
"""

from gateway.edges.kafka.contact import Contact
from gateway.edges.kafka.pages import Pages
from gateway.edges.kafka.partitioner import Partitioner
from gateway.edges.kafka.refusals import ALL_REASONS, Refusal
from gateway.edges.kafka.session import KafkaConfig, Session, TopicFacts, open_session

__all__ = [
    "ALL_REASONS",
    "Contact",
    "KafkaConfig",
    "Pages",
    "Partitioner",
    "Refusal",
    "Session",
    "TopicFacts",
    "open_session",
]
