"""What the sender composed arrives unchanged, and what cannot arrive is told in a sentence."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.delivery import DialectName
from gateway.edges.sender import Answer, Outgoing, post, request_of
from gateway.errors import Code, GatewayError

BODY = '{"actor": {"displayName": "Zoë"}}'.encode()

Serve = Callable[[web.Application], Awaitable[TestServer]]


def composed(dialect: DialectName, event_key: str = "", *, url: str, **proofs: str) -> Outgoing:
    return request_of(dialect, event_key, BODY, url=url, request_id="5c6f8f0a-6d6c-4b8e-8f0e-1d6d1f6f0b11", **proofs)  # type: ignore[arg-type]


class Seen:
    """A server that notes the one request it gets, and answers it."""

    def __init__(self) -> None:
        self.target = ""
        self.headers: dict[str, str] = {}
        self.body = b""
        self.app = web.Application()
        self.app.router.add_route("*", "/{rest:.*}", self.note)

    async def note(self, request: web.Request) -> web.Response:
        self.target = request.raw_path
        self.headers = {name.decode(): value.decode() for name, value in request.raw_headers}
        self.body = await request.read()
        return web.json_response({"outcome": "accepted"}, status=202)


@pytest.mark.parametrize(
    ("dialect", "event_key"),
    [
        ("post-receive", ""),
        ("data-center", "repo:refs_changed"),
        ("cloud", "repo:push"),
        ("post-webhooks-app", "repo:push"),
        ("legacy-post", ""),
    ],
)
async def test_nothing_but_what_was_composed_arrives(
    aiohttp_server: Serve, dialect: DialectName, event_key: str
) -> None:
    seen = Seen()
    server = await aiohttp_server(seen.app)
    target = "/repo-syncer/repos/bitbucket.example.com/%7Emira/a%20b"
    sent = composed(dialect, event_key, url=f"http://{server.host}:{server.port}{target}", secret="s", token="t/u")

    answer = await post(sent)

    assert (answer.status, json.loads(answer.body)) == (202, {"outcome": "accepted"})
    assert seen.body == sent.body
    assert seen.headers == {
        **sent.headers,
        "Host": f"{server.host}:{server.port}",
        "Content-Length": str(len(sent.body)),
    }
    assert seen.target == target + ("" if dialect in {"data-center", "cloud"} else "?token=t%2Fu")


async def test_user_and_password_of_a_url_become_basic(aiohttp_server: Serve) -> None:
    seen = Seen()
    server = await aiohttp_server(seen.app)

    await post(composed("cloud", "repo:push", url=f"http://u:p@{server.host}:{server.port}/x"))

    assert seen.headers["Authorization"] == "Basic " + base64.b64encode(b"u:p").decode()


async def test_a_redirect_is_an_answer_and_is_not_followed(aiohttp_server: Serve) -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/other"})

    app = web.Application()
    app.router.add_post("/x", elsewhere)
    server = await aiohttp_server(app)

    assert await post(composed("post-receive", url=str(server.make_url("/x")))) == Answer(302, b"")


async def failure(url: str, *, patience: float = 5.0) -> tuple[Code, str]:
    with pytest.raises(GatewayError) as caught:
        await post(composed("post-receive", url=url, token="s3cret"), patience=patience)
    assert "s3cret" not in caught.value.detail
    assert caught.value.__cause__ is None
    return caught.value.code, caught.value.detail


async def test_a_port_where_nobody_listens_is_told_in_a_sentence_without_secrets(unused_tcp_port: int) -> None:
    place = f"127.0.0.1:{unused_tcp_port}/x"

    assert await failure(f"http://u:s3cret@{place}") == (
        Code.UNAVAILABLE,
        f"nothing can be reached at http://{place}: is a gateway running there?",
    )


async def test_silence_ends_when_patience_does(aiohttp_server: Serve) -> None:
    over = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/x", silent)
    url = str((await aiohttp_server(app)).make_url("/x"))

    code, detail = await failure(url, patience=0.05)
    over.set()

    assert (code, detail) == (Code.UNAVAILABLE, f"{url} gave no answer within 0.05 s")


@pytest.fixture
async def broken() -> AsyncIterator[str]:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1")
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_connection_that_breaks_is_told_so(broken: str) -> None:
    assert await failure(f"http://{broken}/x") == (
        Code.UNAVAILABLE,
        f"the connection to http://{broken}/x broke before there was an answer",
    )


async def test_tls_where_none_is_spoken_is_told_so(aiohttp_server: Serve) -> None:
    server = await aiohttp_server(web.Application())

    code, detail = await failure(f"https://{server.host}:{server.port}/x")

    assert (code, detail.split(":")[-1]) == (Code.UNAVAILABLE, " does it speak https?")


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "both.pem").write_bytes(pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "both.pem")
    return context


async def test_a_certificate_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self_signed(tmp_path))
    await site.start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/x"

    told = await failure(url)
    await runner.cleanup()

    assert told == (Code.UNAVAILABLE, f"the certificate of {url} is not believed here")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("gateway.example.com/x", "gateway.example.com/x"),
        ("ftp://u:s3cret@gateway.example.com/x", "ftp://gateway.example.com/x"),
        ("http://gateway.example.com:99999/x", "http://gateway.example.com:99999/x"),
        ("http://[::1/x", "http://[::1/x"),
        ("u:s3cret@gateway.example.com/x://y", "gateway.example.com/x://y"),
    ],
)
async def test_what_is_no_address_is_said_to_be_none(url: str, place: str) -> None:
    assert await failure(url) == (
        Code.BAD_REQUEST,
        f"{place} is not an address to post to: http:// or https://, and a host",
    )
