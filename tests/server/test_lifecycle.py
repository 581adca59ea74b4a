"""Start and stop: the port, the folder, the ready file, signals, certificates."""

import json
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.service import Http, spawn, start_service


def said(process):
    """Wait for a process that ends by itself; return its exit code and its lines."""
    out, _ = process.communicate(timeout=60)
    return process.returncode, out.strip().splitlines()


def test_it_says_where_it_is_and_never_prints_the_key(tmp_path):
    extra = tmp_path / "elsewhere" / "wml.json"
    with start_service(tmp_path / "data", "--ready-file", str(extra)) as service:
        assert json.loads(extra.read_text()) == service.ready
        for file in (extra, service.ready_file, tmp_path / "data" / "service.sqlite"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(Path(service.ca_file).stat().st_mode) == 0o644
        assert service.ready["pid"] == service.process.pid
        keys = {"url", "ca_file", "apikey", "user_id", "username", "project_id", "space_id", "pid", "version"}
        assert set(service.ready) == keys | {"control_token"}
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(15) == 0
        lines = service.log_file.read_text().strip().splitlines()
        assert service.url in lines[1]
        assert lines[-1] == "Stopped."
        assert service.apikey not in "".join(lines)
        assert service.ready["control_token"] not in "".join(lines)
        assert not extra.exists()
        assert not service.ready_file.exists()


def test_it_stops_at_once_with_open_connections(own_service):
    http = own_service.http()
    assert http("GET", "/v2/projects").status_code == 200
    own_service.process.terminate()
    assert own_service.process.wait(5) == 0


def test_key_and_authority_are_the_same_after_a_restart(tmp_path):
    seen = []
    for _ in range(2):
        with start_service(tmp_path) as service:
            seen.append((service.apikey, Path(service.ca_file).read_text()))
            service.kill()
    assert seen[0] == seen[1]


def test_a_folder_in_use_is_one_clear_line(service):
    code, lines = said(spawn(service.data_dir))
    assert (code, len(lines)) == (11, 1)
    assert f"is in use by another server (process {service.process.pid})" in lines[0]
    assert service.http()("GET", "/v2/projects").status_code == 200
    assert (service.data_dir / "ready.json").exists()


def test_a_taken_port_is_one_clear_line(service, tmp_path):
    port = str(urlsplit(service.url).port)
    code, lines = said(spawn(tmp_path, "--port", port))
    assert (code, len(lines)) == (11, 1)
    assert lines[0].startswith(f"error: Cannot listen on 127.0.0.1:{port}: Address already in use.")
    assert "--port" in lines[0]
    assert not (tmp_path / "ready.json").exists()


def test_a_folder_that_cannot_be_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    code, lines = said(spawn(tmp_path / "file" / "sub"))
    assert (code, len(lines)) == (11, 1)
    assert "cannot be written" in lines[0]
    assert "--data-dir" in lines[0]


def test_a_folder_of_a_newer_version_is_one_clear_line(tmp_path):
    database = sqlite3.connect(tmp_path / "service.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    code, lines = said(spawn(tmp_path))
    assert (code, len(lines)) == (11, 1)
    assert "written by a newer version of pulumi-wmlfl" in lines[0]


def test_a_damaged_database_is_one_clear_line(tmp_path):
    (tmp_path / "service.sqlite").write_bytes(b"this is no database, " * 500)
    code, lines = said(spawn(tmp_path))
    assert (code, len(lines)) == (11, 1)
    assert "cannot be opened" in lines[0]


def test_a_remote_address_needs_a_flag_and_a_key_of_its_own(tmp_path):
    code, lines = said(spawn(tmp_path, "--host", "0.0.0.0"))
    assert (code, len(lines)) == (11, 1)
    assert "can be reached from other machines" in lines[0]
    assert "--allow-remote" in lines[0]
    code, lines = said(spawn(tmp_path, "--host", "0.0.0.0", "--allow-remote"))
    assert (code, len(lines)) == (11, 1)
    assert "wmlfl keys add" in lines[0]
    code, lines = said(spawn(tmp_path, "hospital-a", command="keys add"))
    assert code == 0
    with start_service(tmp_path, "--host", "0.0.0.0", "--allow-remote") as service:
        assert service.http(lines[-1].strip())("GET", "/v2/projects").status_code == 200


def test_an_unknown_host_is_one_clear_line(tmp_path):
    code, lines = said(spawn(tmp_path, "--host", "no.such.host.invalid", "--allow-remote"))
    assert (code, len(lines)) == (11, 1)


def test_the_certificate_is_good_for_every_local_name(service):
    address = urlsplit(service.url)
    context = ssl.create_default_context(cafile=service.ca_file)
    for name in ("127.0.0.1", "localhost", "::1"):
        with (
            socket.create_connection((address.hostname, address.port)) as raw,
            context.wrap_socket(raw, server_hostname=name) as wrapped,
        ):
            assert wrapped.version() in {"TLSv1.2", "TLSv1.3"}


def test_a_wrong_limit_is_explained(tmp_path):
    code, lines = said(spawn(tmp_path, "--limit", "speed=1"))
    assert code == 2
    assert "There is no limit 'speed'. Limits: evaluation_seconds, header_seconds" in lines[-1]
    code, lines = said(spawn(tmp_path, "--limit", "idle_seconds=x"))
    assert code == 2
    assert "--limit idle_seconds needs a number above 0." in lines[-1]


@pytest.mark.parametrize("module", ["pulumi_wmlfl.server.lifecycle", "pulumi_wmlfl.cli.serve"])
def test_the_service_loads_no_pulumi(module):
    code = f"import {module}, sys; sys.exit('pulumi' in sys.modules or 'requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_it_answers_over_ipv6_where_there_is_one(tmp_path):
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with start_service(tmp_path, "--host", "::1") as service:
        assert service.url.startswith("https://[::1]:")
        assert Http(service.url, service.ca_file, "x")("GET", "/control/v1/health").status_code == 200
