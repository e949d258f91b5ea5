"""What the tests of the running service share: the loop it runs on, its log, and a gateway."""

import asyncio
import io
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import structlog
import uvloop
from gateways import Local, settings_of, started

from gateway.edges import logs

pytest_plugins = ["broker.fixtures"]

_ON_UVLOOP = frozenset({"web", "journal", "end_to_end", "kafka"})


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The service runs on uvloop, and so do the tests of it; all others on the loop of the standard library."""
    if item.path.parent.name in _ON_UVLOOP:
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the gateway logs, set up as `serve` does. In the end no stack trace may be in it."""
    text, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", text)
        logs.configure("info", "json")
    yield text
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    assert "Traceback" not in text.getvalue()


@pytest.fixture
async def gateway(tmp_path: Path, log: io.StringIO) -> AsyncIterator[Local]:
    """A gateway in this process, on a free port, with a data directory of its own."""
    async with started(settings_of(tmp_path / "data")) as local:
        yield local
