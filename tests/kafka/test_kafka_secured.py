"""Kafka with locks on: TLS, SCRAM-SHA-512, rights by topic; whoever is not let in is told why, and hooks go on."""

import asyncio
import secrets
from pathlib import Path

import pytest
from broker.certificates import write_certificates
from broker.secured import SecuredBroker
from broker.server import HOST as BROKER_HOST
from processes import free_port
from publishing import blocked, drained, ids, kafka_of, metric, publishing, push, read, say, secured, until
from structlog.testing import capture_logs

from gateway.edges.kafka import Refusal, open_session
from gateway.edges.settings import Settings
from gateway.service import kafka_config


@pytest.fixture
def user(secured_broker: SecuredBroker) -> str:
    """A user who may do nothing yet."""
    name = f"user-{secrets.token_hex(4)}"
    secured_broker.set_password(name, "first")
    return name


async def refused(settings: Settings) -> Refusal:
    """Why no session can be opened with these settings."""
    with pytest.raises(Refusal) as found:
        await open_session(kafka_config(settings.kafka))
    return found.value


async def test_from_the_hook_to_the_consumer_over_tls_and_scram(
    secured_broker: SecuredBroker, tmp_path: Path, topic: str
) -> None:
    secured_broker.grant(f"{topic}.refs")
    async with publishing(secured(secured_broker, tmp_path, topic)) as gateway:
        events = [event for number in range(20) for event in await push(gateway, f"pay/repository-{number}")]
        await drained(gateway)
        assert await metric(gateway, "kafka_connected") == 1

    assert secured_broker.topics()[f"{topic}.refs"] == 6
    assert ids(await read(secured_broker, f"{topic}.refs")) == events


async def test_a_topic_without_rights_is_held_until_they_are_granted_while_others_go_on(
    secured_broker: SecuredBroker, tmp_path: Path, topic: str
) -> None:
    secured_broker.grant(f"{topic}.unknown")
    async with publishing(secured(secured_broker, tmp_path, topic)) as gateway:
        events = await push(gateway, "pay/ledger")
        assert await blocked(gateway, f"{topic}.refs") == "not_authorized"
        others = await say(gateway, "pay/ledger", "repo:odd", number=1)
        events += await push(gateway, "pay/orders") + await push(gateway, "pay/ledger")

        async def others_are_there() -> bool:
            return bool((await kafka_of(gateway))["waiting"] == 3)

        await until(others_are_there)
        assert ids(await read(secured_broker, f"{topic}.unknown")) == others
        assert await metric(gateway, "topic_blocked", topic=f"{topic}.refs") == 1
        assert await metric(gateway, "publish_failures_total", reason="not_authorized")
        assert await metric(gateway, "kafka_connected") == 1

        secured_broker.grant(f"{topic}.refs")
        await drained(gateway)
        assert await metric(gateway, "topic_blocked", topic=f"{topic}.refs") == 0
    assert ids(await read(secured_broker, f"{topic}.refs")) == events


async def test_a_right_that_is_taken_away_holds_the_topic_in_the_middle(
    secured_broker: SecuredBroker, tmp_path: Path, topic: str
) -> None:
    secured_broker.grant(f"{topic}.refs")
    secured_broker.grant(f"{topic}.unknown")
    async with publishing(secured(secured_broker, tmp_path, topic)) as gateway:
        events = await push(gateway, "pay/ledger")
        await drained(gateway)
        secured_broker.revoke(f"{topic}.refs")
        events += await push(gateway, "pay/ledger") + await push(gateway, "pay/ledger")
        assert await blocked(gateway, f"{topic}.refs") == "not_authorized"
        others = await say(gateway, "pay/ledger", "repo:odd", number=1)

        secured_broker.grant(f"{topic}.refs")
        await drained(gateway)
    assert ids(await read(secured_broker, f"{topic}.refs")) == events
    assert ids(await read(secured_broker, f"{topic}.unknown")) == others


async def test_with_a_wrong_password_hooks_go_on_and_everything_is_sent_with_the_right_one(
    secured_broker: SecuredBroker, tmp_path: Path, topic: str, user: str
) -> None:
    """The password is read again for each new session."""
    secured_broker.grant(f"{topic}.refs", user=user)
    password = "wrong"

    def current() -> Settings:
        return secured(secured_broker, tmp_path, topic, sasl_username=user, sasl_password=password)

    async with publishing(current(), reread=current) as gateway:
        events = [event for _ in range(5) for event in await push(gateway, "pay/ledger")]

        async def is_counted() -> bool:
            return bool(await metric(gateway, "publish_failures_total", reason="connection"))

        await until(is_counted)
        assert await metric(gateway, "kafka_connected") == 0
        assert (await kafka_of(gateway))["waiting"] == 5
        password = "first"
        await drained(gateway)
    assert ids(await read(secured_broker, f"{topic}.refs")) == events


async def test_the_log_tells_once_and_in_words_why_kafka_does_not_let_us_in(
    secured_broker: SecuredBroker, tmp_path: Path, topic: str
) -> None:
    settings = secured(secured_broker, tmp_path, topic, sasl_password="a wrong one")
    with capture_logs() as logs:
        async with publishing(settings) as gateway:
            await push(gateway, "pay/ledger")

            async def failed_twice() -> bool:
                return (await metric(gateway, "publish_failures_total", reason="connection") or 0) >= 2

            await until(failed_twice)
    [line] = [line for line in logs if line["event"] == "kafka_away"]
    assert "authentication" in line["words"].lower()
    assert "a wrong one" not in str(logs)


async def test_a_wrong_password_and_an_untrusted_authority_are_told_apart(
    secured_broker: SecuredBroker, tmp_path: Path, topic: str
) -> None:
    other_ca, _ = await asyncio.to_thread(write_certificates, tmp_path, BROKER_HOST)

    password = await refused(secured(secured_broker, tmp_path, topic, sasl_password="a wrong one"))
    stranger = await refused(secured(secured_broker, tmp_path, topic, sasl_username="nobody"))
    authority = await refused(secured(secured_broker, tmp_path, topic, ssl_cafile=str(other_ca)))
    nobody = await refused(secured(secured_broker, tmp_path, topic, bootstrap_servers=f"127.0.0.1:{free_port()}"))

    assert [found.reason for found in (password, stranger, authority, nobody)] == ["connection"] * 4
    assert all(told(found, "authentication", "invalid credentials") for found in (password, stranger))
    assert told(authority, "certificate verify failed")
    assert not told(authority, "authentication")
    assert not told(nobody, "authentication", "certificate")
    assert "a wrong one" not in password.words


async def test_a_certificate_that_cannot_be_read_is_named(
    secured_broker: SecuredBroker, tmp_path: Path, topic: str
) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    missing = str(tmp_path / "missing.pem")

    for settings, name in (
        (secured(secured_broker, tmp_path, topic, ssl_cafile=missing), missing),
        (secured(secured_broker, tmp_path, topic, ssl_cafile=str(broken)), str(broken)),
        (secured(secured_broker, tmp_path, topic, ssl_certfile=missing, ssl_keyfile=missing), missing),
    ):
        found = await refused(settings)
        assert (found.reason, name in found.words) == ("connection", True)


def told(refusal: Refusal, *words: str) -> bool:
    return all(word in refusal.words.lower() for word in words)
