"""What is wrong between settings that are each right by themselves."""

from collections.abc import Iterator

from gateway.edges.settings.model import Kafka, Settings


def conflicts(settings: Settings) -> Iterator[tuple[str, str]]:
    """The dotted name of a setting, and what is wrong with it beside the others and what is allowed."""
    yield from _aliases(settings)
    yield from _aliased_scopes(settings)
    yield from _overlaps(settings)
    yield from _kafka(settings.kafka)


def _aliases(settings: Settings) -> Iterator[tuple[str, str]]:
    owner: dict[str, str] = {}
    for name, table in settings.hosts.items():
        for alias in table.aliases:
            if alias in settings.hosts and alias != name:
                yield "hosts", f"the alias {alias!r} of {name!r} is another host; allowed: names that no host has"
            elif owner.setdefault(alias, name) != name:
                yield "hosts", f"the alias {alias!r} belongs to {owner[alias]!r} and {name!r}; allowed: one host"


def _aliased_scopes(settings: Settings) -> Iterator[tuple[str, str]]:
    aliases = settings.host_table().aliases
    for entry, pattern in enumerate(settings.webhook_secrets, 1):
        alias = pattern.partition("/")[0]
        if alias in aliases:
            wrong = f"the scope of entry {entry} begins with the alias {alias!r}"
            yield "webhook_secrets", f"{wrong}; allowed: the host's own name, here {aliases[alias]!r}"


def _overlaps(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, table in settings.hosts.items():
        for trusted in table.trusted_networks:
            for proxy in settings.trusted_proxies:
                if trusted.version == proxy.version and proxy.overlaps(trusted):
                    wrong = f"{str(proxy)!r} overlaps {str(trusted)!r} in the trusted_networks of {name!r}"
                    yield "trusted_proxies", f"{wrong}; allowed: networks that share no address"


def _kafka(kafka: Kafka) -> Iterator[tuple[str, str]]:
    if kafka.security_protocol.startswith("SASL") and (kafka.sasl_username is None or kafka.sasl_password is None):
        wrong = f"{kafka.security_protocol} needs a user and a password"
        yield "kafka.security_protocol", f"{wrong}; allowed: with kafka.sasl_username and kafka.sasl_password"
    if (kafka.ssl_certfile is None) is not (kafka.ssl_keyfile is None):
        yield "kafka.ssl_certfile", "a certificate and its key belong together; allowed: both or neither"
