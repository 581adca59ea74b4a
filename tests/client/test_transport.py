"""Retries, deadlines and odd answers: a server does what WML and the gateways before it may do."""

from email.utils import formatdate

import pytest

from pulumi_wmlfl.errors import (
    AnswerLost,
    AuthenticationFailed,
    BadRequest,
    Conflict,
    ConnectionFailed,
    ContentTooLarge,
    FederatedLearningUnavailable,
    NotFound,
    PermissionDenied,
    RequestTimedOut,
    ServerFault,
    UnexpectedAnswer,
    WmlResponseError,
)
from tests.support.scripted import answer, drip, raw, reset, scripted, silence

MODEL = {"metadata": {"id": "m1"}, "entity": {}}
GOOD = answer(200, MODEL)
CUT = raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"metadata": {"id"')
CUT_AND_CLOSED = raw(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"metadata": {"id"')
LOGIN_PAGE = answer(200, "<!DOCTYPE html><html><title>Sign in</title></html>", Content_Type="text/html")


@pytest.mark.parametrize("fault", [503, 500, 502, 504, 520, 408, 429])
def test_a_passing_fault_is_tried_again_after_growing_pauses(client_of, scope, pauses, fault):
    with scripted(answer(fault), answer(fault), answer(fault), GOOD) as server:
        assert client_of(server).get("models", "m1", scope).id == "m1"
    assert pauses == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("fault", [reset, CUT, CUT_AND_CLOSED, raw(b""), raw(b"nonsense\r\n\r\n")])
def test_a_broken_connection_is_tried_again(client_of, scope, fault):
    with scripted(fault, GOOD) as server:
        assert client_of(server).get("models", "m1", scope).id == "m1"


@pytest.mark.parametrize(
    ("value", "pause"),
    [("7", 7.0), ("0", 0.0), ("1.5", 1.5), ("86400", 60.0), ("-3", 0.0), ("soon", 1.0), ("nan", 1.0)],
)
def test_the_server_s_wish_is_honoured_as_far_as_it_is_reasonable(client_of, scope, pauses, value, pause):
    with scripted(answer(429, Retry_After=value), GOOD) as server:
        client_of(server).get("models", "m1", scope)
    assert pauses == [pause]


def test_the_server_s_wish_may_be_a_date(client_of, scope, pauses):
    past = formatdate(0, usegmt=True)
    with scripted(answer(503, Retry_After=past), answer(503, Retry_After="Sat, 99"), GOOD) as server:
        client_of(server).get("models", "m1", scope)
    assert pauses == [0.0, 2.0]


def test_the_number_of_retries_is_a_setting(client_of, scope, pauses):
    with scripted(answer(503, {"trace": "t-1", "errors": [{"code": "busy", "message": "Later"}]})) as server:
        with pytest.raises(ServerFault, match=r"WML answered 503 \(busy: Later; trace t-1\)"):
            client_of(server, retries=2).get("models", "m1", scope)
        assert len(server.seen) == 3
    assert len(pauses) == 2


def test_an_operation_s_own_limit_ends_its_retries(client_of, scope, pauses):
    with scripted(answer(503, Retry_After="30"), GOOD) as server:
        client = client_of(server)
        with client.within(20), pytest.raises(ServerFault, match="time for this operation is up"):
            client.get("models", "m1", scope)
        with client.within(0), pytest.raises(RequestTimedOut, match="time for this operation is up"):
            client.get("models", "m1", scope)
        assert len(server.seen) == 1
        assert client.get("models", "m1", scope).id == "m1"
    assert pauses == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadRequest),
        (422, BadRequest),
        (401, AuthenticationFailed),
        (403, PermissionDenied),
        (404, NotFound),
        (409, Conflict),
        (413, ContentTooLarge),
        (302, WmlResponseError),
    ],
)
def test_a_refusal_is_final(client_of, scope, pauses, status, error):
    with scripted(answer(status, Location="/elsewhere")) as server:
        with pytest.raises(error) as caught:
            client_of(server).get("models", "m1", scope)
        assert len(server.seen) == 1
    assert caught.value.status == status
    assert pauses == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (reset, AnswerLost),
        (CUT, AnswerLost),
        (CUT_AND_CLOSED, AnswerLost),
        (raw(b""), AnswerLost),
        (LOGIN_PAGE, AnswerLost),
        (answer(201, [1]), AnswerLost),
        (answer(201, {"metadata": {}}), AnswerLost),
        (answer(502), AnswerLost),
        (answer(504), AnswerLost),
        (answer(500), ServerFault),
        (answer(503), ServerFault),
        (answer(409), Conflict),
    ],
)
def test_a_create_is_never_sent_twice(client_of, pauses, fault, error):
    with scripted(fault, answer(201, MODEL)) as server:
        with pytest.raises(error):
            client_of(server).create("models", {"name": "m"})
        assert [seen.method for seen in server.seen] == ["POST"]
    assert pauses == []


