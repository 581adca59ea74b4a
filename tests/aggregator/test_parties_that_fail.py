"""Parties that die, lie, dawdle, repeat themselves or send too much: each alone pays for it."""

import contextlib
import math
import threading

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from pulumi_wmlfl.protocol import Frame, MessageType, Refusal
from tests.aggregator.conftest import limits
from tests.aggregator.parties import Line, Party, update_of
from tests.aggregator.trainings import Experiment
from tests.support.service import start_service, wait_until


def registered(trainer, experiment, index):
    line = Line(trainer, experiment.id, experiment.rts[index])
    assert line.register().accepted
    return line


def two_of_three(trainer, rounds=2, **learning):
    """A training that goes on without one of its three parties; two of them behave."""
    experiment = Experiment(
        trainer, parties=3, remote={"quorum": 0.6}, learning={"rounds": rounds, **learning}
    )
    experiment.reaches("accepting_parties")
    return experiment


BAD = [
    ({"weights": [[1.0, 2.0, 3.0]]}, "is of another model"),
    ({"weights": [[1.0, math.nan]]}, "not finite"),
    ({"weights": [["a", "b"]]}, "not rows of numbers"),
    ({"weights": None}, "has no weights"),
    ({}, "has no weights"),
    (None, "has no weights"),
    ({"weights": [np.ones(2, np.float32)]}, "is of another model"),
]


@pytest.mark.parametrize(("payload", "reason"), BAD)
def test_a_lying_party_is_refused_alone(trainer, payload, reason):
    experiment = two_of_three(trainer)
    liar = registered(trainer, experiment, 2)
    honest = [Party(trainer, experiment.id, rts_id) for rts_id in experiment.rts[:2]]
    request = liar.expect(MessageType.TRAIN)
    liar.answer(request, payload)
    found = liar.receive()
    assert isinstance(found, Refusal)
    assert reason in found.detail
    liar.close()
    status = experiment.reaches("completed")
    assert [party.ended() for party in honest] == ["stopped", "stopped"]
    assert honest[0].given[1] == {"weights": [[1.0, 2.0]]}
    event = next(entry for entry in experiment.log_of(experiment.rts[2]) if entry["event"] == "refuse")
    assert reason in event["reason"]
    assert len(status["metrics"]) == 2


@pytest.mark.parametrize("frame", [b"\xc1", b"", b"\x93\x01\x02", "text"])
def test_a_party_that_sends_nonsense_is_refused_alone(trainer, frame):
    experiment = two_of_three(trainer)
    broken = registered(trainer, experiment, 0)
    honest = [Party(trainer, experiment.id, rts_id) for rts_id in experiment.rts[1:]]
    broken.socket.send(frame)
    refusal = next(found for found in iter(broken.receive, None) if isinstance(found, Refusal))
    assert refusal.detail
    broken.close()
    experiment.reaches("completed")
    assert [party.ended() for party in honest] == ["stopped", "stopped"]


def test_pickled_objects_are_never_read(trainer):
    experiment = two_of_three(trainer)
    line = registered(trainer, experiment, 0)
    honest = [Party(trainer, experiment.id, rts_id) for rts_id in experiment.rts[1:]]
    request = line.expect(MessageType.TRAIN)
    pickled = {b"nd": True, b"type": "|O", b"kind": b"O", b"shape": [1], b"data": b"cos\nsystem\n(S'x'\ntR."}
    frame = Frame(
        id_request=request.id_request,
        message_type=MessageType.TRAIN,
        sender_info=line.rts_id,
        data={"status": "success", "payload": {"weights": [pickled]}},
    )
    line.socket.send(frame.encode())
    found = line.receive()
    assert isinstance(found, Refusal)
    assert "objects" in found.detail
    line.close()
    experiment.reaches("completed")
    assert [party.ended() for party in honest] == ["stopped", "stopped"]


