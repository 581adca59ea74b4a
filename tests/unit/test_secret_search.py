"""The search for secrets finds them wherever they were planted: else its silence would say nothing."""

import base64
import sqlite3
import subprocess
import sys
import zipfile
from urllib.parse import quote

import pytest

from tests.support.secrets import SECRETS, Secrets

SECRET = "planted+secret/of=this-test"
WRITTEN = {
    "as it is": SECRET,
    "in a URL": f"https://host/path?apikey={quote(SECRET, safe='')}",
    "in base64": base64.b64encode(f"user:{SECRET}".encode()).decode(),
    "in base64, one further": base64.b64encode(f"user1:{SECRET}!".encode()).decode(),
    "in base64, two further": base64.urlsafe_b64encode(f"user12:{SECRET}!!".encode()).decode(),
}


@pytest.fixture
def secrets():
    made = Secrets()
    made.use(SECRET, "the key")
    return made


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_secret_in_a_file_is_found(secrets, tmp_path, written):
    (tmp_path / "state.json").write_text(f'{{"value": "{written}"}}')
    secrets.search_folder(tmp_path)
    assert secrets.findings == ["the key in state.json"]


def test_a_secret_in_a_database_or_an_archive_is_found(secrets, tmp_path):
    with sqlite3.connect(tmp_path / "service.sqlite") as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (?)", (SECRET,))
        database.commit()
        with zipfile.ZipFile(tmp_path / "kit.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("party.yml", f"key: {SECRET}\n" * 9)
        secrets.search_folder(tmp_path)
    database.close()
    assert "the key in kit.zip: party.yml" in secrets.findings
    assert any("service.sqlite" in finding for finding in secrets.findings)


def test_only_named_files_may_have_one(secrets, tmp_path):
    (tmp_path / "ready.json").write_text(SECRET)
    (tmp_path / "ready.json.bak").write_text(SECRET)
    secrets.search_folder(tmp_path)
    assert secrets.findings == ["the key in ready.json.bak"]


def test_a_token_is_found_without_being_known(secrets):
    token = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}')
    assert secrets.found_in(b"Bearer " + token) == {"a token"}


@pytest.fixture
def planted():
    """What the session itself finds; taken back, so that it does not fail."""
    before = list(SECRETS.findings)
    SECRETS.use(SECRET, "the planted key")
    yield SECRETS.findings
    SECRETS.findings[:] = before
    SECRETS.forget(SECRET)


def test_the_session_finds_a_secret_in_arguments_and_in_output(planted):
    subprocess.run(
        [sys.executable, "-c", "import sys; print(sys.argv[1])", SECRET], capture_output=True, check=True
    )
    assert any("the planted key in the arguments of" in finding for finding in planted)
    assert any("the planted key in the output of" in finding for finding in planted)


def test_the_session_collects_what_processes_are_given(planted):
    value = "given-to-a-process-only"
    subprocess.run([sys.executable, "-c", "print()"], env={"WMLFL_APIKEY": value}, check=True)
    assert SECRETS.used[value] == "what WMLFL_APIKEY had"
    SECRETS.forget(value)
