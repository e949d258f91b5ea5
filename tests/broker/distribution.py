"""Apache Kafka as Maven Central gives it: a folder of jars, fetched once and kept in the user's cache.

The folder appears complete or not at all, under a name made from what was asked for; a lock lets one run fetch while
the others wait for it.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

VERSION = "4.1.0"
MIN_JAVA = 17
FETCH_SECONDS = 900
RUN_SECONDS = 60

_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_PARTITIONS = Path(__file__).with_name("Partitions.java")
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId>
  <artifactId>broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>{VERSION}</version>
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


class UnavailableError(Exception):
    """There is no Apache Kafka to be had here, and why."""


class Distribution(Struct, frozen=True):
    """Apache Kafka, ready to run: the `java` command, and the folder of jars, its Java client and tools among them."""

    java: str
    jars: Path

    def command(self, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """The command line of a main class or a Java file with its arguments; `options` are those of the JVM."""
        quietly = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [self.java, *options, quietly, "-cp", f"{self.jars}/*", *arguments]

    def run(self, *arguments: str, given: str = "") -> str:
        """What a main class or a Java file prints. Raises `RuntimeError` with what it complains about."""
        command = self.command(*arguments, options=("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"))
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
        if done.returncode:
            raise RuntimeError(f"{arguments[0]} failed: {done.stderr or done.stdout}")
        return done.stdout

    def partitions(self, keys: Sequence[bytes], partitions: int) -> list[int]:
        """The partition among so many to which Java's producer sends each key. It needs a JDK, not only a JRE."""
        answer = self.run(str(_PARTITIONS), str(partitions), given="".join(f"{key.hex()}\n" for key in keys))
        return [int(line) for line in answer.split()]


def obtain(cache: Path, say: Callable[[str], object]) -> Distribution:
    """The distribution kept in that folder, fetched with Maven if need be. Raises `UnavailableError`."""
    java = _java()
    jars = cache / f"kafka-{VERSION}-{hashlib.sha256(_POM.encode()).hexdigest()[:8]}"
    if not jars.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with _lock(cache / "lock"):
            if not jars.exists():
                say(f"fetching Apache Kafka {VERSION}, which takes about a minute")
                _fetch(jars)
    return Distribution(java, jars)


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise UnavailableError("there is no `java` on the path")
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=RUN_SECONDS, check=False).stderr
    version = re.search(r'version "(\d+)', shown)
    if version is None or int(version[1]) < MIN_JAVA:
        raise UnavailableError(f"`java` is not Java {MIN_JAVA} or newer, which Kafka {VERSION} needs")
    return java


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError(f"there is no `mvn` on the path, and Kafka {VERSION} was not fetched before")
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=jars.parent) as folder:
        pom, drafts = Path(folder, "pom.xml"), Path(folder, "jars")
        pom.write_text(_POM)
        _copy_dependencies(maven, pom, drafts)
        if not (drafts / f"kafka_2.13-{VERSION}.jar").exists():
            raise UnavailableError(f"Maven did not bring Kafka {VERSION}")
        drafts.rename(jars)


def _copy_dependencies(maven: str, pom: Path, into: Path) -> None:
    options = ("-q", "-B", "--strict-checksums", "-Dstyle.color=never", "-DincludeScope=runtime")
    command = [maven, *options, "-f", str(pom), _COPY, f"-DoutputDirectory={into}"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"Maven did not fetch Kafka {VERSION} within {FETCH_SECONDS} s") from None
    if done.returncode:
        first = (done.stdout + done.stderr).strip().partition("\n")[0]
        raise UnavailableError(f"Maven could not fetch Kafka {VERSION}: {first}")


def default_cache() -> Path:
    """The folder in the user's cache that keeps it from one run to the next."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251 - no setting of the gateway
    return Path(home) / "bitbucket-webhook-gateway"
