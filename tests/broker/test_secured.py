"""The secured broker lets in who has the password, and lets them do what they were granted."""

import secrets
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from broker.secured import SecuredBroker


@pytest.fixture
def user(secured_broker: SecuredBroker) -> str:
    name = f"user-{secrets.token_hex(4)}"
    secured_broker.set_password(name, "first")
    return name


def complaint(settings: Mapping[str, str]) -> str:
    """What librdkafka says when it may not get in; nothing when it may."""
    heard: list[KafkaError] = []
    client = AdminClient(dict(settings), error_cb=heard.append)
    for _ in range(30):
        with suppress(KafkaException):
            client.list_topics(timeout=0.5)
            return ""
        if client.poll(0):
            return heard[0].str()
    return "nothing"


def outcome(settings: Mapping[str, str], topic: str) -> str:
    """How sending one record ends: `written`, or the name of the error."""
    heard: list[KafkaError | None] = []
    producer = Producer({**settings, "acks": "all", "message.timeout.ms": "10000"})
    producer.produce(topic, b"value", on_delivery=lambda error, _: heard.append(error))
    producer.flush(15)
    return "written" if heard[0] is None else heard[0].name()


def create(settings: Mapping[str, str], topic: str) -> None:
    admin = AdminClient(dict(settings))
    admin.create_topics([NewTopic(topic, 1, 1)], request_timeout=15)[topic].result()


def test_the_right_password_gets_in(secured_broker: SecuredBroker) -> None:
    assert complaint(secured_broker.client_as(secured_broker.user, secured_broker.password)) == ""


def test_a_wrong_password_is_refused(secured_broker: SecuredBroker) -> None:
    assert "SASL authentication error" in complaint(secured_broker.client_as(password="wrong"))


def test_an_authority_that_is_not_trusted_ends_the_connection(secured_broker: SecuredBroker) -> None:
    settings = dict(secured_broker.client_as())
    settings["ssl.ca.location"] = ssl.get_default_verify_paths().cafile or "probe"

    assert "certificate verify failed" in complaint(settings)


def test_python_trusts_the_authority_of_the_broker(secured_broker: SecuredBroker) -> None:
    context = ssl.create_default_context(cafile=secured_broker.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    host, _, port = secured_broker.bootstrap.partition(":")

    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        assert connection.version() == "TLSv1.3"


def test_nobody_may_do_what_was_not_granted(secured_broker: SecuredBroker, user: str, topic: str) -> None:
    settings = secured_broker.client_as(user, "first")

    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        create(settings, topic)
    secured_broker.create_topic(topic)
    assert outcome(settings, topic) == "TOPIC_AUTHORIZATION_FAILED"


def test_what_was_granted_can_be_done_until_it_is_revoked(secured_broker: SecuredBroker, user: str, topic: str) -> None:
    settings = secured_broker.client_as(user, "first")

    secured_broker.grant(topic, user=user)
    create(settings, topic)
    assert outcome(settings, topic) == "written"
    secured_broker.revoke(topic, "WRITE", user=user)

    assert outcome(settings, topic) == "TOPIC_AUTHORIZATION_FAILED"
    assert [record.value for record in secured_broker.read(topic)] == [b"value"]


def test_kafkas_own_tool_sees_what_was_granted(secured_broker: SecuredBroker, topic: str) -> None:
    secured_broker.grant(topic, "WRITE", "DESCRIBE")
    secured_broker.revoke(topic, "DESCRIBE")

    settings = secured_broker.directory / "tool.properties"
    settings.write_text(
        f"security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nssl.truststore.type=PEM\n"
        f"ssl.truststore.location={secured_broker.ca_file}\n"
        f"sasl.jaas.config={secured_broker.login}\n"
    )
    tool = ("org.apache.kafka.tools.AclCommand", "--bootstrap-server", secured_broker.bootstrap)
    shown = secured_broker.distribution.run(*tool, "--command-config", str(settings), "--list", "--topic", topic)

    assert "(principal=User:gateway, host=*, operation=WRITE, permissionType=ALLOW)" in shown
    assert "DESCRIBE" not in shown


def test_a_changed_password_counts_for_new_connections(secured_broker: SecuredBroker, user: str) -> None:
    secured_broker.set_password(user, "second")

    assert "SASL authentication error" in complaint(secured_broker.client_as(user, "first"))
    assert complaint(secured_broker.client_as(user, "second")) == ""
