"""One token for a whole deployment, renewed early, renewed once when refused, never asked for in vain."""

import base64
import json
import threading
import time

import pytest

from pulumi_wmlfl.client import WmlClient
from pulumi_wmlfl.client.auth import TokenSource
from pulumi_wmlfl.client.deadlines import within
from pulumi_wmlfl.client.transport import Transport
from pulumi_wmlfl.config import Settings
from pulumi_wmlfl.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    RateLimited,
    UnexpectedAnswer,
    WmlflError,
)
from tests.support.scripted import answer, scripted, silence

SIGN_IN = {"cloud": "/identity/token", "cpd": "/icp4d-api/v1/authorize"}


def settings(service, **more):
    chosen = {
        "platform": "local",
        "url": service.url,
        "iam_url": service.url,
        "apikey": service.apikey,
        "ca_file": service.ca_file,
        "retries": 0,
    }
    return Settings(**{**chosen, **more})


def sign_ins(service, path="/identity/token"):
    return len(service.control.requests(path=path))


def in_threads(count, work):
    """Run `work` in threads that start at the same moment; return results and errors."""
    start, results = threading.Barrier(count), []

    def run():
        start.wait()
        try:
            results.append(work())
        except WmlflError as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({}, "/identity/token"),
        ({"platform": "cpd", "username": "developer"}, "/icp4d-api/v1/authorize"),
        ({"platform": "cpd", "username": "developer", "authentication": "zenapikey"}, None),
    ],
)
def test_every_way_to_sign_in(service, more, path):
    before = sign_ins(service, path) if path else 0
    client = WmlClient(settings(service, **more))
    assert list(client.list("models", service.scope)) == []
    assert list(client.list("trainings", service.scope)) == []
    if path:
        assert sign_ins(service, path) == before + 1


def test_a_password_serves_as_well(service):
    chosen = settings(service, platform="cpd", username="developer", apikey="", password=service.apikey)
    assert list(WmlClient(chosen).list("models", service.scope)) == []


def test_threads_share_one_sign_in(service):
    client = WmlClient(settings(service))
    before = sign_ins(service)
    found = in_threads(16, lambda: list(client.list("models", service.scope)))
    assert found == [[]] * 16
    assert sign_ins(service) == before + 1


def test_an_expired_token_is_renewed_once_for_all_threads(service):
    client = WmlClient(settings(service))
    list(client.list("models", service.scope))
    before = sign_ins(service)
    service.control.change(clock_offset=7200)
    found = in_threads(8, lambda: list(client.list("models", service.scope)))
    assert found == [[]] * 8
    assert sign_ins(service) == before + 1


def test_a_token_that_is_refused_for_ever_is_renewed_once(service):
    client = WmlClient(settings(service))
    list(client.list("models", service.scope))
    tokens = sign_ins(service)
    tries = len(service.control.requests(path="/ml/v4/models"))
    service.control.fault(path="/ml/v4/models", status=401, count=0)
    with pytest.raises(AuthenticationFailed, match="authentication_token_expired"):
        list(client.list("models", service.scope))
    assert sign_ins(service) == tokens + 1
    assert len(service.control.requests(path="/ml/v4/models")) == tries + 2


def test_a_create_that_met_an_expired_token_is_sent_again(service):
    client = WmlClient(settings(service))
    list(client.list("models", service.scope))
    service.control.change(clock_offset=7200)
    body = {"name": "r", "allowed_identities": [{"id": service.user_id, "type": "user"}]}
    made = client.create("remote_training_systems", {**body, **service.scope.as_dict()})
    assert made.metadata.name == "r"


def test_a_fixed_token_is_not_tried_twice(client_of, scope):
    with scripted(answer(401)) as server:
        with pytest.raises(AuthenticationFailed, match="WMLFL_TOKEN"):
            client_of(server).get("models", "m", scope)
        assert len(server.seen) == 1


