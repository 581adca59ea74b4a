"""Trainings whose parties behave: states, rounds, metrics, quorum, early ends."""

import struct

import numpy as np
import pytest

from pulumi_wmlfl.protocol import MessageType, Register
from tests.aggregator.conftest import limits
from tests.aggregator.parties import Line, Party, update_of
from tests.aggregator.trainings import Experiment, package
from tests.support.service import start_service


def test_two_parties_train_to_the_end(trainer):
    experiment = Experiment(trainer)
    experiment.reaches("accepting_parties")
    parties = [
        Party(trainer, experiment.id, rts_id, train=lambda number, given, own=own: update_of([own, number]))
        for own, rts_id in enumerate(experiment.rts, start=1)
    ]
    status = experiment.reaches("completed")
    assert [party.ended() for party in parties] == ["stopped", "stopped"]
    # Round 1 begins without weights: the service never opens the package.
    assert parties[0].given == [None, {"weights": [[1.5, 1.0]]}]
    assert (status["iteration"], status["total_iterations"]) == (2, 2)
    assert status["running_at"] >= status["wait_for_quorum_at"]
    moves = [entry["data"]["to"] for entry in experiment.journal() if entry["event"] == "state"]
    assert moves == ["accepting_parties", "running", "storing", "completed"]


def test_metrics_are_reported_per_round_and_party_as_wml_does(trainer):
    experiment = Experiment(trainer, learning={"rounds": 1})
    experiment.reaches("accepting_parties")
    values = [{"f1 micro": 0.5, "loss": float("nan")}, {"f1 micro": 0.75, "text": "ignored"}]
    parties = [
        Party(trainer, experiment.id, rts_id, evaluate=lambda found=found: found)
        for rts_id, found in zip(experiment.rts, values, strict=True)
    ]
    status = experiment.reaches("completed")
    (entry,) = status["metrics"]
    first, second = experiment.rts
    assert entry["iteration"] == 1
    assert entry["ml_federated_metrics"] == {
        "f1 micro": {
            "remote_training_systems": [{"id": first, "fused": 0.5}, {"id": second, "fused": 0.75}],
            "global": 0.625,
        },
        "loss": {"remote_training_systems": [{"id": first, "fused": "nan"}], "global": "nan"},
        "acc": {"remote_training_systems": [{"id": first, "local": 0.25}, {"id": second, "local": 0.25}]},
    }
    info = status["federated_learning_info"]
    connection = info["aggregator"]["connection"]
    assert (connection["protocol"], connection["endpoint"]) == ("wss", f"/ml/v4/trainings/{experiment.id}")
    states = info["remote_training_systems"]["states"]
    assert [(state["id"], state["registration_log"][0]["event"]) for state in states] == [
        (first, "register"),
        (second, "register"),
    ]
    assert [party.ended() for party in parties] == ["stopped", "stopped"]


def test_samples_weigh_in_avg(trainer):
    experiment = Experiment(trainer, learning={"fusion_type": "avg", "rounds": 2})
    experiment.reaches("accepting_parties")
    parties = [
        Party(
            trainer,
            experiment.id,
            rts_id,
            train=lambda number, given, own=own: {**update_of([own]), "train_counts": 10 * own},
        )
        for own, rts_id in zip((1, 3), experiment.rts, strict=True)
    ]
    experiment.reaches("completed")
    assert parties[0].given[1] == {"weights": [[2.5]]}


def test_a_party_is_told_classes_of_the_fixed_table_and_gets_the_package_untouched(trainer):
    content = package("nested/model.pickle")
    learning = {"fusion_type": "avg", "epochs": 3}
    experiment = Experiment(trainer, parties=1, content=content, learning=learning)
    experiment.reaches("accepting_parties")
    line = Line(trainer, experiment.id, experiment.rts[0])
    reply = line.register()
    assert reply.model_config == {
        "name": "SklearnSGDFLModel",
        "path": "ibmfl.model.sklearn_SGD_linear_fl_model",
        "spec": {"model_definition": "nested/model.pickle"},
    }
    assert reply.local_training["name"] == "FedAvgLocalTrainingHandler"
    assert reply.model_package == content
    request = line.expect(MessageType.TRAIN)
    assert request.payload == {
        "model_update": None,
        "hyperparams": {"global": {"rounds": 2}, "local": {"training": {"max_iter": 3}}},
    }
    line.close()


