"""Who may ask: an API token as a bearer, or whoever may open the socket in the data directory."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from gateways import LEDGER, Gateway, Local, a_session, settings_of, started
from hooks import change, native_push


@pytest.mark.parametrize("bearer", [None, ""])
@pytest.mark.parametrize("target", ["/api/v1/events", "/api/v1/nothing", "/api/v1/", "/api/v1/events?limit=0"])
async def test_without_a_token_nobody_learns_which_addresses_there_are(
    gateway: Local, target: str, bearer: str | None
) -> None:
    answer = await gateway.get(target, bearer=bearer)

    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "bbgw_of-the-tests", "Token bbgw_of-the-tests"])
async def test_only_a_bearer_is_a_token(gateway: Local, header: str) -> None:
    assert (await gateway.ask("GET", "/api/v1/events", {"Authorization": header})).status == 401


@pytest.mark.parametrize("bearer", ["x", "bbgw_of-the-test", "bbgw_of-the-tests2", "BBGW_OF-THE-TESTS", "é"])
@pytest.mark.parametrize("target", ["/api/v1/events", "/api/v1/nothing"])
async def test_a_token_nobody_gave_out_is_forbidden(gateway: Local, target: str, bearer: str) -> None:
    answer = await gateway.get(target, bearer=bearer)

    assert (answer.status, answer.code) == (403, "forbidden")
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("target", ["/api/v1/nothing", "/api/v1/", "/api/v1/events/1", "/api/v2/events"])
async def test_with_a_token_an_address_that_is_not_there_is_a_404(gateway: Local, target: str) -> None:
    answer = await gateway.get(target)

    assert (answer.status, answer.code) == (404, "not_found")


async def test_the_token_is_made_where_none_is_configured(tmp_path: Path) -> None:
    async with started(settings_of(tmp_path / "data", admin_token=None)) as gateway:
        file = tmp_path / "data" / "admin.token"

        assert (await gateway.get("/api/v1/events", bearer=file.read_text().strip())).status == 200
        assert (await gateway.get("/api/v1/events")).status == 403
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.fixture
async def beside(gateway: Local) -> AsyncIterator[Gateway]:
    """The same gateway through the socket in its data directory."""
    connector = aiohttp.UnixConnector(str(gateway.data_dir / "gateway.sock"))
    async with a_session(connector) as session:
        yield Gateway("gateway", session, gateway.data_dir)


async def test_the_socket_in_the_data_directory_asks_for_no_token(gateway: Local, beside: Gateway) -> None:
    told = await gateway.post(LEDGER, native_push(change()))

    shown = (await beside.get("/api/v1/events", bearer=None)).json()["items"]
    assert [item["id"] for item in shown] == told.events
    assert (await beside.get("/api/v1/nothing", bearer=None)).status == 404
    assert (await beside.get("/readyz", bearer=None)).status == 200
    assert (gateway.data_dir / "gateway.sock").stat().st_mode & 0o777 == 0o600


async def test_a_socket_whose_path_is_too_long_is_bound_all_the_same(tmp_path: Path) -> None:
    data = tmp_path / ("long-" * 25) / "data"
    async with started(settings_of(data)):
        path = data / "gateway.sock"
        assert path.is_socket()
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


async def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(data / "gateway.sock"))

    async with started(settings_of(data)) as gateway:
        connector = aiohttp.UnixConnector(str(data / "gateway.sock"))
        async with a_session(connector) as session:
            beside = Gateway("gateway", session, gateway.data_dir)
            assert (await beside.get("/livez", bearer=None)).status == 200
