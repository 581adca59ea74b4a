"""Valid inputs of each resource, and for every field of the policy table a value and another one."""

from pulumi_wmlfl.schema.policy import FIELDS

PARTY = [{"id": "IBMid-local", "type": "user"}]
SPEC = {"name": "runtime-23.1-py3.10"}


def learning(**changes):
    parties = {"remote_training_systems": [{"id": "party-1", "required": True}], "quorum": 1}
    model = {"type": "tensorflow", "spec": {"id": "model-1"}}
    return {"model": model, "fusion_type": "iter_avg", "rounds": 3, "remote_training": parties, **changes}


def results(**changes):
    connection = {"endpoint_url": "https://s3", "access_key_id": "AKIDAKID", "secret_access_key": "SKSKSK"}
    return {"type": "s3", "location": {"bucket": "b", "path": "."}, "connection": connection, **changes}


def data(bucket="one"):
    connection = {"access_key_id": f"AK-{bucket}", "secret_access_key": f"SK-{bucket}"}
    return [{"type": "s3", "location": {"bucket": bucket}, "connection": connection}]


MINIMAL = {
    "models": {"name": "m", "type": "tensorflow_2.12", "software_spec": SPEC},
    "remote_training_systems": {"name": "r", "allowed_identities": PARTY},
    "trainings": {"name": "t", "federated_learning": learning(), "results_reference": results()},
}

# Each field: the value that is declared first, and the value that it changes to.
VALUES = {
    "name": ("one", "two"),
    "description": ("one", "two"),
    "tags": (["a"], ["a", "b"]),
    "custom": ({"a": 1, "type": " kept ", "tags": [{"value": "x"}]}, {"a": True}),
    "type": ("tensorflow_2.12", "pytorch-onnx_2.0"),
    "software_spec": (SPEC, {"name": "runtime-24.1-py3.11"}),
    "model_version": ({"number": "1.0.0"}, {"number": "1.0.1"}),
    "hyper_parameters": ({"a": 1}, {"a": 2}),
    "domain": ("a", "b"),
    "label_column": ("a", "b"),
    "transformed_label_column": ("a", "b"),
    "schemas": ({"input": [{"id": "1", "fields": []}]}, {"input": [{"id": "2", "fields": []}]}),
    "pipeline": ({"id": "a"}, {"id": "b"}),
    "model_definition": ({"id": "a"}, {"id": "b"}),
    "size": ({"content": 1.5}, {"content": 2}),
    "metrics": ([{"iteration": 1}], [{"iteration": 2}]),
    "user_defined_objects": ({"a": "b"}, {"a": "c"}),
    "hybrid_pipeline_software_specs": ([SPEC], [{"name": "runtime-24.1-py3.11"}]),
    "training_id": ("a", "b"),
    "training": ({"id": "a"}, {"id": "b"}),
    "data_preprocessing": ([{"a": 1}], [{"a": 2}]),
    "training_data_references": (data("one"), data("two")),
    "test_data_references": (data("one"), data("two")),
    "allowed_identities": (PARTY, [*PARTY, {"id": "IBMid-2", "type": "user", "allowed_ips": ["10.0.0.0/8"]}]),
    "organization": ({"name": "IBM", "region": "US"}, {"name": "IBM", "region": "EU"}),
    "remote_admin": ({"id": "a", "type": "user"}, {"name": "b", "email": "b@example.com"}),
    "federated_learning": (learning(), learning(rounds=4)),
    "results_reference": (results(), results(location={"bucket": "b", "path": "other"})),
    "triggers": ({"day": "1"}, {"day": "2"}),
    "wait_for": ("accepting_parties", "none"),
    "on_delete": ("delete", "cancel"),
    "timeouts": ({"create": 60}, {"create": 90}),
}
# Fields that need files or another scope have tests of their own.
APART = {"adopt_id", "content", "content_format", "content_sha256", "project_id", "space_id"}
APART |= {"content_from_training"}
SAMPLED = [(kind, field) for kind, fields in FIELDS.items() for field in fields if field.name not in APART]


class Declare:
    """Inputs in the test's project; the objects that a training names exist there."""

    def __init__(self, service):
        self.scope = {"project_id": service.project_id}
        self._service = service
        self._ids = {}

    def __call__(self, collection, **fields):
        return self.real({**MINIMAL[collection], "name": "n", **self.scope, **fields})

    def full(self, collection):
        values = {field.name: VALUES[field.name][0] for kind, field in SAMPLED if kind == collection}
        return self.real(values | self.scope)

    def real(self, value):
        """Put the ids of existing objects where the samples have `party-1` and `model-1`."""
        if isinstance(value, dict):
            return {key: self.real(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.real(item) for item in value]
        kind = (
            {"party-1": "remote_training_systems", "model-1": "models"}.get(value)
            if isinstance(value, str)
            else None
        )
        if kind and kind not in self._ids:
            self._ids[kind] = self._service.client().create(kind, {**MINIMAL[kind], **self.scope}).id
        return self._ids.get(kind, value)
