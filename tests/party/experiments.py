"""An experiment on the real service: users with keys of their own, a model, parties, a training."""

import io
import zipfile

from tests.server.samples import made, model_body, party_body, project, training_body
from tests.support.service import wait_until

SGD = {"estimator": "SGDClassifier", "classes": [0, 1, 2], "parameters": {"random_state": 0}}


def package(framework):
    """Return a zip with an entry of the name that parties of a framework would load."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        name = "model.pickle" if framework == "scikit-learn" else "saved_model.pb"
        archive.writestr(name, b"never opened by anybody")
    return content.getvalue()


class Experiment:
    """A training of parties by name; each has a user of its own."""

    def __init__(
        self,
        service,
        names,
        *,
        described=SGD,
        rounds=3,
        remote=None,
        fusion_type="avg",
        framework="scikit-learn",
        content=None,
    ):
        self.service = service
        self.http = service.http()
        self.users = {}
        self.rts = {}
        for name in names:
            user = service.control.call(
                "POST", "/users", json={"username": f"{name}-{service.project_id[:8]}"}
            )
            member = {"project_id": service.project_id, "user_id": user["user_id"], "role": "viewer"}
            service.control.call("POST", "/members", json=member)
            self.users[name] = user
            identities = [{"id": user["user_id"], "type": "user"}]
            body = party_body(service, name=name, allowed_identities=identities)
            self.rts[name] = made(self.http, "remote_training_systems", body)["metadata"]["id"]
        self.model_id = self._model(described, framework, content or package(framework))
        body = training_body(
            service,
            model_id=self.model_id,
            remote={"remote_training_systems": [{"id": rts} for rts in self.rts.values()], **(remote or {})},
            learning={
                "model": {"type": framework, "spec": {"id": self.model_id}},
                "fusion_type": fusion_type,
                "rounds": rounds,
            },
        )
        self.id = made(self.http, "trainings", body)["metadata"]["id"]

    def _model(self, described, framework, content):
        custom = {"party_model": described} if described else {}
        body = model_body(self.service, type=framework, custom=custom)
        model_id = made(self.http, "models", body)["metadata"]["id"]
        answer = self.http(
            "PUT",
            f"/ml/v4/models/{model_id}/content",
            params=project(self.service, content_format="native"),
            data=content,
        )
        assert answer.status_code == 201, answer.text
        return model_id

    @property
    def variables(self):
        """The output `party_variables`, as the resource gives it."""
        return {
            "host": self.service.url,
            "training_id": self.id,
            "project_id": self.service.project_id,
            "remote_training_systems": self.rts,
        }

    def status(self):
        answer = self.http("GET", f"/ml/v4/trainings/{self.id}", params=project(self.service))
        assert answer.status_code == 200, answer.text
        return answer.json()["entity"]["status"]

    def reaches(self, state):
        """Wait for a state; return the status then."""
        return wait_until(lambda: (found := self.status())["state"] == state and found)

    def events_of(self, name):
        states = self.status()["federated_learning_info"]["remote_training_systems"]["states"]
        log = next(state for state in states if state["id"] == self.rts[name])["registration_log"]
        return [entry["event"] for entry in log]
