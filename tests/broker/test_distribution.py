"""Apache Kafka is fetched once and completely, or not there for a reason; it does not outlive the tests."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker import leash
from broker.distribution import VERSION, Distribution, UnavailableError, obtain

JAVA = """#!/bin/sh
echo 'openjdk version "{version}" 2025-04-15' >&2
"""
MAVEN = """#!/bin/sh
echo fetched >> {calls}
for word; do case $word in -DoutputDirectory=*) into=${{word#*=}};; esac; done
mkdir -p "$into"
sleep 0.3
touch "$into/{jar}"
exit {code}
"""
OWNER = f"""
import subprocess, sys, time
command = [sys.executable, "-I", "-S", {leash.__file__!r}, "sh", "-c", "echo ready; exec sleep 600"]
held = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
time.sleep(600)
"""
JAR = f"kafka_2.13-{VERSION}.jar"


class Commands:
    """A folder of commands that is the whole path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._calls = folder / "calls"

    def java(self, version: str = "21.0.2") -> None:
        self._write("java", JAVA.format(version=version))

    def maven(self, *, jar: str = JAR, code: int = 0) -> None:
        self._write("mvn", MAVEN.format(calls=self._calls, jar=jar, code=code))

    def forget(self, name: str) -> None:
        (self._folder / name).unlink()

    def fetches(self) -> int:
        return len(self._calls.read_text().split()) if self._calls.exists() else 0

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text)
        (self._folder / name).chmod(0o755)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mkdir", "sleep", "touch"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    return Commands(folder)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def obtained(cache: Path) -> Distribution:
    return obtain(cache, lambda _: None)


def folders(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.is_dir()]


def test_without_java_there_is_no_kafka(commands: Commands, kept: Path) -> None:
    commands.maven()

    with pytest.raises(UnavailableError, match="no `java`"):
        obtained(kept)


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_292"])
def test_an_old_java_is_not_enough(commands: Commands, kept: Path, version: str) -> None:
    commands.java(version)
    commands.maven()

    with pytest.raises(UnavailableError, match="17 or newer"):
        obtained(kept)


def test_without_maven_what_was_fetched_before_is_enough(commands: Commands, kept: Path) -> None:
    commands.java()
    with pytest.raises(UnavailableError, match="no `mvn`"):
        obtained(kept)

    commands.maven()
    said: list[str] = []
    first = obtain(kept, said.append)
    assert said == [f"fetching Apache Kafka {VERSION}, which takes about a minute"]
    commands.forget("mvn")

    assert obtained(kept) == first


def test_two_runs_at_once_fetch_it_once(commands: Commands, kept: Path) -> None:
    commands.java()
    commands.maven()

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(obtained, (kept, kept))

    assert first == second
    assert first.jars.joinpath(JAR).exists()
    assert commands.fetches() == 1


@pytest.mark.parametrize(("jar", "code"), [(JAR, 1), ("something-else.jar", 0)])
def test_what_was_fetched_in_part_is_not_kept(commands: Commands, kept: Path, jar: str, code: int) -> None:
    commands.java()
    commands.maven(jar=jar, code=code)

    with pytest.raises(UnavailableError, match="Maven"):
        obtained(kept)
    assert folders(kept) == []

    commands.maven()
    assert obtained(kept).jars.exists()


def test_java_chooses_the_partitions_that_murmur2_gives(apache_kafka: Distribution) -> None:
    """The hashes are those of Kafka's own UtilsTest.testMurmur2."""
    hashes = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }

    assert apache_kafka.partitions(list(hashes), 7) == [(number & 0x7FFFFFFF) % 7 for number in hashes.values()]


def test_a_command_on_the_leash_dies_with_its_owner_however_that_one_dies() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"

        owner.kill()

        assert owner.stdout.read() == b"", "the command still holds its output, or has said more"
