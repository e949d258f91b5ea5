"""The other programs to compare with, made ready to run outside the repository.

They lie in a folder of their own and are run from there, never copied. What each of them needs is installed once, by
the ordinary client of its registry, into a folder of the user's cache whose name is made from the recipe. Each believes
posts that are signed with its own fixed secret, and forgets what it has seen.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from servers import Contestant

SECRET = "s3cret"
INSTALL_SECONDS = 1800
READY = "ready"
BROKER_HAS_IT = "the broker has it"

PYTHON = ("aiohttp", "uvloop", "orjson", "aiokafka", "fastapi", "uvicorn", "faststream[kafka]")
NODE = ("kafkajs",)
SARAMA = ("github.com/Shopify/sarama@v1.38.1",)
BENTO = ("github.com/warpstreamlabs/bento@v1.2.0",)


class CannotBeHadError(Exception):
    """A control cannot run here, and why."""


class Control(Struct, frozen=True):
    """A control: its source, how its needs are installed, and how it is run.

    In the command and the environment of `contestant`, `[kit]`, `[source]` and `[folder]` stand for what was
    installed, the file, and the folder of the file.
    """

    source: str
    install: Callable[[Path, Path, Sequence[str]], None]
    packages: Sequence[str]
    contestant: Contestant


def had(folder: Path, cache: Path, wanted: Callable[[str], bool], say: Callable[[str], object]) -> Iterator[Contestant]:
    """Every control of the folder that is wanted; one that cannot be had says so in `missing`."""
    for control in CONTROLS:
        if wanted(control.contestant.name):
            try:
                yield _ready(control, folder, cache, say)
            except CannotBeHadError as error:
                yield replace(control.contestant, missing=str(error))


def _ready(control: Control, folder: Path, cache: Path, say: Callable[[str], object]) -> Contestant:
    source = folder / control.source
    if not source.is_file():
        raise CannotBeHadError(f"{source} is not there")
    kit = cache / _kit_name(control, source)
    if not (kit / READY).exists():
        say(f"installing what {control.source} needs: {', '.join(control.packages)}")
        shutil.rmtree(kit, ignore_errors=True)
        kit.mkdir(parents=True)
        control.install(kit, source, control.packages)
        (kit / READY).touch()
    places = {"[kit]": str(kit), "[source]": str(source), "[folder]": str(folder)}
    made = control.contestant
    environment = {name: _placed(text, places) for name, text in made.environment.items()}
    return replace(made, command=tuple(_placed(part, places) for part in made.command), environment=environment)


def _kit_name(control: Control, source: Path) -> str:
    """Controls that need the same share a kit, but what is compiled has one of its own."""
    recipe = [sys.version, *control.packages]
    if control.install is _go:
        recipe.append(source.read_text())
    name = control.install.__name__.strip("_")
    return f"{name}-{hashlib.sha256(repr(recipe).encode()).hexdigest()[:8]}"


def _placed(text: str, places: Mapping[str, str]) -> str:
    for name, place in places.items():
        text = text.replace(name, place)
    return text


def _python(kit: Path, _: Path, packages: Sequence[str]) -> None:
    _run(kit, sys.executable, "-m", "venv", str(kit / "venv"))
    _run(kit, str(kit / "venv/bin/python"), "-m", "pip", "install", "--quiet", *packages)


def _node(kit: Path, _: Path, packages: Sequence[str]) -> None:
    _run(kit, "npm", "install", "--prefix", str(kit), "--no-fund", "--no-audit", *packages)


def _go(kit: Path, source: Path, packages: Sequence[str]) -> None:
    _run(kit, "go", "mod", "init", "control")
    _run(kit, "go", "get", *packages)
    _run(kit, "go", "build", "-mod=mod", "-o", str(kit / "program"), str(source))


def _run(kit: Path, program: str, *arguments: str) -> None:
    if shutil.which(program) is None:
        raise CannotBeHadError(f"there is no `{program}` on the path")
    try:
        done = subprocess.run(
            [program, *arguments], cwd=kit, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotBeHadError(f"`{program}` took longer than {INSTALL_SECONDS} s") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise CannotBeHadError(f"`{Path(program).name} {arguments[0]}` failed: {last[0]}")


def _contestant(name: str, *command: str, answers: int, ready: int, **environment: str) -> Contestant:
    promise = BROKER_HAS_IT if any("{kafka}" in part for part in (*command, *environment.values())) else "nothing"
    return Contestant(
        name=name,
        command=command,
        ready=("/", ready),
        environment={"PYTHONDONTWRITEBYTECODE": "1", **environment},
        status=answers,
        secret=SECRET,
        promise=promise,
    )


_VENV = "[kit]/venv/bin/python"
CONTROLS = (
    Control(
        "bare_aiohttp.py",
        _python,
        PYTHON,
        _contestant("bare_aiohttp.py", _VENV, "[source]", "{port}", answers=202, ready=404),
    ),
    Control(
        "gosarama.go",
        _go,
        SARAMA,
        _contestant("Go + sarama", "[kit]/program", "{port}", "{kafka}", answers=204, ready=401),
    ),
    Control(
        "aiohttp_aiokafka.py",
        _python,
        PYTHON,
        _contestant(
            "aiohttp + aiokafka",
            *(_VENV, "[source]", "{port}", "{kafka}"),
            answers=204,
            ready=404,
            MB=str(1024 * 1024),
            UV="1",
        ),
    ),
    Control(
        "bento.go",
        _go,
        BENTO,
        _contestant(
            "Bento",
            *("[kit]/program", "-c", "[folder]/bento.yaml", "-s", "http.enabled=false"),
            *("-s", "input.http_server.address=127.0.0.1:{port}"),
            *("-s", "output.kafka_franz.seed_brokers.0={kafka}"),
            answers=200,
            ready=404,
            WEBHOOK_SECRET=SECRET,
        ),
    ),
    Control(
        "node_kafkajs.js",
        _node,
        NODE,
        _contestant(
            "Node + kafkajs",
            *("node", "[source]", "{port}", "{kafka}"),
            answers=204,
            ready=401,
            NODE_PATH="[kit]/node_modules",
            IDEM="1",
        ),
    ),
    Control(
        "fastapi_faststream.py",
        _python,
        PYTHON,
        _contestant(
            "FastAPI + FastStream",
            *(_VENV, "-m", "uvicorn", "fastapi_faststream:app", "--app-dir", "[folder]", "--host", "127.0.0.1"),
            *("--port", "{port}", "--no-access-log"),
            answers=204,
            ready=404,
            BS="{kafka}",
        ),
    ),
)
"""From the leanest to the most comfortable."""


def default_cache() -> Path:
    """The folder in the user's cache that keeps what was installed from one run to the next."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251 - no setting of the gateway
    return Path(home) / "bitbucket-webhook-gateway" / "controls"
