"""Validation of declared inputs: everything at once, each on its property, unknown values let through."""

import os
import zipfile

import pytest

from pulumi_wmlfl.core.archive import open_content
from pulumi_wmlfl.errors import ContentError
from pulumi_wmlfl.schema.inputs import check_inputs, known_facts, normalise


class Unknown:
    """Stands for a value that is not known yet."""


def training(**learning):
    federated = {
        "fusion_type": "iter_avg",
        "rounds": 5,
        "remote_training": {"remote_training_systems": [{"id": "a"}]},
        **learning,
    }
    results = {"type": "container", "location": {"path": "."}}
    return {"name": "t", "project_id": "p", "federated_learning": federated, "results_reference": results}


def problems(inputs, collection="trainings"):
    return {p.path: p.message for p in check_inputs(collection, normalise(inputs), unknown=Unknown)}


def test_valid_inputs_have_no_problem():
    assert problems(training()) == {}


def test_all_problems_are_found_at_once():
    inputs = training(
        rounds=0, fusion_type="sum", remote_training={"quorum": 2, "remote_training_systems": []}
    )
    found = problems(inputs)
    base = "federated_learning"
    assert set(found) == {
        f"{base}.rounds",
        f"{base}.fusion_type",
        f"{base}.remote_training.quorum",
        f"{base}.remote_training.remote_training_systems",
    }


def test_values_not_known_yet_pass_and_their_neighbours_are_checked():
    inputs = training(rounds=Unknown(), epochs=0, remote_training={"remote_training_systems": Unknown()})
    assert set(problems(inputs)) == {"federated_learning.epochs"}


def test_a_typo_names_the_nearest_key():
    assert "did you mean 'description'" in problems({**training(), "descripton": "x"})["descripton"]


def facts(inputs, collection="trainings"):
    return {p.path: p.message for p in known_facts(collection, normalise(inputs), unknown=Unknown)}


def test_a_typo_in_an_open_place_is_let_through_and_the_nearest_key_is_named():
    inputs = training(model={"type": "keras", "spec": {}}, epoch=3, learningRate=Unknown(), heat=1)
    inputs["results_reference"]["location"] = {"paht": "x"}
    inputs["results_reference"]["connection"] = {"access_key": "SECRET", "secret_access_key": "SECRET"}
    inputs["training_data_references"] = [{"type": "s3"}, {"tpye": "s3", "location": {"buket": "b"}}]
    assert problems(inputs) == {}
    found = facts(inputs)
    said = "is not a key that is known here; did you mean {!r}?"
    assert found == {
        "federated_learning.epoch": said.format("epochs"),
        "federated_learning.learningRate": said.format("learning_rate"),
        "results_reference.location.paht": said.format("path"),
        "results_reference.connection.access_key": said.format("access_key_id"),
        "training_data_references[1].tpye": said.format("type"),
        "training_data_references[1].location.buket": said.format("bucket"),
    }
    party = {"remote_admin": {"nmae": "a", "email": "b"}}
    assert facts(party, "remote_training_systems") == {"remote_admin.nmae": said.format("name")}
    assert facts({"model_version": {"numbr": "1"}}, "models") == {
        "model_version.numbr": said.format("number")
    }


def test_a_key_beside_the_known_one_is_the_user_s_own():
    learning = {"model": {"type": "keras"}, "sigma": 1, "sigma1": 2, "custom_rounds": 3}
    assert facts(training(**learning, sigma0=1)) == {}
    assert facts({**training(**learning, sigma0=1), "custom": {"descripton": "x"}}) == {}


def test_a_required_key_that_is_misspelt_is_named_in_the_error_too():
    inputs = training(ruonds=5, rounds=None, model={"type": "keras"})
    wrong = {"federated_learning.rounds": "is required for iter_avg; did you write 'ruonds' for it?"}
    assert problems(inputs) == wrong
    assert "did you mean 'rounds'" in facts(inputs)["federated_learning.ruonds"]
    inputs = training(fusion_typ="iter_avg")
    del inputs["federated_learning"]["fusion_type"]
    assert problems(inputs) == {
        "federated_learning.fusion_type": "is required; did you write 'fusion_typ' for it?"
    }


@pytest.mark.parametrize("accuracy", [0, 1])
def test_the_ends_of_the_sketch_s_accuracy_are_warned_of(accuracy):
    trees = {"fusion_type": "xgb_regressor", "learning_rate": 0.1, "loss": "auto"}
    inputs = training(**trees, sketch_accuracy_vs_privacy=accuracy)
    assert problems(inputs) == {}
    text = f"{accuracy} is outside of what is accepted: between 0 and 1"
    assert facts(inputs) == {"federated_learning.sketch_accuracy_vs_privacy": text}
    assert facts(training(**trees, sketch_accuracy_vs_privacy=0.5)) == {}


def test_one_scope_and_each_party_once():
    party = [{"id": "a"}, {"id": "a"}]
    found = problems({**training(remote_training={"remote_training_systems": party}), "space_id": "s"})
    assert set(found) == {
        "space_id",
        "federated_learning.remote_training.remote_training_systems[1].id",
    }


def test_the_notebook_s_habits_are_normalised():
    assert normalise({"type": "tensorflow_2.1 ", "tags": [{"value": "a"}], "rounds": 5.0}) == {
        "type": "tensorflow_2.1",
        "tags": ["a"],
        "rounds": 5,
    }


def test_a_directory_has_the_same_hash_whatever_its_times(tmp_path):
    hashes = set()
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "b").write_bytes(b"b")
        (folder / "a").write_bytes(b"a")
        os.utime(folder / "a", (len(hashes), len(hashes)))
        with open_content(str(folder)) as content, content.open() as stream:
            hashes.add(content.sha256)
            assert zipfile.ZipFile(stream).namelist() == ["a", "sub/b"]
    assert len(hashes) == 1


@pytest.mark.parametrize("name", ["missing", "empty", "broken.zip"])
def test_content_that_cannot_be_used_is_refused(tmp_path, name):
    if name != "missing":
        (tmp_path / name).write_bytes(b"" if name == "empty" else b"no zip")
    with pytest.raises(ContentError), open_content(str(tmp_path / name)):
        pass
