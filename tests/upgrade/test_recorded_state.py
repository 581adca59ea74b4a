"""States that earlier versions wrote must go on working: same import paths, no change where none was made.

Each recording holds what the Pulumi CLI kept of one deployment. The test puts in ids and scope, since the
objects have to exist in the service of this run. Recordings are never changed, only added.
"""

import json
from pathlib import Path

import pytest

from pulumi_wmlfl.core.archive import open_content
from tests.provider.samples import Declare
from tests.support.provider import local_config, start_provider

RECORDINGS = sorted(Path(__file__).parent.glob("state_*.json"))
COLLECTIONS = {"Model": "models", "RemoteTrainingSystem": "remote_training_systems", "Training": "trainings"}


class Recorded:
    """One recorded resource whose object exists in the service of this run."""

    def __init__(self, resource, declare, service):
        self.collection = COLLECTIONS[resource["type"].rsplit(":", 1)[1]]
        real = declare.real(json.loads(json.dumps(resource).replace("project-1", service.project_id)))
        self.inputs, self.outputs = real["inputs"], real["outputs"]
        self.pickled = self.outputs["__provider"]
        skipped = {"__provider", "content", "content_sha256"}
        body = {key: value for key, value in self.inputs.items() if key not in skipped}
        self.id = service.client().create(self.collection, body).id


@pytest.mark.parametrize("recording", RECORDINGS, ids=[path.stem for path in RECORDINGS])
def test_a_recorded_state_is_read_compared_and_destroyed(recording, service, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"weights")
    declare = Declare(service)
    resources = json.loads(recording.read_text())["resources"]
    with start_provider(local_config(service), cwd=tmp_path) as provider:
        for old in [Recorded(resource, declare, service) for resource in resources]:
            # The state's own bytes name the provider class: an import path that moved would fail here.
            provider.pickled[old.collection] = old.pickled
            program = {k: v for k, v in old.inputs.items() if k not in {"__provider", "content_sha256"}}
            if old.collection == "models":
                with open_content(str(tmp_path / "model")) as content:
                    service.client().upload_content(old.id, service.scope, content.open, size=content.size)
            checked, failures = provider.check(old.collection, program, olds=old.inputs)
            assert failures == []
            assert provider.diff(old.collection, old.id, old.outputs, checked) == (False, set())
            _, refreshed, inputs = provider.read(old.collection, old.id, old.outputs)
            assert inputs == {key: value for key, value in old.inputs.items() if key != "__provider"}
            assert provider.diff(old.collection, old.id, refreshed, checked) == (False, set())
            provider.delete(old.collection, old.id, refreshed)
            assert provider.read(old.collection, old.id, refreshed)[0] == ""
