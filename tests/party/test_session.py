"""A light party against an aggregator that follows a script, over TLS and a real WebSocket."""

import io
import threading
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier

from pulumi_wmlfl.errors import (
    AggregatorLost,
    ConfigurationError,
    ConnectionFailed,
    PartyError,
    PartyRefused,
    ProtocolError,
    TrainingFailed,
    UserCodeError,
)
from pulumi_wmlfl.party import EventKind, run_party, simulate
from pulumi_wmlfl.party.handler import load_data
from pulumi_wmlfl.protocol import Refusal, RegisterReply, Request
from tests.party.samples import HANDLER, party_of
from tests.party.scripted import COUNTED, LINEAR, frame_of, scripted

ZEROS = np.zeros((3, 3)).tolist()
ONES = np.ones((3, 3)).tolist()


def run_script(folder, script, *, state="completed", on_event=None, **options):
    """Run one party against `script`; the training is in `state` once the script has said STOP."""

    async def to_the_end(conversation, number):
        await script(conversation, number)
        aggregator.state = state
        await conversation.stop()

    with scripted(folder, to_the_end) as aggregator:
        return run_party(party_of(aggregator, folder / "party", **options), on_event=on_event)


def test_a_training_from_register_to_stop(tmp_path):
    seen = {}

    async def script(party, _):
        seen["rtsid"] = party.headers["rtsid"]
        seen["register"] = await party.admit(local_training=COUNTED)
        seen["first"] = await party.train(1)
        seen["second"] = await party.train(2, {"weights": ZEROS}, training={"max_iter": 2})
        seen["sync"] = await party.ask(Request.sync_model(3, {"weights": ONES}))
        seen["eval"] = await party.ask(Request.eval_model(4))
        seen["save"] = await party.ask(Request.save_model(5, "fused"))

    result = run_script(tmp_path, script)

    assert seen["rtsid"] == "rts-1" == seen["register"].rts_id
    first = seen["first"].payload
    assert np.shape(first["weights"]) == (3, 3)
    assert np.array_equal(np.array(first["weights"])[:, :-1], first["coef"])
    assert np.array_equal(np.array(first["weights"])[:, -1], first["intercept"])
    assert first["train_counts"] == 90
    assert seen["first"].metrics["acc"] > 0.9
    assert {"f1 micro", "precision macro", "recall weighted"} <= set(seen["first"].metrics)
    # All weights the same: one class for everything.
    assert seen["eval"].payload["acc"] < 0.6
    assert seen["sync"].payload is None
    assert seen["save"].payload is True
    with np.load(tmp_path / "party/trained/fused.npz", allow_pickle=False) as saved:
        assert saved["coef"].tolist() == [[1.0, 1.0]] * 3
        assert saved["classes"].tolist() == [0, 1, 2]
    assert result.state == "completed"
    assert [r.number for r in result.rounds] == [1, 2]
    assert result.rounds[1].fused["acc"] == seen["eval"].payload["acc"]


def test_the_updates_are_those_of_partial_fit(tmp_path):
    updates = []

    async def script(party, _):
        await party.admit()
        updates.append((await party.train(1, training={"max_iter": 2})).payload)
        fused = (np.array(updates[0]["weights"]) / 2).tolist()
        updates.append((await party.train(2, {"weights": fused}, training={"alpha": 0.01})).payload)

    run_script(tmp_path, script, info={"seed": 5})

    data = load_data(party_of(_Nowhere, tmp_path / "party", info={"seed": 5}).data)
    model = SGDClassifier(random_state=0)
    for _ in range(2):
        model.partial_fit(data.x, data.y, classes=[0, 1, 2])
    np.testing.assert_array_equal(updates[0]["coef"], model.coef_)
    model.coef_, model.intercept_ = model.coef_ / 2, model.intercept_ / 2
    model.set_params(alpha=0.01).partial_fit(data.x, data.y)
    np.testing.assert_array_equal(updates[1]["coef"], model.coef_)
    np.testing.assert_array_equal(updates[1]["intercept"], model.intercept_)
    assert "train_counts" not in updates[0]


class _Nowhere:
    url = "https://127.0.0.1:1"
    ca_file = None


@pytest.mark.parametrize("by", ["register", "message"])
def test_a_refused_party_says_the_aggregators_reason(tmp_path, by):
    async def script(party, _):
        register = await party.receive()
        refusal = (
            Refusal(detail="The identity IBMid-x may not join.")
            if by == "message"
            else RegisterReply.refused(register.id_request, "The identity IBMid-x may not join.")
        )
        await party.send(refusal)
        await party.receive()

    with pytest.raises(PartyRefused, match="IBMid-x may not join"):
        run_script(tmp_path, script)


class Evil:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def package_of(value, name="model.pickle"):
    pickled, package = io.BytesIO(), io.BytesIO()
    joblib.dump(value, pickled)
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(name, pickled.getvalue())
    return package.getvalue()


