"""The broker with locks on: TLS with a certificate authority of its own, SCRAM-SHA-512, and access by ACL alone.

Every client of the tests gets in as the super user; the user of the gateway may do nothing until it is granted.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from broker.certificates import write_certificates
from broker.distribution import Distribution
from broker.server import HOST, Broker

USER = "gateway"
PASSWORD = "the gateway's password"
OPERATIONS = ("WRITE", "DESCRIBE", "CREATE")
"""What a producer needs for a topic that it may have to make."""

_SUPER_USER = "root"
_SUPER_PASSWORD = "the super user's password"
_MECHANISM = "SCRAM-SHA-512"
_REQUEST_SECONDS = 15


class SecuredBroker(Broker):
    """A broker that speaks SASL_SSL with SCRAM-SHA-512 only; `ca_file` is the PEM file that its clients trust."""

    protocol = "SASL_SSL"
    user = USER
    password = PASSWORD
    login = (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{_SUPER_USER}" password="{_SUPER_PASSWORD}";'
    )
    """The super user, as Java's clients want to be told."""

    def __init__(self, distribution: Distribution, directory: Path) -> None:
        super().__init__(distribution, directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.ca_file, self._key_file = write_certificates(directory, HOST)

    @property
    def client(self) -> Mapping[str, str]:
        """What a librdkafka client needs to get in as the super user, quietly."""
        return self.client_as(_SUPER_USER, _SUPER_PASSWORD)

    def client_as(self, user: str = USER, password: str = PASSWORD) -> Mapping[str, str]:
        """What a librdkafka client needs to try to get in as that user, quietly."""
        return {
            **super().client,
            "security.protocol": self.protocol,
            "sasl.mechanism": _MECHANISM,
            "sasl.username": user,
            "sasl.password": password,
            "ssl.ca.location": str(self.ca_file),
        }

    def grant(self, topic: str, *operations: str, user: str = USER) -> None:
        """Let a user do things to a topic: `DESCRIBE_CONFIGS` and the like; if none is named, those of `OPERATIONS`."""
        bindings = [AclBinding(*_acl(topic, name, user)) for name in operations or OPERATIONS]
        admin = self.admin()
        for done in admin.create_acls(bindings, request_timeout=_REQUEST_SECONDS).values():
            done.result()

    def revoke(self, topic: str, *operations: str, user: str = USER) -> None:
        """Take back what was granted."""
        filters = [AclBindingFilter(*_acl(topic, name, user)) for name in operations or OPERATIONS]
        admin = self.admin()
        for done in admin.delete_acls(filters, request_timeout=_REQUEST_SECONDS).values():
            done.result()

    def set_password(self, user: str, password: str) -> None:
        """Change a user's password, or make the user."""
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, scram, password.encode())
        admin = self.admin()
        admin.alter_user_scram_credentials([change], request_timeout=_REQUEST_SECONDS)[user].result()

    def _format_options(self) -> Sequence[str]:
        users = {_SUPER_USER: _SUPER_PASSWORD, USER: PASSWORD}
        wanted = [f'{_MECHANISM}=[name="{user}",password="{password}"]' for user, password in users.items()]
        return [part for user in wanted for part in ("--add-scram", user)]

    def _properties(self) -> dict[str, str]:
        return {
            **super()._properties(),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._key_file),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca_file),
            "sasl.enabled.mechanisms": _MECHANISM,
            "sasl.mechanism.inter.broker.protocol": _MECHANISM,
            "listener.name.clients.scram-sha-512.sasl.jaas.config": self.login,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{_SUPER_USER};User:ANONYMOUS",
        }


_Acl = tuple[ResourceType, str, ResourcePatternType, str, str, AclOperation, AclPermissionType]


def _acl(topic: str, operation: str, user: str) -> _Acl:
    what = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL)
    return (*what, f"User:{user}", "*", AclOperation[operation], AclPermissionType.ALLOW)
