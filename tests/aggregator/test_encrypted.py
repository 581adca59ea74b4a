"""`crypto_iter_avg` with parties whose keys and ciphertexts are real, and that behave as a test wants.

What they encrypt for each other stays between them, so here it is any bytes.
"""

import io
import threading
import zipfile

import numpy as np
import pytest

from pulumi_wmlfl.fusion import has_pyhelayers
from pulumi_wmlfl.protocol import MessageType
from tests.aggregator.conftest import limits
from tests.aggregator.parties import Line, Party
from tests.aggregator.trainings import Experiment
from tests.server.samples import made, party_body, project, refused, training_body
from tests.support.service import start_service, wait_until

LEARNING = {"fusion_type": "crypto_iter_avg"}
needs_pyhelayers = pytest.mark.skipif(not has_pyhelayers(), reason="the extra `crypto` is not installed")


class Cipher:
    """A key pair, and what a party does with it.

    The parties of a test are threads, and pyhelayers is not made for several: they take turns.
    """

    turn = threading.Lock()

    def __init__(self):
        import pyhelayers

        self.library = pyhelayers
        self.context = pyhelayers.DefaultContext()
        self.context.init(
            pyhelayers.HeConfigRequirement(
                num_slots=2048,
                multiplication_depth=1,
                fractional_part_precision=29,
                integer_part_precision=10,
                security_level=128,
            )
        )
        self.public = self.context.save_to_buffer()
        self.encoder = pyhelayers.TTEncoder(self.context)

    def encrypt(self, values):
        with self.turn:
            shape = self.library.TTShape([1, self.context.slot_count()])
            tensor = self.encoder.encode_encrypt(shape, np.array([values], "float64"))
            ciphertext = tensor.save_to_buffer()
        return {"ct_weights": [[ciphertext, [1, len(values)]]], "weights_dtype": np.dtype("f8")}

    def decrypt(self, update):
        ciphertext, shape = update["ct_weights"][0]
        with self.turn:
            tensor = self.library.CTileTensor(self.context)
            tensor.load_from_buffer(ciphertext)
            return self.encoder.decrypt_decode_double(tensor).reshape(shape)

    def keys(self, parties):
        """The reply to GENERATE_KEYS."""
        texts = {"keys_id": "id", "keys_time": "now"}
        names = ("gen_cert", "he_pb_sign", "he_pr_enc", "he_pr_enc_sign")
        shares = {party: [b"share", b"signature"] for party in parties}
        return {**texts, **dict.fromkeys(names, b"any"), "he_pb": self.public, "party_sym": shares}


class Encrypted(Party):
    """A party that trains encrypted: it sends `values`. `without`: requests that it answers as an error."""

    def __init__(self, cipher, service, experiment, index, *, values=(1.0,), without=()):
        self.cipher, self.values, self.without = cipher, values, without
        self.asked = []
        self.model = None
        super().__init__(service, experiment.id, experiment.rts[index], train=self._trained)

    def _trained(self, number, given):
        return self.cipher.encrypt(self.values)

    def handle(self, request):
        kind, payload = request.message_type, request.payload
        self.asked.append(kind)
        if kind in self.without:
            self.line.answer(request, status="error")
        elif kind is MessageType.REQUEST_CERT:
            self.line.answer(request, {"id": payload["id"], "cert": b"certificate"})
        elif kind in {MessageType.GENERATE_KEYS, MessageType.DISTRIBUTE_KEYS}:
            others = set(payload["party_certs"]) - {self.line.rts_id}
            self.line.answer(request, self.cipher.keys(others))
        elif kind is MessageType.SET_KEYS:
            self.line.answer(request, True)
        elif kind is MessageType.SYNC_MODEL:
            self.model = self.cipher.decrypt(payload["model_update"])
            named = self.line.rts_id in payload.get("model_return_party_ids", ())
            returned = {"weights": self.model.tolist()} if named else None
            self.line.answer(request, {"status": None, "model_return": returned})
        else:
            super().handle(request)


@pytest.fixture(scope="module")
def cipher():
    return Cipher()


def stored_weights(experiment, folder=""):
    """The weights among the results; `folder`: those of a round that is not the last."""
    service, path = experiment.service, f"/ml/v4/trainings/{experiment.id}/results"
    files = experiment.http("GET", path, params=project(service)).json()["results"]
    bundle = next(
        file["path"] for file in files if file["path"].endswith(f"{folder}/resources/wml_model/model.zip")
    )
    answer = experiment.http("GET", f"/v2/asset_files/{bundle}", params=project(service))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return np.load(io.BytesIO(archive.read("weights.npz")))["layer_0"]