def test_the_aggregators_pickle_is_not_executed(tmp_path):
    trap = tmp_path / "executed"

    async def script(party, _):
        await party.admit(model_package=package_of(Evil(trap)))
        await party.receive()

    with pytest.raises(PartyError, match=r"is a pickle, which is not executed.*--trust-model"):
        run_script(tmp_path, script, model=None)
    assert not trap.exists()


def digits_package():
    """The untrained model of the digits example, made with the oldest scikit-learn that a party uses."""
    file = Path(__file__).parents[2] / "examples/digits/untrained_model/model.pickle"
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.write(file, "model.pickle")
    return package.getvalue()


def fresh_package():
    untrained = SGDClassifier(loss="log_loss", alpha=0.5)
    untrained.classes_ = np.arange(5)
    return package_of(untrained)


@pytest.mark.parametrize(("package", "classes"), [(digits_package, 10), (fresh_package, 5)])
def test_a_trusted_package_gives_class_parameters_and_labels(tmp_path, package, classes):
    config = {**LINEAR, "spec": {"model_definition": "model.pickle"}}
    updates = []

    async def script(party, _):
        await party.admit(model_config=config, model_package=package())
        updates.append(await party.train(1))
        aggregator.state = "completed"
        await party.stop()

    # What the WML model says of itself gives way to it.
    with_model = {"party_model": {"estimator": "SGDRegressor"}}
    with scripted(tmp_path, script, model=with_model) as aggregator:
        run_party(party_of(aggregator, tmp_path / "party", model=None, trust_model=True))
    assert np.shape(updates[0].payload["weights"]) == (classes, 3)


def test_the_wml_models_own_description_is_used(tmp_path):
    replies = []

    async def script(party, _):
        await party.admit()
        replies.append(await party.train(1))
        aggregator.state = "completed"
        await party.stop()

    declared = {"party_model": {"estimator": "Perceptron", "classes": [0, 1, 2, 3]}}
    with scripted(tmp_path, script, model=declared) as aggregator:
        run_party(party_of(aggregator, tmp_path / "party", model=None))
    assert np.shape(replies[0].payload["weights"]) == (4, 3)


def test_what_does_not_fit_is_answered_with_an_error_and_the_training_goes_on(tmp_path):
    replies = []

    async def script(party, _):
        await party.admit()
        first = await party.train(1)
        for number, weights in enumerate([[[1.0]], None, "x", [[float("nan")] * 3] * 3], start=2):
            replies.append(await party.train(number, {"weights": weights}))
        replies.append(await party.train(8, {"weights": ZEROS}, training={"nonsense": 1}))
        await party.send(frame_of(9, {}))  # a type that is not in use
        await party.send(b"\x00nonsense")
        replies.append(await party.train(10, {"weights": first.payload["weights"]}))

    warnings = []
    run_script(tmp_path, script, on_event=warnings.append)
    assert [reply.status for reply in replies] == ["error"] * 5 + ["success"]
    assert "Name all labels in the model's `classes`" in replies[0].message
    assert sum(event.kind is EventKind.WARNING for event in warnings) == 2


OWN_MODEL = """\
import numpy as np


class Mean:
    def __init__(self, width):
        self.weights = [np.zeros((width, 2), np.float32), np.zeros((), np.float32)]

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def fit(self, x, y, epochs=1):
        if epochs == 13:
            raise RuntimeError("unlucky")
        self.weights[0] += epochs

    def evaluate(self, x, y):
        return {"loss": float(self.weights[0].sum()), "text": "left out"}
"""
TENSORFLOW = {"name": "TensorFlowFLModel", "path": "ibmfl.model.tensorflow_fl_model", "spec": {}}


