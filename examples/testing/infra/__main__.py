"""An experiment of a team: two hospitals train one model."""

import pulumi

from pulumi_wmlfl import Model, RemoteTrainingSystem, Training

config = pulumi.Config()
rounds = config.get_int("rounds") or 5

model = Model(
    "model",
    type="scikit-learn_1.1",
    software_spec={"name": "runtime-23.1-py3.10"},
    content="untrained_model",
)
parties = [
    RemoteTrainingSystem(name, allowed_identities=[{"id": "IBMid-local", "type": "user"}])
    for name in ("hospital-north", "hospital-south")
]
training = Training(
    "training",
    federated_learning={
        "model": {"spec": {"id": model.id}, "type": "scikit-learn"},
        "fusion_type": "iter_avg",
        "rounds": rounds,
        "remote_training": {
            "quorum": 1.0,
            "remote_training_systems": [{"id": party.id, "required": True} for party in parties],
        },
    },
    results_reference={"type": "container", "location": {"path": "."}},
)
pulumi.export("training", training.id)
pulumi.export("state", training.state)