def test_a_pytorch_party_is_told_optimizer_and_loss(trainer):
    learning = {
        "model": {"type": "pytorch"},
        "optimizer": {"name": "torch.optim.Adam", "spec": {"lr": 0.05, "weight_decay": 0.1}},
        "loss": "NLLLoss",
        "epochs": 2,
    }
    content = package("net.pt")
    experiment = Experiment(trainer, parties=1)
    learning["model"]["spec"] = {"id": Experiment(trainer, parties=1, content=content).model_id}
    experiment = Experiment(trainer, parties=1, learning=learning)
    experiment.reaches("accepting_parties")
    line = Line(trainer, experiment.id, experiment.rts[0])
    spec = line.register().model_config["spec"]
    assert spec == {
        "model_definition": "net.pt",
        "optimizer": "optim.Adam",
        "loss_criterion": "nn.NLLLoss",
        "is_classification": True,
    }
    local = line.expect(MessageType.TRAIN).payload["hyperparams"]["local"]
    assert local == {
        "training": {"epochs": 2, "lr": 0.05},
        "optimizer_params": {"optimizer__weight_decay": 0.1},
    }
    line.close()


def zip_of_many(files):
    """A zip whose list of files takes far more memory than itself."""
    head = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0)
    entry = head + b"a.pickle"
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, files * len(entry), 0, 0)
    return entry * files + end


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip at all", "is not a zip"),
        (zip_of_many(200_000), "has too many files in it"),
        (package(""), "has no .pickle"),
        (package("readme.txt"), "has no .pickle or .pkl or .joblib file for scikit-learn"),
    ],
)
def test_a_package_that_no_party_could_load_fails_the_training(trainer, content, said):
    experiment = Experiment(trainer, content=content)
    experiment.reaches("accepting_parties")
    party = Party(trainer, experiment.id, experiment.rts[0])
    status = experiment.reaches("failed")
    assert said in party.ended()
    assert said in status["message"]["text"]
    assert status["failure"]["errors"][0]["code"] == "model_package"


def test_clusters_are_matched_in_one_round(trainer):
    centres = [np.array([[0.0, 0.0], [10.0, 10.0]]), np.array([[10.5, 9.5], [0.5, -0.5]])]
    experiment = Experiment(trainer, learning={"fusion_type": "spahm", "rounds": None})
    experiment.reaches("accepting_parties")
    for rts_id, own in zip(experiment.rts, centres, strict=True):
        Party(
            trainer,
            experiment.id,
            rts_id,
            train=lambda number, given, own=own: {"weights": own},
            evaluate=lambda: {"score": -3.5},
        )
    status = experiment.reaches("completed")
    assert (status["iteration"], status["total_iterations"]) == (1, 1)
    assert status["metrics"][0]["ml_federated_metrics"]["score"]["global"] == -3.5


def test_the_termination_predicate_ends_a_training_early(trainer):
    experiment = Experiment(trainer, learning={"rounds": 9, "termination_predicate": "accuracy >= 0.8"})
    experiment.reaches("accepting_parties")
    accuracies = {rts_id: iter([0.5, 0.7, 0.9, 1.0]) for rts_id in experiment.rts}
    for rts_id in experiment.rts:
        Party(
            trainer, experiment.id, rts_id, evaluate=lambda rts_id=rts_id: {"acc": next(accuracies[rts_id])}
        )
    status = experiment.reaches("completed")
    assert status["iteration"] == 3
    assert "0.9 meets the termination predicate" in status["message"]["text"]


def test_the_quorum_begins_without_the_others_and_late_parties_join(trainer):
    experiment = Experiment(trainer, parties=3, remote={"quorum": 0.6}, learning={"rounds": 200})
    experiment.reaches("accepting_parties")
    early = [Party(trainer, experiment.id, rts_id) for rts_id in experiment.rts[:2]]
    experiment.reaches("running")
    late = Line(trainer, experiment.id, experiment.rts[2])
    assert late.register().accepted
    request = late.until(MessageType.TRAIN)
    # It joins a training that has a model already.
    assert request.payload["model_update"] is not None
    late.close()
    experiment.http("DELETE", f"/ml/v4/trainings/{experiment.id}", params={"project_id": trainer.project_id})
    assert [party.ended() for party in early] == ["stopped", "stopped"]


def test_a_required_party_is_waited_for(trainer):
    experiment = Experiment(trainer)
    systems = [{"id": experiment.rts[0]}, {"id": experiment.rts[1], "required": True}]
    remote = {"quorum": 0.5, "remote_training_systems": systems}
    experiment = Experiment(trainer, remote=remote)
    experiment.rts = [system["id"] for system in systems]
    experiment.reaches("accepting_parties")
    first = Line(trainer, experiment.id, experiment.rts[0])
    assert first.register().accepted
    with pytest.raises(TimeoutError):
        first.receive(1.5)
    assert experiment.state() == "accepting_parties"
    party = Party(trainer, experiment.id, experiment.rts[1])
    first.expect(MessageType.TRAIN)
    assert experiment.reaches("running")["iteration"] == 0
    first.close()
    experiment.http("DELETE", f"/ml/v4/trainings/{experiment.id}", params={"project_id": trainer.project_id})
    assert party.ended() == "stopped"