def own_model(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.py").write_text(OWN_MODEL)
    return {"path": "net.py", "parameters": {"width": 3}}


def test_a_model_of_the_partys_own_exchanges_lists_of_arrays(tmp_path):
    replies = []

    async def script(party, _):
        await party.admit(model_config=TENSORFLOW)
        replies.append(await party.train(1, training={"epochs": 2}))
        update = [array * 2 for array in replies[0].payload["weights"]]
        replies.append(await party.train(2, {"weights": update}))
        replies.append(await party.train(3, {"weights": update[:1]}))

    with pytest.raises(Exception, match="1 arrays of weights, this party's model 2"):
        run_script(tmp_path, script, model=own_model(tmp_path / "party"))
    weights = replies[1].payload["weights"]
    assert weights[0].dtype == np.float32
    assert weights[0].tolist() == [[5.0, 5.0]] * 3
    assert replies[1].metrics == {"loss": 30.0}


def test_the_partys_own_code_failing_is_named_with_file_and_line(tmp_path):
    replies = []

    async def script(party, _):
        await party.admit(model_config=TENSORFLOW)
        replies.append(await party.train(1, training={"epochs": 13}))

    with pytest.raises(UserCodeError, match=r"net\.py:16: RuntimeError: unlucky"):
        run_script(tmp_path, script, model=own_model(tmp_path / "party"))
    assert (replies[0].status, replies[0].message) == ("error", "The party's own code failed.")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("class A:\n    def get_data(self):\n        pass\n", r"data_handler\.py.*TypeError"),
        (HANDLER.replace("np.repeat", "np.nonsense"), r"data_handler\.py:12: AttributeError"),
        (HANDLER.replace("return (x", "return x, y  # (x"), r"must return \(\(x, y\), \(x_test, y_test\)\)"),
        (HANDLER.replace("y[:-30])", "y[:-31])"), "x has 90 rows, y has 89"),
        ("import nothing_of_this_name\n", r"data_handler\.py:1: ModuleNotFoundError"),
        ("def get_data(:\n", r"data_handler\.py:1: SyntaxError"),
        ("x = 1\n", "exactly one class with get_data"),
    ],
)
def test_a_failing_data_handler_is_named_before_anybody_is_called(tmp_path, broken, said):
    with pytest.raises((UserCodeError, ConfigurationError), match=said):
        run_party(party_of(_Nowhere, tmp_path, text=broken))


@pytest.mark.parametrize("library", ["ibm_watson_machine_learning", "ibm_watsonx_ai"])
def test_a_handler_written_for_ibms_library_runs_without_it(tmp_path, library):
    text = f"from {library}.federated_learning.data_handler import DataHandler\n" + HANDLER.replace(
        "class Blobs:", "class Blobs(DataHandler):"
    ).replace("self.info = data_config", "super().__init__()\n        self.info = data_config")
    data = load_data(party_of(_Nowhere, tmp_path, text=text).data)
    assert data.x.shape == (90, 2)


def test_an_unanswered_result_is_sent_again_after_the_connection_broke(tmp_path):
    replies = []

    async def script(party, number):
        if number == 1:
            await party.admit()
            await party.send(Request.train(7, model_update=None))
            await party.acknowledged(7)
            await party.socket.close(1011)
            return
        # No second REGISTER: the party still has its model. A repeated request gets the same result.
        replies.append(await party.reply(7))
        await party.send(Request.train(7, model_update=None))
        await party.acknowledged(7)
        replies.append(await party.reply(7))
        aggregator.state = "completed"
        await party.stop()

    with scripted(tmp_path, script) as aggregator:
        result = run_party(party_of(aggregator, tmp_path / "party"))
    assert replies[0].payload["weights"] == replies[1].payload["weights"]
    assert len(result.rounds) == 1
    assert aggregator.connections == 2


def test_a_party_that_the_service_has_forgotten_registers_again(tmp_path):
    seen = []

    async def script(party, number):
        if number == 2:
            await party.send(Refusal(detail="The party did not register in time."))
            await party.receive()
            return
        await party.admit()
        seen.append(await party.train(number, None if number == 1 else {"weights": ONES}))
        if number == 3:
            aggregator.state = "completed"
            await party.stop()

    with scripted(tmp_path, script) as aggregator:
        result = run_party(party_of(aggregator, tmp_path / "party"))
    assert [reply.status for reply in seen] == ["success", "success"]
    assert [r.number for r in result.rounds] == [1, 2]


def test_a_lost_aggregator_is_sought_and_then_given_up(tmp_path):
    async def script(party, _):
        await party.admit()
        await party.train(1)

    with scripted(tmp_path, script) as aggregator:
        settings = party_of(aggregator, tmp_path / "party", reconnect_seconds=0.8)
        lost = threading.Event()

        def gone(event):
            if event.kind is EventKind.LOST and not lost.is_set():
                lost.set()

        async def nobody(party, _):
            await party.socket.close(1011)

        aggregator.script = _first_then(script, nobody)
        with pytest.raises(
            AggregatorLost, match="did not come back in 1 s: closed by the aggregator with 1011"
        ):
            run_party(settings, on_event=gone)
    assert lost.is_set()


@pytest.mark.parametrize("hangs_up", [True, False])
def test_an_aggregator_that_sends_nothing_but_nonsense_is_given_up(tmp_path, monkeypatch, hangs_up):
    monkeypatch.setattr("pulumi_wmlfl.party.connection._FIRST_PAUSE", 0.01)
    monkeypatch.setattr("pulumi_wmlfl.party.connection._LONGEST_PAUSE", 0.01)

    async def script(party, _):
        await party.receive()
        while True:
            await party.send(b"hello, how are you?")
            if hangs_up:
                return

    with scripted(tmp_path, script) as aggregator:
        with pytest.raises(ProtocolError, match="sent 10 times in a row what clinic cannot read") as caught:
            run_party(party_of(aggregator, tmp_path / "party"))
        assert aggregator.connections == (10 if hangs_up else 1)
    assert caught.value.exit_code == 12