def test_a_create_without_an_answer_in_time_is_lost_and_says_so(client_of):
    with scripted(silence) as server, pytest.raises(AnswerLost) as caught:
        client_of(server, request_timeout=0.2).create("models", {"name": "m"})
    assert str(caught.value) == (
        "Could not create the model 'm': no answer came (it took too long), so it may have been carried out. "
        "Run the same command again: what was made is found by its marker."
    )


def test_a_create_that_was_refused_for_the_rate_is_sent_again(client_of):
    with scripted(answer(429), answer(201, MODEL)) as server:
        assert client_of(server).create("models", {"name": "m"}).id == "m1"
        assert len(server.seen) == 2


def test_an_answer_that_never_begins_ends_with_the_deadline(client_of, scope):
    with scripted(silence) as server:
        with pytest.raises(RequestTimedOut, match=r"no answer within 0.2 s.*requestTimeout"):
            client_of(server, request_timeout=0.2, retries=1).get("models", "m1", scope)
        assert len(server.seen) == 2


@pytest.mark.timeout(30)
def test_an_answer_that_never_ends_ends_with_the_deadline(client_of, scope):
    with scripted(drip) as server, pytest.raises(RequestTimedOut, match=r"no answer within 0.3 s"):
        client_of(server, request_timeout=0.3, retries=0).get("models", "m1", scope)


def test_an_answer_without_end_is_not_kept_in_memory(client_of, scope):
    block = b"x" * (1 << 20)

    def flood(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[")
        for _ in range(100):
            handler.wfile.write(block)
        handler.close_connection = True

    with scripted(flood) as server, pytest.raises(ConnectionFailed, match="larger than 65536 KiB"):
        client_of(server, retries=0).get("models", "m1", scope)


def test_nobody_there_is_one_sentence(client_of, scope, pauses):
    with scripted(GOOD) as server:
        client = client_of(server, retries=1)
    with pytest.raises(ConnectionFailed) as caught:
        client.get("models", "m1", scope)
    assert str(caught.value) == (
        f"Could not read the model m1: {server.url} cannot be reached (Connection refused). "
        "Check wmlfl:url, the network and whether the service runs."
    )
    assert len(pauses) == 1


def test_a_host_that_speaks_no_tls_is_told_from_a_bad_certificate(client_of, scope):
    with scripted(GOOD) as server:
        server.url = server.url.replace("http:", "https:")
        with pytest.raises(ConnectionFailed, match=r"\(no TLS: .*\)\. Run the same command again\."):
            client_of(server, retries=0).get("models", "m1", scope)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "plain words",
        "\x1b[31mred\x07",
        "[]",
        "null",
        '{"errors": []}',
        '{"errors": "x"}',
        '{"errors": [[1]]}',
        '{"errors": [{"code": {}, "message": [1], "target": 5}], "trace": {}}',
        '{"code": 5, "context": 7}',
        '{"errors": [{"code": "c", "message": "' + "long " * 500 + '"}]}',
        "{" * 200,
        "[" * 100_000,
        "<html><title>Bad\n\nGateway</title>" + "<p>" * 50_000,
        "\ufffd\ud7ff\u202e",
    ],
)
@pytest.mark.parametrize("status", [400, 404, 500])
def test_whatever_a_refusal_says_becomes_one_printable_line(client_of, scope, status, body):
    with scripted(answer(status, body)) as server, pytest.raises(WmlResponseError) as caught:
        client_of(server, retries=0).get("models", "m1", scope)
    text = str(caught.value)
    assert text.isprintable()
    assert f"WML answered {status}" in text
    assert len(text) < 700


