"""Requests that once found something: answered or cut off in time, without a traceback in the log."""

from pathlib import Path

import pytest

from tests.hostile.wire import Wire
from tests.support.service import start_service

CORPUS = Path(__file__).parent / "corpus"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    limits = ("--limit", "idle_seconds=0.5", "--limit", "header_seconds=0.5")
    with start_service(tmp_path_factory.mktemp("corpus"), *limits) as running:
        yield running


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.http")), ids=lambda path: path.stem)
def test_every_request_of_the_corpus_is_answered_and_ends(hasty, path):
    http = hasty.http()
    token = http.session.headers["Authorization"].encode()
    wire = Wire(hasty)
    answer = wire.ask(path.read_bytes().replace(b"{token}", token))
    assert 400 <= answer.status < 500 or (answer.status == 200 and b"health" in path.read_bytes())
    assert wire.ends()
    wire.close()
    assert http("GET", "/v2/projects").status_code == 200
    assert "Traceback" not in hasty.log()
