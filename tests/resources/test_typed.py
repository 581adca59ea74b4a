"""Typed inputs of a training: what is declared with classes is what a dictionary would declare."""

from pulumi_wmlfl import FederatedLearningArgs, PartyArgs, RemoteTrainingArgs

TREES = {
    "learning_rate": 0.1,
    "loss": "auto",
    "num_classes": 3,
    "max_bins": 64,
    "max_depth": 0,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 20,
    "l2_regularization": 0.0,
    "sketch_accuracy_vs_privacy": 0.01,
    "random_state": 7,
    "verbose": False,
}


def test_boosted_trees_are_declared_with_their_own_keywords():
    remote = RemoteTrainingArgs(remote_training_systems=[PartyArgs(id="a")])
    args = FederatedLearningArgs(
        fusion_type="xgb_classifier", remote_training=remote, rounds=10, **TREES, more={"new_key": 1}
    )
    expected = {"fusion_type": "xgb_classifier", "remote_training": remote, "rounds": 10, **TREES}
    assert args.as_dict() == {**expected, "new_key": 1}


def test_a_hyperparameter_in_more_is_taken_as_before():
    args = FederatedLearningArgs(fusion_type="iter_avg", remote_training={}, more={"learning_rate": 0.5})
    assert args.as_dict()["learning_rate"] == 0.5
