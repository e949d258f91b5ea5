"""Why Kafka did not take something: one exception, with a reason for machines and words for people.

aiokafka raises the same exception for a wrong password and an untrusted certificate and tells the difference only in
its log, so that is listened to.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence

REASONS: Mapping[str, str] = {
    "TopicAuthorizationFailedError": "not_authorized",
    "ClusterAuthorizationFailedError": "cluster_not_authorized",
    "InvalidTopicError": "invalid_topic",
    "UnknownTopicOrPartitionError": "unknown_topic",
    "MessageSizeTooLargeError": "too_large",
    "RecordListTooLargeError": "too_large",
    "KafkaTimeoutError": "timeout",
    "RequestTimedOutError": "timeout",
    "TimeoutError": "timeout",
    "NotEnoughReplicasError": "not_enough_replicas",
    "NotEnoughReplicasAfterAppendError": "not_enough_replicas",
    "NotLeaderForPartitionError": "no_leader",
    "LeaderNotAvailableError": "no_leader",
    "InvalidTimestampError": "rejected",
    "InvalidMessageError": "rejected",
    "UnsupportedForMessageFormatError": "rejected",
    "PolicyViolationError": "rejected",
    "InvalidConfigurationError": "rejected",
    "InvalidPartitionsError": "rejected",
    "InvalidReplicationFactorError": "rejected",
    "OutOfOrderSequenceNumber": "out_of_order",
    "KafkaConnectionError": "connection",
    "NodeNotReadyError": "connection",
    "AttributeError": "connection",
}
"""Name of an exception -> reason, the label of `publish_failures_total`; all else is `other`."""

ALL_REASONS = frozenset({*REASONS.values(), "other", "journal", "defect"})
"""Every reason a refusal may have."""

OF_THE_TOPIC = frozenset({"not_authorized", "invalid_topic", "unknown_topic", "too_large", "rejected", "defect"})
"""Reasons that one topic has; a `defect` is the gateway's own."""

OF_THE_CONNECTION = frozenset({"connection", "journal"})
"""Reasons that all topics share."""


class Refusal(Exception):  # noqa: N818 - Kafka refuses
    """Kafka did not take something: the reason as a label, and in words."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words

    @property
    def is_of_the_topic(self) -> bool:
        """Whether it concerns one topic, whatever happens to the others."""
        return self.reason in OF_THE_TOPIC

    @property
    def is_of_the_connection(self) -> bool:
        """Whether it concerns all topics. What is neither is the topic's if Kafka answers others meanwhile."""
        return self.reason in OF_THE_CONNECTION


@contextlib.contextmanager
def refusals(heard: Sequence[str] = ()) -> Iterator[None]:
    """Turn whatever aiokafka raises into a `Refusal`; `heard` is what it logged, which says more."""
    try:
        yield
    except Refusal:
        raise
    except Exception as error:  # aiokafka raises what it likes, and nothing may end publishing
        name = type(error).__name__
        words = "; ".join(dict.fromkeys(heard)) or str(error) or name
        raise Refusal(REASONS.get(name, "other"), words) from error


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


@contextlib.contextmanager
def hearing() -> Iterator[Sequence[str]]:
    """What aiokafka logs meanwhile: the only place where it tells a wrong password from an untrusted certificate."""
    ear, logger = _Ear(), logging.getLogger("aiokafka")
    logger.addHandler(ear)
    try:
        yield ear.heard
    finally:
        logger.removeHandler(ear)