def test_messages_of_a_later_release_among_others_are_ignored(tmp_path):
    async def script(party, _):
        await party.admit()
        for number in range(1, 13):
            await party.send(frame_of(77, None, number=number))
            await party.train(
                number, {"weights": (np.ones((3, 3)) * number).tolist()} if number > 1 else None
            )

    assert len(run_script(tmp_path, script).rounds) == 12


def _first_then(first, later):
    async def script(party, number):
        await (first if number == 1 else later)(party, number)

    return script


@pytest.mark.parametrize("state", ["failed", "canceled"])
def test_a_training_that_does_not_complete_is_an_error(tmp_path, state):
    async def script(party, _):
        await party.admit()

    with pytest.raises(TrainingFailed, match=f"is {state}"):
        run_script(tmp_path, script, state=state)


def test_a_training_that_ended_while_the_party_was_away_ends_it(tmp_path):
    async def script(party, _):
        await party.admit()
        await party.train(1)
        aggregator.state = "completed"

    with scripted(tmp_path, script) as aggregator:
        assert run_party(party_of(aggregator, tmp_path / "party")).state == "completed"


def test_kmeans_exchanges_centres(tmp_path):
    config = {"name": "SklearnKMeansFLModel", "path": "ibmfl.model.sklearn_kmeans_fl_model", "spec": {}}
    replies = []

    async def script(party, _):
        await party.admit(model_config=config)
        replies.append(await party.train(1, {"weights": None}))
        replies.append(await party.ask(Request.sync_model(2, {"weights": np.zeros((4, 2))})))
        replies.append(await party.ask(Request.eval_model(3)))

    model = {"estimator": "KMeans", "parameters": {"n_clusters": 3, "n_init": 1, "random_state": 0}}
    run_script(tmp_path, script, model=model)
    assert replies[0].payload["weights"].shape == (3, 2)
    assert replies[0].metrics["score"] > replies[2].payload["score"]


def test_a_private_party_keeps_its_metrics(tmp_path):
    replies = []

    async def script(party, _):
        await party.admit()
        replies.append(await party.train(1))
        replies.append(await party.ask(Request.eval_model(2)))

    result = run_script(tmp_path, script, private=True)
    assert (replies[0].metrics, replies[1].payload) == ({}, {})
    assert result.rounds[0].local["acc"] > 0.9


@pytest.mark.parametrize(
    ("config", "training", "said"),
    [
        (LINEAR, {"name": "CryptoLocalTrainingHandler", "path": "x"}, "CryptoLocalTrainingHandler"),
        ({"name": "XGBClassifierFLModel", "path": "x"}, COUNTED, "XGBClassifierFLModel"),
    ],
)
def test_a_kind_of_training_that_it_cannot_do_is_named(tmp_path, config, training, said):
    async def script(party, _):
        await party.admit(model_config=config, local_training=training)
        await party.receive()

    with pytest.raises(PartyError, match=said):
        run_script(tmp_path, script)


def test_an_unknown_authority_is_an_error_with_a_remedy(tmp_path):
    async def script(party, _):
        await party.admit()

    (tmp_path / "other").mkdir()
    with scripted(tmp_path / "other", script) as other, scripted(tmp_path, script) as aggregator:
        settings = party_of(aggregator, tmp_path / "party")
        aggregator.ca_file = other.ca_file
        with pytest.raises(ConnectionFailed, match=r"not trusted.*wml\.ca_file or --ca-file"):
            run_party(party_of(aggregator, tmp_path / "party"))
        assert settings.ca_file != other.ca_file
    assert aggregator.connections == 0


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_simulated_parties_run_beside_each_other(tmp_path, workers):
    both = threading.Barrier(2)

    async def script(party, _):
        import asyncio

        await party.admit()
        await asyncio.to_thread(both.wait, 20)
        await party.train(1)
        aggregator.state = "completed"
        await party.stop()

    with scripted(tmp_path, script) as aggregator:
        parties = [party_of(aggregator, tmp_path / name, name=name) for name in ("north", "south")]
        results = simulate(parties, workers=workers)
    assert {name: len(result.rounds) for name, result in results.items()} == {"north": 1, "south": 1}


def test_a_failing_party_of_a_simulation_stops_the_others(tmp_path):
    async def script(party, _):
        await party.admit()
        await party.receive()

    with scripted(tmp_path, script) as aggregator:
        good = party_of(aggregator, tmp_path / "north", name="north")
        bad = party_of(aggregator, tmp_path / "south", name="south", text="class A: pass")
        with pytest.raises(ConfigurationError, match="exactly one class"):
            simulate([good, bad])