def test_a_refused_party_may_register_again_and_take_part(trainer):
    experiment = Experiment(trainer, learning={"rounds": 2})
    experiment.reaches("accepting_parties")
    party = Party(trainer, experiment.id, experiment.rts[0])
    liar = registered(trainer, experiment, 1)
    liar.answer(liar.expect(MessageType.TRAIN), {"weights": [["?"]]})
    assert isinstance(liar.receive(), Refusal)
    liar.close()
    again = Party(trainer, experiment.id, experiment.rts[1])
    experiment.reaches("completed")
    assert (party.ended(), again.ended()) == ("stopped", "stopped")


def test_a_party_that_fails_to_train_is_asked_again_in_the_next_round(trainer):
    experiment = two_of_three(trainer, rounds=2)

    def train(number, given):
        if number == 1:
            raise ValueError("no data today")
        return update_of([number, number])

    parties = [Party(trainer, experiment.id, experiment.rts[0], train=train)]
    parties += [Party(trainer, experiment.id, rts_id) for rts_id in experiment.rts[1:]]
    experiment.reaches("completed")
    assert [party.ended() for party in parties] == ["stopped"] * 3
    assert len(parties[0].given) == 2
    event = next(entry for entry in experiment.log_of(experiment.rts[0]) if entry["event"] == "fail")
    assert (event["round"], event["reason"]) == (1, "no data today")


def test_a_slow_party_is_not_waited_for_once_there_is_a_quorum_and_comes_back_later(trainer):
    experiment = two_of_three(trainer, rounds=3)
    slow = registered(trainer, experiment, 0)
    answered = threading.Event()

    def train(number, given):
        # The second round does not end before the slow party has answered the first.
        assert number == 1 or answered.wait(60)
        return update_of([number, 2 * number])

    parties = [Party(trainer, experiment.id, rts_id, train=train) for rts_id in experiment.rts[1:]]
    first = slow.expect(MessageType.TRAIN)
    slow.acknowledge(first)
    # A round ends without it, after late_seconds.
    wait_until(lambda: experiment.status().get("iteration", 0) >= 1)
    slow.answer(first, update_of([900, 900]))
    # It may still be asked to measure the first round's model.
    second = slow.until(MessageType.TRAIN)
    # Its late update is in no model.
    assert second.payload["model_update"] == {"weights": [[1.0, 2.0]]}
    answered.set()
    slow.answer(second, update_of([2, 4]))
    slow.close()
    experiment.reaches("completed")
    assert [party.ended() for party in parties] == ["stopped", "stopped"]
    assert "late" in experiment.events_of(experiment.rts[0])


def test_a_killed_party_is_missed_by_nobody_while_there_is_a_quorum(trainer):
    experiment = two_of_three(trainer, rounds=3)
    doomed = registered(trainer, experiment, 0)
    parties = [Party(trainer, experiment.id, rts_id) for rts_id in experiment.rts[1:]]
    doomed.acknowledge(doomed.expect(MessageType.TRAIN))
    doomed.abort()
    status = experiment.reaches("completed")
    assert [party.ended() for party in parties] == ["stopped", "stopped"]
    assert experiment.events_of(experiment.rts[0]) == ["register", "disconnect"]
    last = status["metrics"][-1]["ml_federated_metrics"]["acc"]["remote_training_systems"]
    assert [entry["id"] for entry in last] == experiment.rts[1:]


def test_a_party_started_again_rejoins_the_running_round(trainer):
    experiment = Experiment(trainer)
    experiment.reaches("accepting_parties")
    party = Party(trainer, experiment.id, experiment.rts[0])
    doomed = registered(trainer, experiment, 1)
    doomed.expect(MessageType.TRAIN)
    doomed.abort()
    again = Party(trainer, experiment.id, experiment.rts[1])
    experiment.reaches("completed")
    assert (party.ended(), again.ended()) == ("stopped", "stopped")
    assert len(again.given) == 2


