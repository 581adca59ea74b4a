"""Hostile parties in a running training: the honest ones finish it, the service goes on in bounded memory."""

import threading
from collections import Counter

import pytest

from tests.aggregator.conftest import limits
from tests.aggregator.parties import Party, update_of
from tests.aggregator.trainings import Experiment
from tests.hostile.party_storm import PartyStorm, storm_party
from tests.hostile.storm import resident_kib
from tests.support.service import start_service, wait_until

# The shapes that most parties send hold: more of them are honest.
HONEST, HOSTILE = 4, 3
ROUNDS = 4
# What the allocator may keep of frames that came and went.
MOST_GROWTH_KIB = 64 * 1024


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    options = limits("rejoin_seconds=60")
    with start_service(tmp_path_factory.mktemp("parties"), *options, pending_seconds=0.05) as running:
        yield running


def attacked(service, frames, *, seed):
    """Train with honest parties while hostile ones send `frames`; returns what became of the frames."""
    remote = {"quorum": HONEST / (HONEST + HOSTILE), "max_timeout": 3600}
    experiment = Experiment(service, parties=HONEST + HOSTILE, remote=remote, learning={"rounds": ROUNDS})
    result = PartyStorm(wanted=frames)

    def train(number, given):
        # The last round ends when the storm does.
        wait_until(lambda: result.share() >= min(number / ROUNDS, 1.0), 1800)
        return update_of([number, 2 * number])

    experiment.reaches("accepting_parties")
    honest = [Party(service, experiment.id, rts_id, train=train) for rts_id in experiment.rts[:HONEST]]
    storm = threading.Thread(
        target=storm_party,
        args=(service, experiment.id, experiment.rts[HONEST:], result),
        kwargs={"seed": seed},
    )
    storm.start()
    storm.join()
    assert [party.ended(120) for party in honest] == ["stopped"] * HONEST
    assert experiment.reaches("completed", 60)["federated_learning_info"]
    return result


def check(service, frames, *, trainings, seed):
    """Attack trainings; returns how many frames were sent of each sort, and the service's growth (KiB)."""
    attacked(service, 1500, seed=seed)
    before = resident_kib(service)
    sent, findings = Counter(), []
    for number in range(1, trainings + 1):
        result = attacked(service, frames // trainings, seed=seed + number)
        sent += result.frames
        findings += result.findings
    grown = resident_kib(service) - before
    assert findings == [], f"{len(findings)} findings; keep them in tests/protocol/corpus"
    assert service.http()("GET", "/v2/projects").status_code == 200
    assert "Traceback" not in service.log()
    assert grown < MOST_GROWTH_KIB
    return sent, grown


def test_hostile_parties_do_not_keep_a_training_from_its_end(target):
    found = attacked(target, 1200, seed=7)
    assert found.findings == []
    assert all(found.frames[sort] for sort in ("well-formed", "damaged", "update", "no WebSocket frame"))
    assert "Traceback" not in target.log()


@pytest.mark.thorough
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_hostile_frames_find_nothing(target):
    frames, _ = check(target, 100_000, trainings=20, seed=8)
    assert frames.total() >= 100_000
