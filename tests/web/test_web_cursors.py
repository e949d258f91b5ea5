"""Cursors: valid for ever where they stand, and never taken for what they are not."""

import asyncio
from pathlib import Path
from typing import Any

from gateways import LEDGER, NDJSON, SSE, Local, settings_of, started
from hooks import change, native_push


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


async def test_a_cursor_that_is_not_valid_is_gone_and_the_oldest_is_told(gateway: Local) -> None:
    told = (await gateway.post(LEDGER, native_push(*(change() for _ in range(6))))).events
    incarnation, number = (await gateway.get("/api/v1/events")).json()["next"].split("-")
    assert number == "6"
    wrong = [
        "1",
        "x",
        "-",
        "",
        f"{incarnation}-",
        f"{incarnation}-7",
        f"{incarnation}--1",
        f"{incarnation}-x",
        f"{incarnation}-1.0",
        f"{incarnation}-" + "9" * 30,
        f"{incarnation}-%D9%A3",
        "0" * len(incarnation) + "-1",
        f"{incarnation}-1-1",
    ]
    for accept in (None, NDJSON, SSE):
        for cursor in wrong:
            answer = await gateway.get(f"/api/v1/events?after={cursor}", accept=accept)

            assert (answer.status, answer.code) == (410, "cursor_gone"), cursor
            oldest = answer.json()["detail"].split()[-1]
            assert ids(await gateway.events(f"?after={oldest}")) == told


async def test_a_cursor_of_another_journal_is_gone(tmp_path: Path) -> None:
    cursors = []
    for name in ("one", "other"):
        async with started(settings_of(tmp_path / name)) as gateway:
            await gateway.post(LEDGER, native_push(change()))
            cursors.append((await gateway.get("/api/v1/events")).json()["next"])

    async with started(settings_of(tmp_path / "one")) as gateway:
        assert (await gateway.get(f"/api/v1/events?after={cursors[0]}")).status == 200
        assert (await gateway.get(f"/api/v1/events?after={cursors[1]}")).status == 410


async def test_a_cursor_whose_events_were_forgotten_is_gone(tmp_path: Path) -> None:
    async with started(settings_of(tmp_path / "data")) as gateway:
        await gateway.post(LEDGER, native_push(change()))
        old = (await gateway.get("/api/v1/events")).json()["next"]
        await gateway.post(LEDGER, native_push(change()))

    async with started(settings_of(tmp_path / "data", retention={"deliveries": 0})) as gateway:
        answer = await gateway.get(f"/api/v1/events?after={old}")
        for _ in range(100):
            if answer.status != 200:
                break
            await asyncio.sleep(0.02)
            answer = await gateway.get(f"/api/v1/events?after={old}")
        new = await gateway.post(LEDGER, native_push(change()))

        assert (answer.status, answer.code) == (410, "cursor_gone")
        assert ids(await gateway.events("?after=0")) == new.events
        oldest = answer.json()["detail"].split()[-1]
        assert ids(await gateway.events(f"?after={oldest}")) == new.events
