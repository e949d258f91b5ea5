"""The file: how it is made, whose it is, and who may open it."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from journals import opened, rows, shown, taken

from gateway.edges.journal.schema import APPLICATION_ID, MIGRATIONS
from gateway.errors import GatewayError, StartError


def a_database(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_the_file_is_made_so_that_it_is_durable_and_can_shrink(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.accept(taken())

        def pragma(name: str) -> object:
            return rows(tmp_path, f"PRAGMA {name}")[0][0]

        assert pragma("journal_mode") == "wal"
        assert pragma("auto_vacuum") == 2  # INCREMENTAL
        assert pragma("user_version") == len(MIGRATIONS)
        assert pragma("application_id") == APPLICATION_ID
        synchronous = await journal._writer.submit(
            lambda connection: connection.execute("PRAGMA synchronous").fetchone()
        )
        assert synchronous == (2,)  # FULL


async def test_nobody_reads_with_the_right_to_write(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        with pytest.raises(GatewayError, match="readonly"):
            await journal._read(lambda connection: connection.execute("DELETE FROM meta"))


async def test_a_directory_belongs_to_one_journal_at_a_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as first:
        receipt = await first.accept(taken())
        with pytest.raises(StartError, match="in use by another gateway"):
            async with opened(tmp_path):
                pass

        assert await shown(first) == list(receipt.event_ids)

    async with opened(tmp_path) as second:
        assert await shown(second) == list(receipt.event_ids)


async def test_what_was_accepted_is_there_again(tmp_path: Path) -> None:
    ids: list[str] = []
    for _ in range(3):
        async with opened(tmp_path) as journal:
            before = await journal.bounds()
            ids += (await journal.accept(taken())).event_ids
            assert await shown(journal) == ids
            assert (await journal.bounds()).incarnation == before.incarnation


async def test_every_new_file_is_an_incarnation_of_its_own(tmp_path: Path) -> None:
    found = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        async with opened(tmp_path / name) as journal:
            found.add((await journal.bounds()).incarnation)

    assert len(found) == 2


async def test_a_file_of_a_newer_version_is_refused_with_both_versions(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        receipt = await journal.accept(taken())
    newer = len(MIGRATIONS) + 1
    a_database(tmp_path / "journal.db", f"PRAGMA user_version = {newer}")

    with pytest.raises(StartError, match=f"version {newer}.*up to {newer - 1}"):
        async with opened(tmp_path):
            pass

    assert rows(tmp_path, "PRAGMA user_version") == [(newer,)]
    a_database(tmp_path / "journal.db", f"PRAGMA user_version = {newer - 1}")
    async with opened(tmp_path) as again:
        assert await shown(again) == list(receipt.event_ids)


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(("PRAGMA application_id = 252006673", "CREATE TABLE theirs (x)"), id="another application"),
        pytest.param(("CREATE TABLE theirs (x)",), id="a nameless application"),
        pytest.param(("CREATE TABLE theirs (x)", "PRAGMA user_version = 1"), id="of a version we know"),
    ],
)
async def test_the_database_of_another_program_is_refused_and_left_as_it_is(
    tmp_path: Path, statements: tuple[str, ...]
) -> None:
    file = tmp_path / "journal.db"
    a_database(file, *statements)
    before = file.read_bytes()

    with pytest.raises(StartError, match="another program"):
        async with opened(tmp_path):
            pass

    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"This is a text." * 100, b"SQLite format 3\0" + b"\xff" * 4080])
async def test_what_is_no_database_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "journal.db"
    file.write_bytes(content)

    with pytest.raises(StartError, match=r"journal\.db cannot be opened"):
        async with opened(tmp_path):
            pass

    assert file.read_bytes() == content


async def test_a_directory_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.db").mkdir()

    with pytest.raises(StartError, match=r"journal\.db cannot be opened"):
        async with opened(tmp_path):
            pass


async def test_a_directory_that_could_not_be_opened_is_not_locked(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    file.write_bytes(b"This is a text." * 100)
    with pytest.raises(StartError):
        async with opened(tmp_path):
            pass
    file.unlink()

    async with opened(tmp_path) as journal:
        assert (await journal.accept(taken())).outcome == "accepted"


async def test_an_empty_file_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch()

    async with opened(tmp_path) as journal:
        assert (await journal.accept(taken())).outcome == "accepted"


@pytest.mark.parametrize("name", ["with blank", "with?question", "with#hash", "with%25percent", "ümläut"])
async def test_a_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    directory.mkdir()

    async with opened(directory) as journal:
        receipt = await journal.accept(taken())
        assert await shown(journal) == list(receipt.event_ids)
    assert (directory / "journal.db").is_file()
