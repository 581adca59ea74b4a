"""Uploads: streamed on both sides, begun anew when they are tried again, never of half a file."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_wmlfl.errors import ContentError, ContentTooLarge
from tests.support.scripted import answer, reset, scripted

CONTENT = os.urandom(300_000)
STORED = answer(201, {"attachment_id": "a1", "content_format": "native", "persisted": True})
LARGE = 208 << 20
SENDER = """
import json, resource, sys
from pulumi_wmlfl.client import Scope, connect
from pulumi_wmlfl.config import resolve_settings
project, model, path = sys.argv[1:]
client = connect(resolve_settings({"wmlfl:platform": "local"}))
scope = Scope("project_id", project)
client.get("models", model, scope)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
client.upload_content(model, scope, lambda: open(path, "rb"), size=int(%d))
sent = peak()
with client.download_content(model, scope) as chunks:
    received = sum(map(len, chunks))
print(json.dumps({"before": before, "sent": sent, "after": peak(), "received": received}))
"""


def upload(client, scope, opened):
    return client.upload_content("m1", scope, opened, size=len(CONTENT))


@pytest.mark.parametrize("fault", [answer(503), answer(500), answer(429), reset])
def test_an_upload_that_is_tried_again_begins_anew(client_of, scope, fault):
    with scripted(fault, STORED) as server:
        assert upload(client_of(server), scope, lambda: io.BytesIO(CONTENT)).attachment_id == "a1"
        assert [seen.body == CONTENT for seen in server.seen] == [True, True]
        assert server.seen[1].headers["Content-Length"] == str(len(CONTENT))
        assert "Transfer-Encoding" not in server.seen[1].headers


def test_an_upload_that_met_an_expired_token_begins_anew(service):
    client = service.client()
    model = new_model(service, client)
    service.control.fault(method="PUT", path=f"{model}/content", status=401)
    client.upload_content(model, service.scope, lambda: io.BytesIO(CONTENT), size=len(CONTENT))
    with client.download_content(model, service.scope) as chunks:
        assert b"".join(chunks) == CONTENT


def test_a_file_that_became_shorter_is_not_stored(service):
    client = service.client()
    model = new_model(service, client)
    with pytest.raises(ContentError, match="became shorter"):
        client.upload_content(model, service.scope, lambda: io.BytesIO(CONTENT[:-1]), size=len(CONTENT))
    assert client.list_content(model, service.scope) == []


def test_a_file_that_became_longer_is_sent_as_it_was_measured(client_of, scope):
    with scripted(STORED) as server:
        upload(client_of(server), scope, lambda: io.BytesIO(CONTENT + b"more"))
        assert server.seen[0].body == CONTENT


def test_a_file_that_cannot_be_read_says_so(client_of, scope):
    class Broken(io.RawIOBase):
        def read(self, _amount=-1):
            raise OSError(5, "Input/output error")

    with scripted(STORED) as server, pytest.raises(ContentError, match="Input/output error"):
        upload(client_of(server), scope, Broken)


def test_content_that_is_too_large_is_told_even_when_the_server_stops_reading(client_of, scope):
    def refuse(handler):
        answer(
            413, {"errors": [{"code": "request_too_large", "message": "At most 1 MiB."}]}, Connection="close"
        )(handler)
        handler.close_connection = True

    refuse.unread = True
    with scripted(refuse) as server, pytest.raises(ContentTooLarge, match="At most 1 MiB"):
        upload(client_of(server), scope, lambda: io.BytesIO(CONTENT))


def test_every_file_is_closed(client_of, scope):
    opened = []

    def content():
        opened.append(io.BytesIO(CONTENT))
        return opened[-1]

    with scripted(answer(503), reset, STORED) as server:
        upload(client_of(server), scope, content)
    assert [stream.closed for stream in opened] == [True] * 3


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_neither_side_holds_a_large_model_in_memory(service, tmp_path):
    model = new_model(service, service.client())
    content = tmp_path / "large"
    with content.open("wb") as file:
        file.truncate(LARGE)
    before = peak_of(service.process.pid)
    done = subprocess.run(
        [sys.executable, "-c", SENDER % LARGE, service.project_id, model, str(content)],
        env={**os.environ, "WMLFL_READY_FILE": str(service.ready_file)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["received"] == LARGE
    assert seen["sent"] - seen["before"] < LARGE / 8
    assert seen["after"] - seen["before"] < LARGE / 8
    assert peak_of(service.process.pid) - before < LARGE / 4


def peak_of(pid):
    """Return the most memory that a process ever had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


def new_model(service, client):
    body = {"name": "m", "type": "tensorflow_2.12", "software_spec": {"name": "runtime-23.1-py3.10"}}
    return client.create("models", {**body, **service.scope.as_dict()}).id