def test_cancelling_stops_the_parties_at_any_time(trainer):
    experiment = Experiment(trainer)
    experiment.reaches("accepting_parties")
    lines = [Line(trainer, experiment.id, rts_id) for rts_id in experiment.rts]
    assert lines[0].register().accepted
    assert lines[1].register().accepted
    lines[0].expect(MessageType.TRAIN)
    lines[1].expect(MessageType.TRAIN)
    query = {"project_id": trainer.project_id}
    assert experiment.http("DELETE", f"/ml/v4/trainings/{experiment.id}", params=query).status_code == 204
    for line in lines:
        line.expect(MessageType.STOP)
        line.close()
    assert experiment.state() == "canceled"


def test_parties_that_register_at_once_all_get_the_whole_package(trainer):
    content = package(content=bytes(32 << 20))
    experiment = Experiment(trainer, parties=6, content=content, learning={"rounds": 1})
    experiment.reaches("accepting_parties")
    lines = [Line(trainer, experiment.id, rts_id) for rts_id in experiment.rts]
    for line in lines:
        line.send(Register(id_request=1, rts_id=line.rts_id, version="1.0.370"))
    replies = [line.receive() for line in lines]
    assert [reply.accepted for reply in replies] == [True] * 6
    assert {reply.model_package == content for reply in replies} == {True}
    for line in lines:
        line.close()


def test_the_log_tells_a_training_line_by_line_whatever_parties_say(tmp_path):
    def fails_once(number, given):
        if number == 2:
            raise ValueError("no\n2026-01-01 INFO forged\x1b[31m")
        return update_of([1, 2])

    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment = Experiment(service, parties=3, remote={"quorum": 0.5})
        experiment.reaches("accepting_parties")
        parties = [
            Party(service, experiment.id, experiment.rts[0], train=fails_once),
            *(Party(service, experiment.id, rts_id) for rts_id in experiment.rts[1:]),
        ]
        experiment.reaches("completed")
        assert [party.ended() for party in parties] == ["stopped"] * 3
        Experiment(service, remote={"max_timeout": 1}).reaches("failed")
        lines = service.log().splitlines()
    begin = f"training {experiment.id}: "
    told = [line.partition(begin)[2] for line in lines if begin in line]
    first = experiment.rts[0]
    for line in (
        "accepting_parties after pending. The aggregator accepts parties.",
        f"party Party 1 ({first}) registered.",
        "running after accepting_parties. The quorum is reached; 2 rounds begin.",
        "round 1 of 2 begins with Party 1, Party 2, Party 3.",
        "round 1 of 2 is fused from Party 1, Party 2, Party 3.",
        f"party Party 1 ({first}) could not train in round 2: no 2026-01-01 INFO forged [31m",
        "round 2 of 2 is fused from Party 2, Party 3.",
        "storing after running. The results are being stored.",
        "completed after storing. The experiment is complete. All 2 rounds are done.",
    ):
        assert line in told
    assert told[0] == f"created by {service.user_id}: t, 2 rounds of iter_avg, 3 parties."
    assert any("WARNING" in line and "failed after accepting_parties." in line for line in lines)


def test_a_training_whose_quorum_does_not_come_says_who_is_missing(tmp_path):
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment = Experiment(service, parties=3, remote={"max_timeout": 600, "quorum": 0.6})
        experiment.reaches("accepting_parties")
        line = Line(service, experiment.id, experiment.rts[1])
        assert line.register().accepted
        service.control.change(clock_offset=601)
        text = experiment.reaches("failed")["message"]["text"]
        assert text.endswith("within max_timeout: 1 of 2 needed are there. Missing: Party 1, Party 3.")
        line.expect(MessageType.STOP)
        line.close()


def test_who_is_late_does_not_cost_the_others_the_training(tmp_path):
    with start_service(tmp_path, *limits("late_seconds=3600"), pending_seconds=0.05) as service:
        experiment = Experiment(service, parties=3, remote={"max_timeout": 600, "quorum": 0.6})
        experiment.reaches("accepting_parties")
        lines = [Line(service, experiment.id, rts_id) for rts_id in experiment.rts[:2]]
        assert all(line.register().accepted for line in lines)
        service.control.change(clock_offset=601)
        for line in lines:
            assert line.expect(MessageType.TRAIN).payload
            line.close()
