"""Trainings for parties: made over the API, read over the API."""

import io
import zipfile

from tests.server.samples import made, model_body, party_body, project, training_body
from tests.support.service import wait_until

ENDED = {"completed", "failed", "canceled"}


def package(name="model.pickle", content=b"never opened by the service"):
    """A model package: a zip that parties would unpack."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # With a time of its own, so that two packages are equal.
        archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def made_model(service, content=None, kind="scikit-learn_1.1", **more):
    """Store an untrained model with its content; return its id."""
    http = service.http()
    body = model_body(service, type=kind, **more)
    model_id = made(http, "models", body)["metadata"]["id"]
    answer = http(
        "PUT",
        f"/ml/v4/models/{model_id}/content",
        params=project(service, content_format="native"),
        data=package() if content is None else content,
    )
    assert answer.status_code == 201, answer.text
    return model_id


class Experiment:
    """A training, its parties' ids, and how it is doing."""

    def __init__(
        self, service, *, parties=2, content=None, identities=None, remote=None, learning=None, **more
    ):
        self.service = service
        self.http = service.http()
        self.model_id = made_model(service, content)
        identity = {"allowed_identities": identities} if identities else {}
        self.rts = [
            made(
                self.http, "remote_training_systems", party_body(service, name=f"Party {index}", **identity)
            )["metadata"]["id"]
            for index in range(1, parties + 1)
        ]
        systems = [{"id": rts_id} for rts_id in self.rts]
        body = training_body(
            service,
            model_id=self.model_id,
            remote={"remote_training_systems": systems, **(remote or {})},
            learning={
                "model": {"type": "scikit-learn", "spec": {"id": self.model_id}},
                "rounds": 2,
                **(learning or {}),
            },
            **more,
        )
        self.id = made(self.http, "trainings", body)["metadata"]["id"]

    def entity(self):
        """The training as WML shows it."""
        answer = self.http("GET", f"/ml/v4/trainings/{self.id}", params=project(self.service))
        assert answer.status_code == 200, answer.text
        return answer.json()["entity"]

    def status(self):
        return self.entity()["status"]

    def state(self):
        return self.status()["state"]

    def reaches(self, state, seconds=30):
        """Wait for a state; return the status then."""

        def there():
            status = self.status()
            if status["state"] in ENDED and status["state"] != state:
                raise AssertionError(f"{status['state']}: {status['message']}")
            return status if status["state"] == state else None

        return wait_until(there, seconds)

    def log_of(self, rts_id):
        """The events of a party's registration log."""
        states = self.status()["federated_learning_info"]["remote_training_systems"]["states"]
        return next(state for state in states if state["id"] == rts_id)["registration_log"]

    def events_of(self, rts_id):
        return [entry["event"] for entry in self.log_of(rts_id)]

    def journal(self):
        return self.service.control.call("GET", f"/trainings/{self.id}/journal")["journal"]
