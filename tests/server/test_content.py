"""Content of models: streamed, durable, replaced whole, never served by half."""

import hashlib
import os
import re
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.server.samples import made, model_body, project, refused
from tests.support.service import start_service, wait_until


@pytest.fixture
def model(service, http):
    """Path of a new model."""
    return f"/ml/v4/models/{made(http, 'models', model_body(service))['metadata']['id']}"


def native(service, **more):
    return project(service, content_format="native", **more)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/octet-stream", "application/gzip", "application/zip", None]
)
def test_content_comes_back_whatever_its_content_type(service, http, model, kind):
    content = os.urandom(300_000)
    headers = {"Content-Type": kind} if kind else {}
    answer = http("PUT", f"{model}/content", params=native(service), data=content, headers=headers)
    assert answer.status_code == 201
    attachment = answer.json()
    assert set(attachment) == {"attachment_id", "content_format", "persisted"}
    assert attachment["persisted"] is True
    listed = http("GET", f"{model}/content", params=project(service)).json()
    assert listed == {"total_count": 1, "attachments": [attachment]}
    back = http("GET", f"{model}/download", params=native(service))
    assert back.headers["Content-Length"] == "300000"
    assert back.content == content
    one = http("GET", f"{model}/content/{attachment['attachment_id']}", params=project(service))
    assert one.content == content


def test_an_upload_takes_the_place_of_the_one_before(service, http, model):
    before = http("GET", model, params=project(service)).json()["metadata"]
    first = http("PUT", f"{model}/content", params=native(service), data=b"first").json()
    second = http("PUT", f"{model}/content", params=native(service), data=b"second").json()
    assert first["attachment_id"] != second["attachment_id"]
    listed = http("GET", f"{model}/content", params=project(service)).json()["attachments"]
    assert listed == [second]
    assert http("GET", f"{model}/download", params=project(service)).content == b"second"
    refused(
        http("GET", f"{model}/content/{first['attachment_id']}", params=project(service)),
        404,
        f"The attachment {first['attachment_id']} does not exist",
    )
    after = http("GET", model, params=project(service)).json()["metadata"]
    assert after["modified_at"] >= before["modified_at"]
    assert after["resource_key"] != before["resource_key"]


def test_several_formats_and_names_live_side_by_side(service, http, model):
    http("PUT", f"{model}/content", params=native(service), data=b"n")
    http("PUT", f"{model}/content", params=project(service, content_format="coreML", name="x"), data=b"c")
    answer = http("GET", f"{model}/download", params=project(service))
    refused(answer, 400, "2 contents match. Name one", "invalid_input_argument")
    assert http("GET", f"{model}/download", params=project(service, name="x")).content == b"c"
    answer = http("GET", f"{model}/download", params=project(service, content_format="pmml"))
    refused(answer, 404, "The content of the model", "not_found")


def test_a_removed_content_is_gone(service, http, model):
    attachment = http("PUT", f"{model}/content", params=native(service), data=b"x").json()["attachment_id"]
    item = f"{model}/content/{attachment}"
    assert http("DELETE", item, params=project(service)).status_code == 204
    refused(http("DELETE", item, params=project(service)), 404, f"The attachment {attachment}")
    refused(http("GET", f"{model}/download", params=project(service)), 404, "does not exist")
    assert http("GET", f"{model}/content", params=project(service)).json()["total_count"] == 0


def test_an_upload_must_name_its_format(service, http, model):
    answer = http("PUT", f"{model}/content", params=project(service), data=b"x")
    refused(answer, 400, "content_format is required", "invalid_input_argument")


def test_equal_contents_are_one_file_until_the_last_model_goes(service, http):
    content = os.urandom(1000)
    file = service.data_dir / "content" / (name := hashlib.sha256(content).hexdigest())[:2] / name
    paths = []
    for _ in range(2):
        path = f"/ml/v4/models/{made(http, 'models', model_body(service))['metadata']['id']}"
        http("PUT", f"{path}/content", params=native(service), data=content)
        paths.append(path)
    assert file.read_bytes() == content
    http("DELETE", paths[0], params=project(service))
    assert http("GET", f"{paths[1]}/download", params=project(service)).content == content
    http("DELETE", paths[1], params=project(service))
    assert not file.exists()


def test_an_upload_that_breaks_off_leaves_nothing(service, http, model):
    address = urlsplit(service.url)
    context = ssl.create_default_context(cafile=service.ca_file)
    head = (
        f"PUT {model}/content?content_format=native&project_id={service.project_id} HTTP/1.1\r\n"
        f"Host: x\r\nAuthorization: {http.session.headers['Authorization']}\r\n"
        "Content-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as raw:
        connection = context.wrap_socket(raw, server_hostname="localhost")
        connection.sendall(head.encode() + b"x" * 500_000)
        incoming = service.data_dir / "content" / "incoming"
        wait_until(lambda: any(incoming.iterdir()))
        connection.close()
    wait_until(lambda: not any(incoming.iterdir()))
    refused(http("GET", f"{model}/download", params=project(service)), 404, "does not exist")


def test_a_kill_in_the_middle_of_an_upload_leaves_the_old_content(tmp_path):
    with start_service(tmp_path) as service:
        http = service.http()
        model = f"/ml/v4/models/{made(http, 'models', model_body(service))['metadata']['id']}"
        http("PUT", f"{model}/content", params=native(service), data=b"old")

        def pieces():
            yield b"n" * 3_000_000
            wait_until(lambda: any((tmp_path / "content" / "incoming").iterdir()))
            service.kill()
            yield b"n" * 3_000_000

        with pytest.raises(OSError):  # noqa: PT011 - a broken connection has many classes
            http("PUT", f"{model}/content", params=native(service), data=pieces())
    with start_service(tmp_path) as service:
        assert service.http()("GET", f"{model}/download", params=project(service)).content == b"old"
        assert list((tmp_path / "content" / "incoming").iterdir()) == []


def peak_memory(pid):
    """Bytes of the largest resident memory a process had."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_memory_does_not_grow_with_the_content(own_service, tmp_path):
    http = own_service.http()
    model = f"/ml/v4/models/{made(http, 'models', model_body(own_service))['metadata']['id']}"
    size = 200 * 1024 * 1024
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(size)
    before = peak_memory(own_service.process.pid)
    with sparse.open("rb") as file:
        answer = http("PUT", f"{model}/content", params=native(own_service), data=file)
    assert answer.status_code == 201
    back = http("GET", f"{model}/download", params=project(own_service), stream=True)
    assert sum(len(chunk) for chunk in back.iter_content(1 << 20)) == size
    assert peak_memory(own_service.process.pid) - before < 40 * 1024 * 1024