def source_of(server, clock, **more):
    chosen = Settings(
        **{
            "platform": "local",
            "url": server.url,
            "iam_url": server.url,
            "apikey": "k-1",
            "retries": 0,
            **more,
        }
    )
    transport = Transport(chosen, sleep=lambda _seconds: None)
    return TokenSource(chosen, transport=transport, clock=clock)


def jwt(number, **claims):
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head{number}.{part}.tail"


@pytest.mark.parametrize(
    ("said", "early"),
    [
        ({"expires_in": 3600}, 2880),
        # Cloud Pak for Data says nothing of it but in the token.
        ({}, 800),
        ({"expires_in": "soon"}, 800),
    ],
)
def test_a_token_is_renewed_when_four_fifths_of_its_life_have_passed(said, early):
    now = [10_000.0]
    tokens = [answer(200, {"access_token": jwt(n, exp=11_000), **said}) for n in range(2)]
    with scripted(*tokens) as server:
        source = source_of(server, lambda: now[0])
        first = source.header()
        now[0] += early - 1
        assert source.header() == first
        now[0] += 2
        assert source.header() != first
        assert len(server.seen) == 2


def test_a_renewal_that_fails_costs_nothing_while_the_token_lives():
    now = [0.0]
    good = answer(200, {"access_token": "a.b.c", "expires_in": 1000})
    with scripted(good, answer(503)) as server:
        source = source_of(server, lambda: now[0])
        value = source.header()
        now[0] = 900.0
        assert source.header() == value
        # And it is not asked again for every request.
        assert source.header() == value
        assert len(server.seen) == 2
        now[0] = 1000.0
        with pytest.raises(Exception, match="WML answered 503"):
            source.header()


def test_a_wrong_key_is_asked_for_once_by_all_that_wait(service):
    client = WmlClient(settings(service, apikey="no-such-key"))
    before = sign_ins(service)
    service.control.fault(path="/identity/token", delay=0.3, count=0)
    errors = in_threads(12, lambda: list(client.list("models", service.scope)))
    assert {type(error) for error in errors} == {AuthenticationFailed}
    assert len({id(error) for error in errors}) == 12
    assert sign_ins(service) < before + 12
    assert all("no-such-key" not in str(error) for error in errors)


@pytest.mark.parametrize(
    ("answered", "error", "words"),
    [
        (
            answer(400, {"errorCode": "BXNIM0415E", "errorMessage": "Not found."}),
            AuthenticationFailed,
            "BXNIM0415E",
        ),
        (
            answer(401, {"exception": "Wrong", "message": "Wrong"}),
            AuthenticationFailed,
            "Could not sign in at",
        ),
        (answer(429), RateLimited, "429"),
        (answer(200, {"access_token": ""}), UnexpectedAnswer, "no token"),
        (answer(200, {"access_token": 5}), UnexpectedAnswer, "no token"),
        (answer(200, "<html>"), UnexpectedAnswer, "HTML"),
    ],
)
def test_what_sign_in_answers_becomes_one_sentence(answered, error, words):
    with scripted(answered) as server, pytest.raises(error, match=words):
        source_of(server, time.time).header()


def test_a_sign_in_is_not_ended_by_the_operation_that_happened_to_need_it():
    with scripted(answer(503, Retry_After="30"), answer(200, {"access_token": "a.b.c"})) as server:
        source = source_of(server, time.time, retries=1)
        with within(5):
            assert source.header() == "Bearer a.b.c"


def test_a_silent_sign_in_ends():
    with scripted(silence) as server, pytest.raises(Exception, match=r"Could not sign in.*0.2 s"):
        source_of(server, time.time, request_timeout=0.2).header()


def test_nobody_there_is_told_to_all_that_wait():
    with scripted(silence) as server:
        source = source_of(server, time.time)
    errors = in_threads(4, source.header)
    assert {type(error) for error in errors} == {ConnectionFailed}
