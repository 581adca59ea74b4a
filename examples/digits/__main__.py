"""Three parties train one classifier of handwritten digits without sharing an image."""

import pulumi
from classifier import PARTY_MODEL

from pulumi_wmlfl import Model, RemoteTrainingSystem, Training

config = pulumi.Config()
rounds = config.get_int("rounds") or 10

# The untrained classifier. `content` is what IBM's parties load; the light party does not load pickles of
# others and takes the description.
model = Model(
    "untrained-digits",
    name="Untrained digits classifier",
    type="scikit-learn_1.1",
    software_spec={"name": "runtime-23.1-py3.10"},
    custom={"untrained": True, "party_model": PARTY_MODEL},
    content="untrained_model",
)

# Each party joins with a key of its own user: `wmlfl keys add hospital-north` makes IBMid-hospital-north.
parties = []
for name, organization, region in [
    ("hospital-north", "Northern Hospital", "EU"),
    ("hospital-south", "Southern Hospital", "EU"),
    ("village-clinic", "Village Clinic", "JP"),
]:
    user = {"id": config.get(f"{name}-user") or f"IBMid-{name}", "type": "user"}
    parties.append(
        RemoteTrainingSystem(
            name,
            name=name,
            organization={"name": organization, "region": region},
            allowed_identities=[user],
            remote_admin=user,
        )
    )

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
    # Another value starts a new run: `wmlfl config set run 2`.
    triggers={"run": config.get("run") or "1"},
)

pulumi.export("party_variables", training.party_variables)
pulumi.export("TRAINING_ID", training.id)
