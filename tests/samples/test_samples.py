"""Every sample becomes exactly the events that lie beside it, which were written without asking the code."""

from collections.abc import Iterator
from importlib import resources
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from gateway.authenticate import Refused
from gateway.delivery import Delivery, Hosts, Scope
from gateway.dialects import DIALECTS, which
from gateway.edges.sender import request_of
from gateway.errors import StartError
from gateway.intake import Intake, intake
from gateway.samples import SAMPLES, Sample, sample
from gateway.secrets import Keyring, MasterKey

HOSTS = Hosts()
KEYRING = Keyring((MasterKey(b"a master key of the samples' test"),))
EVERY_SAMPLE = pytest.mark.parametrize("name", SAMPLES)


def delivered(what: Sample, scope: Scope) -> Delivery:
    """The sample as the gateway receives it when a hook of that scope sends it."""
    sent = request_of(
        what.dialect,
        what.event_key,
        what.body(),
        url=f"https://gateway.example.com{scope.path()}",
        secret=KEYRING.secret(scope),
        token=KEYRING.token(scope),
        request_id="6f1f2c1c-53f7-4d7e-9a53-0f7f3c1f7a10",
    )
    headers = {name.lower(): value for name, value in sent.headers.items()}
    tokens = parse_qs(urlsplit(sent.url).query).get("token", [None])
    return Delivery(
        id="01",
        scope=scope,
        dialect=which(HOSTS.get(scope.hostname), headers),
        event_key=headers.get("x-event-key", ""),
        headers=headers,
        body=sent.body,
        received_at=1_767_225_600_000,
        token=tokens[0],
    )


def taken_in(delivery: Delivery) -> Intake:
    found = intake(delivery, HOSTS.get(delivery.scope.hostname), KEYRING, "bitbucket.{family}")
    assert not isinstance(found, Refused), found.reason
    return found


def events_of(found: Intake) -> list[dict[str, object]]:
    return [
        {"type": draft.type, "subject": draft.subject, "key": draft.key, "data": orjson.loads(draft.data)}
        for draft in found.drafts
    ]


def expected_events(name: str) -> list[dict[str, object]]:
    found = orjson.loads(resources.files("gateway.samples").joinpath(f"{name}.events.json").read_bytes())
    assert isinstance(found, list)
    return found


@EVERY_SAMPLE
def test_a_sample_becomes_the_events_beside_it(name: str) -> None:
    what = SAMPLES[name]

    found = taken_in(delivered(what, Scope.parse(what.key)))

    assert events_of(found) == expected_events(name)
    assert (found.outcome, found.key, found.reason) == ("accepted", what.key, None)


@EVERY_SAMPLE
def test_a_sample_says_the_same_to_a_hook_of_the_whole_host(name: str) -> None:
    what = SAMPLES[name]

    found = taken_in(delivered(what, Scope.parse(what.key.partition("/")[0])))

    assert events_of(found) == expected_events(name)


@EVERY_SAMPLE
def test_a_sample_is_sent_in_the_dialect_it_claims(name: str) -> None:
    what = SAMPLES[name]

    assert delivered(what, Scope.parse(what.key)).dialect == what.dialect


@EVERY_SAMPLE
def test_a_sample_without_proof_is_refused(name: str) -> None:
    what = SAMPLES[name]
    scope = Scope.parse(what.key)
    stranger = Keyring((MasterKey(b"a master key of somebody elsewhere"),))

    found = intake(delivered(what, scope), HOSTS.get(scope.hostname), stranger, "bitbucket.{family}")

    assert isinstance(found, Refused)


def test_every_event_key_of_every_dialect_has_a_sample() -> None:
    understood = {(dialect, event_key) for dialect, room in DIALECTS.items() for event_key in room.events}

    assert {(what.dialect, what.event_key) for what in SAMPLES.values()} == understood


def test_the_table_names_every_file_and_every_file_is_named() -> None:
    files = {entry.name for entry in resources.files("gateway.samples").iterdir() if entry.name.endswith(".json")}

    assert files == {f"{name}{ending}" for name in SAMPLES for ending in (".json", ".events.json")}


@pytest.mark.parametrize("name", ["post-receive-push", "data-center-repo-refs-changed", "cloud-repo-push"])
def test_a_push_of_each_dialect_holds_branches_and_a_tag_made_moved_and_deleted(name: str) -> None:
    what = SAMPLES[name]

    found = taken_in(delivered(what, Scope.parse(what.key)))
    told = {(draft.type, (draft.subject or "").split("/")[1]) for draft in found.drafts}

    assert told == {
        ("ref.created", "heads"),
        ("ref.updated", "heads"),
        ("ref.created", "tags"),
        ("ref.deleted", "heads"),
    }


def values_under(node: object, name: str) -> Iterator[object]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == name)
        for value in node.values():
            yield from values_under(value, name)
    if isinstance(node, list):
        for value in node:
            yield from values_under(value, name)


@pytest.mark.parametrize(
    ("name", "kind"), [("data-center-repo-refs-changed", int), ("data-center-10-repo-refs-changed", str)]
)
def test_the_samples_show_both_ways_in_which_data_center_writes_times(name: str, kind: type) -> None:
    times = list(values_under(orjson.loads(SAMPLES[name].body()), "authorTimestamp"))

    assert times
    assert all(type(found) is kind for found in times)


def test_a_sample_is_found_by_its_name() -> None:
    assert sample("cloud-repo-push") is SAMPLES["cloud-repo-push"]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(StartError) as caught:
        sample("cloud-repo-pull")

    assert "'cloud-repo-pull'" in caught.value.lines[0]
    assert [line.strip() for line in caught.value.lines[1:]] == list(SAMPLES)
