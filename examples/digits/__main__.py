"""Three parties train one classifier of handwritten digits without sharing an image."""

import pulumi

from pulumi_wmlfl import Model, RemoteTrainingSystem, Training

config = pulumi.Config()
user_id = config.get("userId") or "IBMid-local"
rounds = config.get_int("rounds") or 8

model = Model(
    "untrained-digits",
    name="Untrained digits classifier",
    type="scikit-learn_1.1",
    software_spec={"name": "runtime-23.1-py3.10"},
    custom={"untrained": True},
    content="untrained_model.pickle",
)

parties = [
    RemoteTrainingSystem(
        name,
        name=name,
        organization={"name": organization, "region": region},
        allowed_identities=[{"id": user_id, "type": "user"}],
        remote_admin={"id": user_id, "type": "user"},
    )
    for name, organization, region in [
        ("hospital-north", "Northern Hospital", "EU"),
        ("hospital-south", "Southern Hospital", "EU"),
        ("village-clinic", "Village Clinic", "JP"),
    ]
]

training = Training(
    "digits",
    name="Digits across hospitals",
    federated_learning={
        "model": {"spec": {"id": model.id}, "type": "scikit-learn"},
        "fusion_type": "avg",
        "rounds": rounds,
        "remote_training": {
            "quorum": 1.0,
            "max_timeout": 600,
            "remote_training_systems": [{"id": party.id, "required": True} for party in parties],
        },
        "hardware_spec": {"name": "XS"},
    },
    training_data_references=[],
    results_reference={"type": "container", "connection": {}, "location": {"path": "."}},
)

pulumi.export("party_variables", training.party_variables)
pulumi.export("TRAINING_ID", training.id)
