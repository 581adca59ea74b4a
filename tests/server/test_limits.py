"""Hostile and unlucky clients, and a full disk: a clear answer, and the service goes on."""

import contextlib
import json
import resource
import socket
import ssl
from urllib.parse import urlsplit

import pytest

from tests.server.samples import made, model_body, party_body, project, refused
from tests.support.service import Http, start_service, wait_until
from tests.support.sockets import open_websocket


@contextlib.contextmanager
def connection(service):
    """A TLS connection without any HTTP on it."""
    address = urlsplit(service.url)
    context = ssl.create_default_context(cafile=service.ca_file)
    with (
        socket.create_connection((address.hostname, address.port), timeout=30) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as wrapped,
    ):
        yield wrapped


def everything(wrapped):
    """Read until the other side closes."""
    found = b""
    with contextlib.suppress(OSError):
        while chunk := wrapped.recv(65536):
            found += chunk
    return found


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"a":' * 100_000, "not valid JSON"),
        (b"[" * 65 + b"]" * 65, "nested too deeply"),
        (b'{"name": NaN}', "not valid JSON"),
        (b'{"name": 1e999}', "A number in the request body is too large."),
        (b'{"name": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b'{"name": "\\ud800"}', "A text in the request body is not Unicode."),
        (b'{"\\udfff": 1}', "A text in the request body is not Unicode."),
        (b'{"name": "a\\u0000b"}', "null character"),
        (b"null", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"", "not valid JSON"),
    ],
)
def test_bodies_that_are_no_json_are_refused(service, http, body, message):
    for path in ("/ml/v4/models", "/ml/v4/remote_training_systems", "/ml/v4/trainings"):
        refused(http("POST", path, data=body), 400, message)


def test_a_body_over_the_limit_is_refused_before_and_while_it_is_read(service, http):
    large = b'{"name": "' + b"x" * (5 * 1024 * 1024) + b'"}'
    message = "The body is larger than 4194304 bytes."
    refused(http("POST", "/ml/v4/models", data=large), 413, message, "request_too_large")
    chunked = iter([large[:3_000_000], large[3_000_000:]])
    refused(http("POST", "/ml/v4/models", data=chunked), 413, message)
    assert http("GET", "/v2/projects").status_code == 200


