"""The service is killed in the middle of a training and started again."""

import contextlib
import sqlite3

from pulumi_wmlfl.protocol import MessageType
from tests.aggregator.conftest import limits
from tests.aggregator.parties import Line, Party, update_of
from tests.aggregator.trainings import Experiment
from tests.support.service import start_service, wait_until


def through_a_round(line, values):
    request = line.expect(MessageType.TRAIN)
    line.acknowledge(request)
    line.answer(request, update_of(values))
    for kind in (MessageType.SYNC_MODEL, MessageType.EVAL_MODEL):
        line.answer(line.expect(kind), {"acc": 1.0})
    return request


def test_a_killed_service_goes_on_from_the_last_completed_round(tmp_path):
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment = Experiment(service, learning={"rounds": 3})
        experiment.reaches("accepting_parties")
        lines = [Line(service, experiment.id, rts_id) for rts_id in experiment.rts]
        assert all(line.register().accepted for line in lines)
        for line in lines:
            through = line.expect(MessageType.TRAIN)
            line.answer(through, update_of([3, 4]))
        for kind in (MessageType.SYNC_MODEL, MessageType.EVAL_MODEL):
            for line in lines:
                line.answer(line.expect(kind), {"acc": 1.0})
        second = [line.expect(MessageType.TRAIN) for line in lines]
        # One party has answered round 2 when the service dies; that answer is lost.
        lines[0].answer(second[0], update_of([500, 500]))
        keys = [line.key for line in lines]
        service.kill()
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment.service, experiment.http = service, service.http()
        assert experiment.state() == "running"
        # One party comes back without registering, as ours does; the other is a new process.
        back = Line(service, experiment.id, experiment.rts[0], token=keys[0])
        # What it sends of the old round is of no use any more.
        back.answer(second[0], update_of([500, 500]))
        new = Party(service, experiment.id, experiment.rts[1], train=lambda number, given: update_of([5, 6]))
        request = back.expect(MessageType.TRAIN)
        assert request.payload["model_update"] == {"weights": [[3.0, 4.0]]}
        assert request.id_request not in {message.id_request for message in second}
        back.answer(request, update_of([5, 6]))
        for kind in (MessageType.SYNC_MODEL, MessageType.EVAL_MODEL):
            back.answer(back.expect(kind), {"acc": 1.0})
        through_a_round(back, [5, 6])
        back.expect(MessageType.STOP)
        back.close()
        assert new.ended() == "stopped"
        status = experiment.reaches("completed")
        assert [entry["iteration"] for entry in status["metrics"]] == [1, 2, 3]
        fused = [entry["data"]["round"] for entry in experiment.journal() if entry["event"] == "fused"]
        assert fused == [1, 2, 3]
        # Nothing of the running training is left in the data folder.
        wait_until(lambda: list((tmp_path / "trainings").iterdir()) == [])


def test_a_killed_service_stores_what_was_fused_although_nobody_comes_back(tmp_path):
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment = Experiment(service, parties=1, learning={"rounds": 1})
        experiment.reaches("accepting_parties")
        line = Line(service, experiment.id, experiment.rts[0])
        assert line.register().accepted
        line.answer(line.expect(MessageType.TRAIN), update_of([7]))
        # The model is fused and kept; the party never says how good it is.
        line.expect(MessageType.SYNC_MODEL)
        service.kill()
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment.service, experiment.http = service, service.http()
        assert experiment.reaches("completed")["iteration"] == 1


def test_parties_that_do_not_come_back_after_a_restart_fail_the_training(tmp_path):
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment = Experiment(service, parties=1, remote={"max_timeout": 3})
        experiment.reaches("accepting_parties")
        line = Line(service, experiment.id, experiment.rts[0])
        assert line.register().accepted
        line.expect(MessageType.TRAIN)
        service.kill()
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment.service, experiment.http = service, service.http()
        text = experiment.reaches("failed")["message"]["text"]
        assert (
            "The quorum did not come back within max_timeout: 0 of 1 needed are there. Missing: Party 1."
            in text
        )


def test_a_training_that_this_version_cannot_carry_out_fails_and_the_service_starts(tmp_path):
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment = Experiment(service)
        experiment.reaches("accepting_parties")
        service.kill()
    with contextlib.closing(sqlite3.connect(tmp_path / "service.sqlite")) as database:
        entity = "json_set(entity, '$.federated_learning.fusion_type', 'pfnm')"
        database.execute(f"UPDATE objects SET entity = {entity} WHERE id = ?", (experiment.id,))
        database.commit()
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment.service, experiment.http = service, service.http()
        assert "pfnm" in experiment.reaches("failed")["message"]["text"]
        another = Experiment(service)
        another.reaches("accepting_parties")


def test_a_training_that_was_cancelled_by_a_killed_service_leaves_nothing(tmp_path):
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment = Experiment(service)
        experiment.reaches("accepting_parties")
        line = Line(service, experiment.id, experiment.rts[0])
        assert line.register().accepted
        assert (tmp_path / "trainings" / experiment.id / "package.zip").exists()
        service.control.call("POST", f"/trainings/{experiment.id}/state", json={"state": "failed"})
        service.kill()
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment.service, experiment.http = service, service.http()
        assert experiment.state() == "failed"
        assert list((tmp_path / "trainings").iterdir()) == []


def test_no_secret_of_a_party_is_in_the_log_or_the_database(tmp_path):
    with start_service(tmp_path, *limits(), "--log-level", "debug", pending_seconds=0.05) as service:
        experiment = Experiment(service, parties=1, learning={"rounds": 1})
        experiment.reaches("accepting_parties")
        token = service.http().session.headers["Authorization"]
        party = Party(service, experiment.id, experiment.rts[0], token=token)
        assert party.ended() == "stopped"
        experiment.reaches("completed")
        secrets = {token.removeprefix("Bearer "), party.line.key.removeprefix("Bearer ")}
        service.process.terminate()
        service.process.wait(15)
        log = service.log()
    assert experiment.id in log
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("service.sqlite*"))
    for secret in secrets:
        assert secret not in log
        assert secret.encode() not in kept