@needs_pyhelayers
def test_a_party_returns_the_model_and_one_without_certificate_is_refused(trainer, cipher):
    experiment = Experiment(trainer, parties=3, learning=LEARNING, remote={"quorum": 0.6})
    experiment.reaches("accepting_parties")
    one = Encrypted(cipher, trainer, experiment, 0, values=[1.0, 4.0], without={MessageType.GENERATE_KEYS})
    bare = Encrypted(cipher, trainer, experiment, 1, without={MessageType.REQUEST_CERT})
    two = Encrypted(cipher, trainer, experiment, 2, values=[3.0, -2.0])
    assert experiment.reaches("completed", 60)["iteration"] == 2
    assert "REQUEST_CERT has no certificate" in bare.ended()
    assert [one.ended(), two.ended()] == ["stopped", "stopped"]
    # The one that could not make the keys got those of the other one.
    assert MessageType.SET_KEYS in one.asked
    np.testing.assert_allclose(stored_weights(experiment), [[2.0, 1.0]], atol=1e-4)


@needs_pyhelayers
def test_a_late_party_gets_the_keys_before_it_trains(trainer, cipher):
    experiment = Experiment(
        trainer,
        parties=2,
        learning=LEARNING | {"rounds": 3, "save_intermediate_models": True},
        remote={"quorum": 0.5},
    )
    experiment.reaches("accepting_parties")
    one = Encrypted(cipher, trainer, experiment, 0, values=[2.0])
    wait_until(lambda: experiment.status().get("iteration", 0) >= 1)
    late = Encrypted(cipher, trainer, experiment, 1, values=[4.0])
    experiment.reaches("completed", 60)
    assert [one.ended(), late.ended()] == ["stopped", "stopped"]
    assert MessageType.DISTRIBUTE_KEYS in one.asked
    assert late.asked[:2] == [MessageType.REQUEST_CERT, MessageType.SET_KEYS]
    np.testing.assert_allclose(stored_weights(experiment, f"{experiment.id}_1"), [[2.0]], atol=1e-4)
    np.testing.assert_allclose(stored_weights(experiment, experiment.id), [[3.0]], atol=1e-4)


@needs_pyhelayers
def test_parties_that_cannot_agree_on_keys_fail_the_training(trainer, cipher):
    experiment = Experiment(trainer, parties=2, learning=LEARNING)
    experiment.reaches("accepting_parties")
    parties = [
        Encrypted(cipher, trainer, experiment, index, without={MessageType.GENERATE_KEYS})
        for index in range(2)
    ]
    text = experiment.reaches("failed")["message"]["text"]
    assert "No party could make the keys of the training: the certificates of all" in text
    assert [party.ended() for party in parties] == ["stopped", "stopped"]


@needs_pyhelayers
def test_when_the_quorum_is_lost_a_party_that_is_left_opens_the_model(trainer, cipher):
    experiment = Experiment(trainer, parties=2, learning=LEARNING | {"rounds": 3})
    experiment.reaches("accepting_parties")
    left = Encrypted(cipher, trainer, experiment, 0, values=[2.0])
    lost = Encrypted(cipher, trainer, experiment, 1, values=[4.0])
    lost.evaluate = lost.line.abort
    text = experiment.reaches("failed", 60)["message"]["text"]
    assert "The quorum was lost in round 2" in text
    assert "The model of round 1 is kept on the service" in text
    assert left.ended() == "stopped"
    np.testing.assert_allclose(stored_weights(experiment), [[3.0]], atol=1e-4)


@needs_pyhelayers
def test_a_restart_of_the_service_ends_an_encrypted_training_clearly(tmp_path, cipher):
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment = Experiment(service, parties=1, learning=LEARNING)
        experiment.reaches("accepting_parties")
        line = Line(service, experiment.id, experiment.rts[0])
        assert line.register().accepted
        request = line.expect(MessageType.REQUEST_CERT)
        line.answer(request, {"id": request.payload["id"], "cert": b"certificate"})
        line.answer(line.expect(MessageType.GENERATE_KEYS), cipher.keys([]))
        line.answer(line.expect(MessageType.TRAIN), cipher.encrypt([7.0]))
        line.expect(MessageType.SYNC_MODEL)
        service.kill()
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment.service, experiment.http = service, service.http()
        text = experiment.reaches("failed")["message"]["text"]
        assert "The service was restarted in an encrypted training" in text


def create(trainer, **learning):
    http = trainer.http()
    party = made(http, "remote_training_systems", party_body(trainer))["metadata"]["id"]
    return http("POST", "/ml/v4/trainings", json=training_body(trainer, party, learning=LEARNING | learning))


@needs_pyhelayers
def test_another_cipher_is_refused(trainer):
    answer = create(trainer, crypto={"cipher_spec": "encryption_level_9"})
    refused(answer, 400, "'encryption_level_9' is not known; there is encryption_level_1")


@pytest.mark.skipif(has_pyhelayers(), reason="the extra `crypto` is installed")
def test_without_the_extra_a_training_is_refused_with_its_name(trainer):
    refused(create(trainer), 400, "pip install 'pulumi-wmlfl[crypto]'")
