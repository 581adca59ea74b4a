"""`crypto_iter_avg` with parties of IBM's own crypto library: keys, ciphertexts, and their mean."""

import random
import subprocess
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from pulumi_wmlfl.errors import FusionError, MissingExtra, ProtocolError
from pulumi_wmlfl.fusion.encrypted import EncryptedMean, has_pyhelayers
from pulumi_wmlfl.protocol import Frame, MessageType, Request, from_party
from pulumi_wmlfl.protocol.key_exchange import (
    GeneratedKeys,
    generate_keys,
    read_certificate,
    request_certificate,
)
from tests.support.certificates import write_identities
from tests.support.environments import interpreter

SCRIPT = Path(__file__).with_name("ibm_crypto_parties.py")
NAMES = ["one", "two", "three"]
needs_pyhelayers = pytest.mark.skipif(not has_pyhelayers(), reason="the extra `crypto` is not installed")


class Parties:
    """IBM's parties in a process of their own."""

    def __init__(self, folder, python):
        self.folder = folder
        self.numbers = count(1)
        write_identities(folder, NAMES)
        self.errors = (folder / "stderr").open("w")
        self.process = subprocess.Popen(
            [python, "-W", "ignore", SCRIPT, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def ask(self, party, request, action=None):
        """Let a party carry out a request; return the payload of its reply."""
        number = next(self.numbers)
        (self.folder / f"{number}.in").write_bytes(request.frame().encode())
        self.process.stdin.write(f"{party} {action or request.message_type.name} {number}\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        assert said == "done\n", (self.folder / "stderr").read_text()
        return from_party(Frame.decode((self.folder / f"{number}.out").read_bytes())).payload

    def encrypt(self, party, weights):
        request = Request(id_request=1, message_type=MessageType.TRAIN, payload={"weights": weights})
        return self.ask(party, request, "encrypt")

    def decrypt(self, party, model_update):
        return self.ask(party, Request.sync_model(1, model_update), "decrypt")["weights"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.errors.close()


@pytest.fixture(scope="module")
def parties(tmp_path_factory):
    running = Parties(tmp_path_factory.mktemp("crypto"), interpreter("ibm-wml-crypto"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def keys(parties):
    """Keys exchanged by the three parties, the first of which made them."""
    ids = count(100)
    certificates = {
        party: read_certificate(parties.ask(party, request_certificate(next(ids), party)), party)
        for party in NAMES
    }
    made = parties.ask(NAMES[0], generate_keys(next(ids), certificates))
    generated = GeneratedKeys.read(made, frozenset(NAMES[1:]))
    for party in NAMES[1:]:
        assert parties.ask(party, generated.set_keys(next(ids), party)) is True
    return generated


def weights_of(seed):
    source = np.random.default_rng(seed)
    return [source.normal(0, 1, shape).astype("float32") for shape in [(3, 4), (4,), (50, 60)]]


@pytest.fixture
def fusion(keys):
    made = EncryptedMean()
    made.use_key(keys.public_key)
    made.start_round()
    return made


@pytest.mark.ibm
@needs_pyhelayers
def test_every_party_reads_the_mean_and_the_service_reads_nothing(parties, keys, fusion):
    for _ in range(2):
        fusion.start_round()
        for seed, party in enumerate(NAMES):
            fusion.add(party, parties.encrypt(party, weights_of(seed)))
        fused = fusion.finish()
        assert fused.layers is None
        assert fused.parties == tuple(NAMES)
        for party in NAMES:
            decrypted = parties.decrypt(party, fused.model_update)
            for index, layer in enumerate(decrypted):
                wanted = np.mean([weights_of(seed)[index] for seed in range(3)], axis=0)
                assert layer.dtype == np.float32
                np.testing.assert_allclose(layer, wanted, atol=1e-4)


@pytest.mark.ibm
@needs_pyhelayers
def test_what_cannot_be_added_is_refused_alone(parties, keys, fusion):
    good = parties.encrypt("one", weights_of(0))
    fusion.add("one", good)
    ciphertext = good["ct_weights"][0][0]
    dtype = np.dtype("float32")
    swapped = [[good["ct_weights"][2][0], shape] for _, shape in good["ct_weights"]]
    bad = [
        (None, "no encrypted weights"),
        ({"ct_weights": []}, "no encrypted weights"),
        ({"ct_weights": good["ct_weights"]}, "does not name the type"),
        ({"ct_weights": [[ciphertext]], "weights_dtype": dtype}, "not a ciphertext with its shape"),
        ({"ct_weights": [[ciphertext, [-1]]], "weights_dtype": dtype}, "not a ciphertext with its shape"),
        ({"ct_weights": [["text", [3]]], "weights_dtype": dtype}, "not a ciphertext with its shape"),
        ({"ct_weights": good["ct_weights"][:2], "weights_dtype": dtype}, "another model"),
        (good | {"weights_dtype": np.dtype("float64")}, "another model"),
        (good | {"ct_weights": [[c[:-9], shape] for c, shape in good["ct_weights"]]}, "cannot be read"),
        (good | {"ct_weights": [[keys.public_key[:99], shape] for _, shape in swapped]}, "cannot be read"),
        (good | {"ct_weights": swapped}, "another form"),
    ]
    for payload, reason in bad:
        with pytest.raises(FusionError, match=reason):
            fusion.add("two", payload)
    with pytest.raises(FusionError, match="already"):
        fusion.add("one", good)
    decrypted = parties.decrypt("three", fusion.finish().model_update)
    np.testing.assert_allclose(decrypted[2], weights_of(0)[2], atol=1e-4)


@pytest.mark.ibm
@needs_pyhelayers
def test_ciphertexts_that_break_the_library_break_nothing_else(parties, keys):
    """Damaged where the library looks first; it may refuse, abort or hang, or not notice."""
    fusion = EncryptedMean(timeout=5)
    fusion.use_key(keys.public_key)
    good = parties.encrypt("one", weights_of(0))
    fusion.add("one", good)
    refused = 0
    for seed in range(6):
        source = random.Random(seed)
        damaged = bytearray(good["ct_weights"][0][0])
        for _ in range(8):
            damaged[source.randrange(400)] = source.randrange(256)
        layers = [[bytes(damaged), good["ct_weights"][0][1]], *good["ct_weights"][1:]]
        try:
            fusion.add(f"liar {seed}", good | {"ct_weights": layers})
        except FusionError:
            refused += 1
    assert refused
    fusion.add("two", parties.encrypt("two", weights_of(1)))
    fused = fusion.finish()
    assert len(fused.parties) == 2 + 6 - refused
    np.testing.assert_allclose(
        parties.decrypt("three", fused.model_update)[2] * len(fused.parties),
        weights_of(1)[2] + weights_of(0)[2] * (len(fused.parties) - 1),
        atol=1e-3,
    )


@needs_pyhelayers
@pytest.mark.parametrize("key", [b"", b"nonsense" * 100])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(FusionError, match="public key"):
        EncryptedMean().use_key(key)


def test_without_keys_nothing_is_added():
    fusion = EncryptedMean()
    with pytest.raises(FusionError, match="not been exchanged"):
        fusion.add("one", {})
    with pytest.raises(FusionError, match="no update"):
        fusion.finish()


@pytest.mark.skipif(has_pyhelayers(), reason="pyhelayers is here")
def test_without_pyhelayers_one_line_says_what_to_install():
    with pytest.raises(MissingExtra, match=r"pip install 'pulumi-wmlfl\[crypto\]'"):
        EncryptedMean().use_key(b"key")


MADE = dict.fromkeys(("gen_cert", "he_pb", "he_pb_sign", "he_pr_enc", "he_pr_enc_sign"), b"x")
MADE |= {"keys_id": "k", "keys_time": "t", "party_sym": {"two": [b"share", b"signature"]}}


def test_each_party_gets_its_own_share_only():
    made = MADE | {"party_sym": {"two": [b"2", b"s2"], "three": [b"3", b"s3"]}}
    payload = GeneratedKeys.read(made, frozenset({"two", "three"})).set_keys(1, "two").payload
    assert (payload["sym_enc"], payload["sym_enc_sign"]) == (b"2", b"s2")
    assert "party_sym" not in payload
    assert b"3" not in payload.values()


@pytest.mark.parametrize(
    "change",
    [
        {"he_pb": "text"},
        {"keys_id": b"k"},
        {"party_sym": {}},
        {"party_sym": {"two": [b"share"]}},
        {"party_sym": None},
    ],
)
def test_a_reply_without_whole_keys_is_refused(change):
    with pytest.raises(ProtocolError, match="GENERATE_KEYS"):
        GeneratedKeys.read(MADE | change, frozenset({"two"}))


@pytest.mark.parametrize(
    "payload", [None, {"id": "two", "cert": b"x"}, {"id": "one", "cert": "x"}, {"id": "one", "cert": b""}]
)
def test_a_reply_without_a_certificate_is_refused(payload):
    with pytest.raises(ProtocolError, match="certificate"):
        read_certificate(payload, "one")