def test_a_party_that_reconnects_answers_over_the_new_connection_and_counts_once(trainer):
    experiment = Experiment(trainer, learning={"rounds": 2})
    experiment.reaches("accepting_parties")
    other = Party(trainer, experiment.id, experiment.rts[0], train=lambda number, given: update_of([0, 0]))
    first = registered(trainer, experiment, 1)
    request = first.expect(MessageType.TRAIN)
    first.acknowledge(request)
    first.abort()
    wait_until(lambda: "disconnect" in experiment.events_of(experiment.rts[1]))
    # No REGISTER: that is how a party comes back.
    line = Line(trainer, experiment.id, experiment.rts[1], token=first.key)
    line.answer(request, update_of([4, 8]))
    line.answer(request, update_of([4, 8]))
    for kind in (MessageType.SYNC_MODEL, MessageType.EVAL_MODEL):
        line.answer(line.expect(kind), {"acc": 1.0})
    second = line.expect(MessageType.TRAIN)
    assert second.payload["model_update"] == {"weights": [[2.0, 4.0]]}
    line.answer(second, update_of([4, 8]))
    line.close()
    experiment.reaches("completed")
    assert other.ended() == "stopped"


def test_a_request_that_was_lost_with_its_connection_is_sent_again(trainer):
    experiment = Experiment(trainer, parties=1, learning={"rounds": 1})
    experiment.reaches("accepting_parties")
    first = registered(trainer, experiment, 0)
    lost = first.expect(MessageType.TRAIN)
    # Not acknowledged: nobody knows whether it arrived.
    first.abort()
    line = Line(trainer, experiment.id, experiment.rts[0])
    again = line.expect(MessageType.TRAIN)
    assert again.id_request == lost.id_request
    line.answer(again, update_of([1]))
    line.close()
    experiment.reaches("completed")


def test_a_lost_quorum_fails_the_training_and_its_last_model_is_kept(trainer):
    experiment = Experiment(trainer, learning={"rounds": 50})
    experiment.reaches("accepting_parties")
    stays = Party(trainer, experiment.id, experiment.rts[0])
    leaves = registered(trainer, experiment, 1)
    for _ in range(2):
        leaves.answer(leaves.expect(MessageType.TRAIN), update_of([1, 2]))
        for kind in (MessageType.SYNC_MODEL, MessageType.EVAL_MODEL):
            leaves.answer(leaves.expect(kind), {"acc": 1.0})
    leaves.abort()
    status = experiment.reaches("failed")
    assert stays.ended() == "stopped"
    assert status["failure"]["errors"][0]["code"] == "quorum_lost"
    text = status["message"]["text"]
    lost = "The quorum was lost in round 3: 1 of 2 needed take part, and nobody came back. Missing: Party 2. "
    assert text.startswith(lost)
    path = f"/ml/v4/trainings/{experiment.id}/results"
    kept = experiment.http("GET", path, params={"project_id": trainer.project_id}).json()["results"]
    assert any(item["path"].endswith(f"{experiment.id}_2/resources/wml_model/model.zip") for item in kept)


def test_max_timeout_ends_a_round_that_nobody_answers(trainer):
    experiment = Experiment(trainer, parties=1, remote={"max_timeout": 2})
    experiment.reaches("accepting_parties")
    line = registered(trainer, experiment, 0)
    # As IBM's party does when its training fails: an ACK, and then nothing for ever.
    line.acknowledge(line.expect(MessageType.TRAIN))
    line.expect(MessageType.STOP)
    status = experiment.reaches("failed")
    said = "Round 1 took longer than max_timeout (2 s): 0 of 1 needed answered. Missing: Party 1."
    assert said == status["message"]["text"]
    line.close()


def test_an_oversized_message_costs_the_party_its_place_and_nobody_else(tmp_path):
    with start_service(tmp_path, *limits("largest_frame=100000"), pending_seconds=0.05) as service:
        experiment = two_of_three(service)
        large = registered(service, experiment, 0)
        parties = [Party(service, experiment.id, rts_id) for rts_id in experiment.rts[1:]]
        request = large.expect(MessageType.TRAIN)
        with contextlib.suppress(ConnectionClosed):
            large.answer(request, {"weights": [np.zeros(100_000)]})
        experiment.reaches("completed")
        assert [party.ended() for party in parties] == ["stopped", "stopped"]
        event = next(entry for entry in experiment.log_of(experiment.rts[0]) if entry["event"] == "refuse")
        assert "larger than the service accepts" in event["reason"]
        large.close()
