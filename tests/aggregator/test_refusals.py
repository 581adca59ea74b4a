"""Who is refused, and how: on an accepted socket, with type 400 and the reason."""

import pytest

from pulumi_wmlfl.protocol import MessageType, Refusal
from tests.aggregator.parties import Line, Party
from tests.aggregator.trainings import Experiment
from tests.server.samples import made, party_body, project, refused, training_body


def refusal(line):
    found = line.receive()
    assert isinstance(found, Refusal), found
    line.close()
    return found.detail


@pytest.fixture
def experiment(trainer):
    found = Experiment(trainer)
    found.reaches("accepting_parties")
    return found


def test_without_a_good_token(trainer, experiment):
    line = Line(trainer, experiment.id, experiment.rts[0], token="Bearer eyJhbGciOi.nonsense.x")
    assert "the token is invalid" in refusal(line)


def test_a_party_the_training_does_not_name(trainer, experiment):
    other = made(experiment.http, "remote_training_systems", party_body(trainer))["metadata"]["id"]
    assert f"does not name the remote training system {other}" in refusal(Line(trainer, experiment.id, other))


def test_an_unknown_training(trainer, experiment):
    line = Line(trainer, "00000000-0000-4000-8000-00000000dead", experiment.rts[0])
    assert "does not exist" in refusal(line)


def test_a_user_of_another_project(trainer, experiment):
    stranger = trainer.control.new_user(f"stranger-{experiment.id[:8]}")
    token = trainer.http(stranger["apikey"]).session.headers["Authorization"]
    line = Line(trainer, experiment.id, experiment.rts[0], token=token)
    assert "is no member of the project" in refusal(line)


def test_a_user_that_the_remote_training_system_does_not_admit(trainer):
    identities = [{"id": "IBMid-somebody-else", "type": "user"}]
    experiment = Experiment(trainer, identities=identities)
    experiment.reaches("accepting_parties")
    reason = refusal(Line(trainer, experiment.id, experiment.rts[0]))
    assert f"do not admit {trainer.user_id}" in reason


def test_an_address_that_the_remote_training_system_does_not_admit(trainer):
    identities = [{"id": trainer.user_id, "type": "user", "allowed_ips": ["10.0.0.0/8"]}]
    experiment = Experiment(trainer, identities=identities)
    experiment.reaches("accepting_parties")
    assert "from 127.0.0.1" in refusal(Line(trainer, experiment.id, experiment.rts[0]))


def test_a_second_connection_of_the_same_party(trainer, experiment):
    first = Line(trainer, experiment.id, experiment.rts[0])
    assert first.register().accepted
    second = Line(trainer, experiment.id, experiment.rts[0])
    found = second.register()
    assert isinstance(found, Refusal)
    assert "is already connected" in found.detail
    second.close()
    # The first one goes on.
    Party(trainer, experiment.id, experiment.rts[1])
    first.expect(MessageType.TRAIN)
    first.close()


def test_a_party_that_does_not_register_first(trainer, experiment):
    line = Line(trainer, experiment.id, experiment.rts[0])
    line.socket.send(b"\x80")
    assert "A message is a map of header and data" in refusal(line)


def test_a_party_that_registers_as_another(trainer, experiment):
    line = Line(trainer, experiment.id, experiment.rts[0])
    line.rts_id = experiment.rts[1]
    found = line.register()
    assert isinstance(found, Refusal)
    assert "the handshake named" in found.detail
    line.close()


def test_a_training_that_has_ended(trainer, experiment):
    experiment.http("DELETE", f"/ml/v4/trainings/{experiment.id}", params=project(trainer))
    reason = refusal(Line(trainer, experiment.id, experiment.rts[0]))
    assert reason == f"The training {experiment.id} is canceled and accepts no parties."


def test_the_key_of_a_handshake_is_good_for_this_party_of_this_training_alone(trainer, experiment):
    line = Line(trainer, experiment.id, experiment.rts[0])
    key = line.key
    assert line.register().accepted
    line.close()
    again = Line(trainer, experiment.id, experiment.rts[0], token=key)
    assert again.register().accepted
    again.close()
    assert "the token is invalid" in refusal(Line(trainer, experiment.id, experiment.rts[1], token=key))
    answer = experiment.http("GET", "/ml/v4/models", params=project(trainer), headers={"Authorization": key})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("learning", "message"),
    [
        ({"fusion_type": "pfnm"}, "federated_learning.fusion_type: pfnm is not carried out"),
        ({"model": {"type": "caffe"}}, "federated_learning.model.type: The model type 'caffe' is none of"),
        ({"model": None}, "federated_learning.model.type"),
        ({"rounds": None}, "rounds is required"),
        ({"termination_predicate": "f1 > 1"}, "The termination_predicate 'f1 > 1' is not understood"),
        ({"epochs": 0}, "federated_learning.epochs: epochs is a whole number above 0."),
        (
            {"optimizer": "Adam"},
            "federated_learning.optimizer: optimizer has a name, such as SGD, and a spec",
        ),
        ({"optimizer": {"name": "os.system('x')"}}, "federated_learning.optimizer"),
        ({"loss": 3}, "federated_learning.loss: loss is the name of a loss."),
    ],
)
def test_what_cannot_be_done_is_refused_when_the_training_is_created(trainer, learning, message):
    http = trainer.http()
    party = made(http, "remote_training_systems", party_body(trainer))["metadata"]["id"]
    body = training_body(trainer, party, learning=learning)
    refused(http("POST", "/ml/v4/trainings", json=body), 400, message)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            {"type": "url", "location": {}},
            "results_reference.type: Results of the type url are not stored here",
        ),
        (
            {"type": "s3", "location": {"bucket": "b"}},
            "connection.endpoint_url: endpoint_url is required for s3.",
        ),
        ({"type": "fs", "location": {"path": "a/../../b"}}, "results_reference.location.path"),
        ({"type": "fs", "location": {"path": "a" * 256}}, "255 between two '/'"),
        ({"type": "container", "location": {"path": "a/" * 300}}, "at most 512 bytes"),
    ],
)
def test_results_that_cannot_be_stored_are_refused_when_the_training_is_created(trainer, reference, message):
    http = trainer.http()
    party = made(http, "remote_training_systems", party_body(trainer))["metadata"]["id"]
    body = training_body(trainer, party, results_reference=reference)
    refused(http("POST", "/ml/v4/trainings", json=body), 400, message)