def test_content_over_the_limit_is_refused(service, http):
    model = made(http, "models", model_body(service))["metadata"]["id"]
    path = f"/ml/v4/models/{model}/content?content_format=native&project_id={service.project_id}"
    token = http.session.headers["Authorization"]
    with connection(service) as wrapped:
        head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Length: {10**12}\r\n\r\n"
        wrapped.sendall(head.encode())
        answer = everything(wrapped)
    assert b"413" in answer.split(b"\r\n")[0]
    assert b"larger than 536870912 bytes" in answer


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A service that waits a second at most, and takes few connections."""
    folder = tmp_path_factory.mktemp("hasty")
    limits = ("idle_seconds=0.5", "header_seconds=0.5", "most_connections=20")
    options = [part for limit in limits for part in ("--limit", limit)]
    with start_service(folder, *options) as running:
        yield running


def test_a_slow_head_and_a_slow_body_are_cut_off(hasty):
    token = hasty.http().session.headers["Authorization"]
    with connection(hasty) as wrapped:
        wrapped.sendall(b"GET /v2/projects HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert everything(wrapped) == b""
    with connection(hasty) as wrapped:
        head = (
            f"POST /ml/v4/models HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Length: 100\r\n\r\n"
        )
        wrapped.sendall(head.encode() + b"{")
        answer = everything(wrapped)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"The body of the request came too slowly." in answer


def test_too_many_connections_get_a_clear_answer_and_the_others_go_on(hasty):
    http = hasty.http()
    assert http("GET", "/v2/projects").status_code == 200
    with contextlib.ExitStack() as stack:
        for _ in range(25):
            wrapped = stack.enter_context(connection(hasty))
        answer = everything(wrapped)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"too many open connections" in answer
        assert http("GET", "/v2/projects").status_code == 200
    wait_until(lambda: Http(hasty.url, hasty.ca_file, "x")("GET", "/control/v1/health").status_code == 200)


def test_connections_that_never_greet_are_bounded_and_forgotten_when_they_end(hasty):
    """Each takes memory from the moment it is accepted, before TLS and any key."""
    address = urlsplit(hasty.url)
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            raw = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=30))
        # The last one is far beyond the limit: it is closed without an answer. Else this times out.
        with contextlib.suppress(ConnectionError):
            assert raw.recv(1) == b""
    wait_until(lambda: answers(hasty))


def answers(service):
    """Say whether a client gets its answer."""
    try:
        return Http(service.url, service.ca_file, "x")("GET", "/control/v1/health").status_code == 200
    except OSError:
        return False


def test_websockets_that_have_ended_do_not_count_among_the_open_connections(hasty):
    for _ in range(25):
        with open_websocket(hasty, "/ml/v4/trainings/none/aggregator:443") as party:
            assert b"there is no token" in party.recv(10)
    assert hasty.http()("GET", "/v2/projects").status_code == 200


def test_a_body_that_nobody_reads_does_not_keep_its_connection(hasty):
    with connection(hasty) as wrapped:
        wrapped.sendall(b"POST /ml/v4/models HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        assert wrapped.recv(65536).startswith(b"HTTP/1.1 401")
        wrapped.sendall(b"{")
        assert ended(wrapped)


@pytest.mark.parametrize(
    ("method", "more", "status"),
    [("GET", f"X-Large: {'a' * 30_000}\r\n", b"431"), ("POST", "Content-Length: 2\r\n", b"400")],
)
def test_a_handshake_that_cannot_be_read_is_answered(service, method, more, status):
    handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    with connection(service) as wrapped:
        head = f"{method} /ml/v4/trainings/x/aggregator:443 HTTP/1.1\r\nHost: x\r\n{handshake}{key}{more}\r\n"
        wrapped.sendall(head.encode())
        assert wrapped.recv(65536).split()[1] == status
        assert ended(wrapped)


def ended(wrapped):
    """Wait for the other side to close; fails after the socket's time-out."""
    try:
        while wrapped.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_a_head_that_never_ends_is_refused(service):
    with connection(service) as wrapped:
        with contextlib.suppress(OSError):
            wrapped.sendall(b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * 200_000)
        head, _, body = everything(wrapped).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["errors"][0]["code"] == "bad_request"


def test_what_is_no_http_does_no_harm(service, http):
    address = urlsplit(service.url)
    for junk in (b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff"):
        with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
            raw.sendall(junk)
            raw.shutdown(socket.SHUT_WR)
            everything(raw)
    assert http("GET", "/v2/projects").status_code == 200


@pytest.fixture
def small_files():
    """No file of a process started here may grow beyond 1 MB: writing fails as on a full disk.

    The limit is inherited. Setting it between fork and exec is not safe in a process with gRPC's threads.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_a_clear_error_and_the_service_goes_on(tmp_path, small_files):
    with start_service(tmp_path) as service:
        http = service.http()
        model = made(http, "models", model_body(service))["metadata"]["id"]
        path, query = f"/ml/v4/models/{model}", project(service, content_format="native")
        answer = http("PUT", f"{path}/content", params=query, data=b"x" * 3_000_000)
        refused(answer, 507, "its disk may be full", "insufficient_storage")
        assert http("PUT", f"{path}/content", params=query, data=b"small").status_code == 201
        large = party_body(service, custom={"filler": "x" * 900_000})
        answers = [http("POST", "/ml/v4/remote_training_systems", json=large) for _ in range(4)]
        refused(answers[-1], 507, "its disk may be full")
        assert http("GET", f"{path}/download", params=query).content == b"small"
        assert http("GET", "/ml/v4/models", params=project(service)).json()["resources"]