@pytest.mark.parametrize(
    "body", ["<html>sign in</html>", "OK", '"text"', "[1]", "{}", '{"metadata": {}}', '{"metadata": [1]}']
)
def test_an_answer_that_is_not_wml_s_is_told_as_such(client_of, scope, pauses, body):
    with scripted(answer(200, body)) as server, pytest.raises(UnexpectedAnswer) as caught:
        client_of(server).get("models", "m1", scope)
    assert "wmlfl:url" in str(caught.value) or "address of WML" in str(caught.value)
    assert pauses == []


@pytest.mark.parametrize("page", [{}, {"resources": None}, {"resources": {}}])
def test_a_listing_without_a_list_does_not_pass_for_an_empty_one(client_of, scope, page):
    with scripted(answer(200, page)) as server, pytest.raises(UnexpectedAnswer, match="no list"):
        list(client_of(server).list("models", scope))


@pytest.mark.parametrize("href", ["/x?start=a", "//x?a=1&start=a", "https://other.example/x?start=a"])
def test_pages_are_followed_on_our_own_host_until_they_end(client_of, scope, href):
    pages = [
        answer(200, {"resources": [MODEL], "next": {"href": href}}),
        answer(200, {"resources": [MODEL], "next": {"href": 5}}),
    ]
    with scripted(*pages) as server:
        assert len(list(client_of(server).list("models", scope))) == 2
        assert "start=a" in server.seen[1].path


def test_pages_that_go_round_in_a_circle_end(client_of, scope):
    page = answer(200, {"resources": [], "next": {"href": "/x?start=a"}})
    with scripted(page) as server, pytest.raises(UnexpectedAnswer, match="circle"):
        list(client_of(server).list("models", scope))


def test_odd_tags_do_not_break_a_listing(client_of, scope):
    items = [
        {"metadata": {"id": str(n)}, "entity": {"tags": tags}} for n, tags in enumerate([5, None, ["x"]])
    ]
    with scripted(answer(200, {"resources": items})) as server:
        assert [found.id for found in client_of(server).list("models", scope, tag="x")] == ["2"]


@pytest.mark.parametrize("body", ["<!DOCTYPE html><html><title>404</title></html>", {"errors": []}, ""])
def test_a_deployment_without_federated_learning_says_so(client_of, scope, body):
    with scripted(answer(404, body)) as server:
        client = client_of(server)
        with pytest.raises(FederatedLearningUnavailable, match="wmlfl serve"):
            client.create("remote_training_systems", {"name": "r"})
        with pytest.raises(FederatedLearningUnavailable):
            list(client.list("trainings", scope))


def test_only_wml_itself_can_say_that_an_object_is_gone(client_of, scope):
    page = answer(404, "<!DOCTYPE html><html><title>404</title></html>")
    with scripted(page, answer(404, {"errors": [{"code": "not_found", "message": "gone"}]})) as server:
        client = client_of(server)
        with pytest.raises(FederatedLearningUnavailable, match="no answer of WML"):
            client.get("models", "m1", scope)
        with pytest.raises(NotFound, match="not_found: gone"):
            client.get("models", "m1", scope)


def test_an_id_cannot_leave_its_place_in_the_path(client_of, scope):
    with scripted(answer(404)) as server:
        with pytest.raises(NotFound):
            client_of(server).delete("models", "../trainings/t?x=", scope)
        assert server.seen[0].path.startswith("/ml/v4/models/..%2Ftrainings%2Ft%3Fx%3D?version=")


def test_one_connection_serves_a_whole_life(client_of, scope):
    """Refusals and empty answers must not cost a new TLS handshake each."""
    nothing = raw(b"HTTP/1.1 204 No Content\r\n\r\n")

    def keep(handler):
        nothing(handler)
        handler.close_connection = False

    with scripted(
        answer(201, MODEL), GOOD, answer(404, {"errors": []}), answer(503), keep, keep, GOOD
    ) as server:
        client = client_of(server)
        client.create("models", {"name": "m"})
        client.get("models", "m1", scope)
        with pytest.raises(NotFound):
            client.get("models", "m2", scope)
        client.delete("models", "m1", scope)
        client.delete("models", "m1", scope)
        client.get("models", "m1", scope)
        assert len(server.seen) == 7
        assert server.connections == 1
