"""Light parties in a real training: real service, real processes, and what can happen to them."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pulumi_wmlfl.errors import AuthenticationFailed, PartyRefused, TrainingFailed, UserCodeError
from pulumi_wmlfl.party import Credentials, EventKind, HandlerSource, PartySettings, run_party, simulate
from pulumi_wmlfl.party.kit import KitRequest, find_party_variables, make_kits
from tests.party.experiments import Experiment
from tests.party.samples import HANDLER, handler_file
from tests.support.service import start_service, wait_until

QUICK = [
    part
    for limit in ("settle_seconds=0.05", "late_seconds=1", "rejoin_seconds=5", "evaluation_seconds=30")
    for part in ("--limit", limit)
]
# Trains only while a file of this name is there: a test holds a party in a round by taking it away.
SLOW_MODEL = """\
import pathlib, time
import numpy as np


class Slow:
    def __init__(self):
        self.weights = [np.zeros((2, 3))]

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def fit(self, x, y):
        here = pathlib.Path(__file__).parent
        (here / "training").touch()
        while (here / "hold").exists():
            time.sleep(0.02)
        if (here / "fail").exists():
            raise RuntimeError("the scanner is on fire")
        self.weights[0] += 1.0

    def evaluate(self, x, y):
        return {"loss": float(self.weights[0].sum())}
"""


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    """A service whose waiting times suit tests."""
    with start_service(tmp_path_factory.mktemp("trainer"), *QUICK, pending_seconds=0.05) as running:
        yield running


def settings_of(experiment, name, folder, **changes):
    """Settings of one party of an experiment."""
    service = experiment.service
    defaults = {
        "url": service.url,
        "training_id": experiment.id,
        "rts_id": experiment.rts[name],
        "scope": {"project_id": service.project_id},
        "data": HandlerSource(handler_file(folder / name), "", {"seed": len(name)}),
        "name": name,
        "platform": "local",
        "iam_url": service.url,
        "ca_file": Path(service.ca_file),
        "folder": folder / name,
        "credentials": Credentials(apikey=experiment.users[name]["apikey"]),
        "reconnect_seconds": 30.0,
    }
    return PartySettings(**{**defaults, **changes})


def test_three_parties_train_from_their_kits_as_processes(trainer, tmp_path):
    """One process is killed in the middle; started again it comes back, and the training completes."""
    experiment = Experiment(trainer, ["north", "south", "west"], rounds=4)
    request = KitRequest(
        out=tmp_path,
        ca_file=Path(trainer.ca_file),
        data_handler=handler_file(tmp_path),
        only=["north", "south"],
    )
    kits = make_kits(find_party_variables(experiment.variables), request)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WMLFL_")}

    def start(name):
        return subprocess.Popen(
            [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", "party", "run", "--json"],
            cwd=kits[name],
            env={**environment, "WMLFL_APIKEY": experiment.users[name]["apikey"], "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )

    running = [start("north"), start("south")]
    experiment.reaches("accepting_parties")
    wait_until(lambda: all("register" in experiment.events_of(name) for name in ("north", "south")))
    running[1].send_signal(signal.SIGKILL)
    running[1].communicate()
    wait_until(lambda: experiment.events_of("south")[-1] == "disconnect")
    running[1] = start("south")
    wait_until(lambda: experiment.events_of("south")[-1] == "register")
    # The third one joins last, in this process.
    result = run_party(settings_of(experiment, "west", tmp_path))
    told = [process.communicate(timeout=30)[0] for process in running]

    assert [process.returncode for process in running] == [0, 0]
    assert result.state == "completed"
    assert [r.number for r in result.rounds] == [1, 2, 3, 4]
    for output in told:
        events = [json.loads(line)["data"] for line in output.splitlines()]
        assert [event["round"] for event in events if event.get("event") == "fused"] == [1, 2, 3, 4]
    entries = experiment.status()["metrics"]
    by_party = {
        item["id"]: item for item in entries[-1]["ml_federated_metrics"]["acc"]["remote_training_systems"]
    }
    assert set(by_party) == set(experiment.rts.values())
    assert by_party[experiment.rts["west"]]["fused"] == result.rounds[-1].fused["acc"]
    assert by_party[experiment.rts["west"]]["local"] == result.rounds[-1].local["acc"]


def test_parties_go_on_after_the_service_was_killed(tmp_path):
    """The service dies in the middle of a round; its successor goes on and both parties find it."""
    ports = ("--port", str(free_port()))
    learning = {"framework": "tensorflow", "fusion_type": "iter_avg", "rounds": 3}
    lost = threading.Event()

    def told(event):
        if event.kind is EventKind.LOST:
            lost.set()

    with start_service(tmp_path / "data", *QUICK, *ports, pending_seconds=0.05) as first:
        experiment = Experiment(first, ["north", "south"], **learning)
        experiment.reaches("accepting_parties")
        parties = [slow_party(experiment, name, tmp_path) for name in ("north", "south")]
        hold = tmp_path / "north/hold"
        hold.touch()
        results = {}
        thread = threading.Thread(target=lambda: results.update(simulate(parties, on_event=told)))
        thread.start()
        wait_until((tmp_path / "north/training").exists)
        first.kill()
        assert lost.wait(10)
    with start_service(tmp_path / "data", *QUICK, *ports, pending_seconds=0.05):
        hold.unlink()
        thread.join(40)
    assert {name: result.state for name, result in results.items()} == {
        "north": "completed",
        "south": "completed",
    }
    # The broken round was trained again; rounds 2 and 3 are fused from what both then had.
    assert [r.number for r in results["south"].rounds] == [1, 2, 3]
    assert results["south"].rounds[-1].fused == results["north"].rounds[-1].fused != {}


def free_port():
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def slow_party(experiment, name, folder):
    settings = settings_of(experiment, name, folder, model={"path": "slow.py"})
    (folder / name / "slow.py").write_text(SLOW_MODEL)
    return settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("other user", "allowed_identities"),
        ("other rts", "does not name the remote training system"),
        ("other project", "404|403"),
    ],
)
def test_who_may_not_take_part_is_told_why(trainer, tmp_path, changes, said):
    experiment = Experiment(trainer, ["north", "south"])
    experiment.reaches("accepting_parties")
    other = Experiment(trainer, ["east"])
    wrong = {
        "other user": {"credentials": Credentials(apikey=experiment.users["south"]["apikey"])},
        "other rts": {"rts_id": other.rts["east"]},
        "other project": {"scope": {"project_id": trainer.control.new_scope("project_id")}},
    }[changes]
    with pytest.raises(Exception, match=said) as caught:
        run_party(settings_of(experiment, "north", tmp_path, **wrong))
    assert caught.value.exit_code in {6, 7, 13}
    assert isinstance(caught.value, PartyRefused) == (changes != "other project")
    assert experiment.status()["state"] == "accepting_parties"


REGRESSION = """\
import numpy as np


class Line:
    def __init__(self, data_config):
        self.generator = np.random.default_rng(data_config["seed"])

    def get_data(self):
        x = self.generator.normal(size=(120, 2))
        y = x @ [2.0, -1.0] + 0.5
        return (x[:90], y[:90]), (x[90:], y[90:])
"""


@pytest.mark.parametrize(
    ("described", "fusion_type", "text", "better"),
    [
        ({"estimator": "SGDRegressor", "parameters": {"random_state": 0}}, "iter_avg", REGRESSION, 0.6),
        ({"estimator": "Perceptron", "classes": [0, 1, 2]}, "coordinate_median", HANDLER, 0.9),
        (
            {"estimator": "KMeans", "parameters": {"n_clusters": 3, "n_init": 2, "random_state": 0}},
            "spahm",
            HANDLER,
            -90.0,
        ),
    ],
)
def test_other_models_and_fusions(trainer, tmp_path, described, fusion_type, text, better):
    experiment = Experiment(trainer, ["north", "south"], described=described, fusion_type=fusion_type)
    parties = []
    for name in ("north", "south"):
        party = settings_of(experiment, name, tmp_path)
        party.data.path.write_text(text)
        parties.append(party)
    results = simulate(parties)
    assert {result.state for result in results.values()} == {"completed"}
    for result in results.values():
        assert result.rounds[-1].fused["score"] > better
    assert experiment.status()["metrics"][-1]["ml_federated_metrics"]["score"]["global"] > better


def test_a_party_signs_in_as_on_cloud_pak_for_data_and_leaves_on_sigterm(trainer, tmp_path):
    experiment = Experiment(trainer, ["north", "south"])
    experiment.reaches("accepting_parties")
    request = KitRequest(
        out=tmp_path, platform="cpd", ca_file=Path(trainer.ca_file), data_handler=handler_file(tmp_path)
    )
    kit = make_kits(find_party_variables(experiment.variables), request)["north"]
    user = experiment.users["north"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", "party", "run"],
        cwd=kit,
        env={**os.environ, "WMLFL_APIKEY": user["apikey"], "WMLFL_USERNAME": user["username"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: "register" in experiment.events_of("north"))
    finally:
        process.terminate()
        told, complained = process.communicate(timeout=30)
    assert (process.returncode, complained) == (143, "")
    assert "Connected to" in told
    wait_until(lambda: experiment.events_of("north")[-1] == "disconnect")


def test_a_wrong_key_ends_at_the_sign_in(trainer, tmp_path):
    experiment = Experiment(trainer, ["north"])
    settings = settings_of(experiment, "north", tmp_path, credentials=Credentials(apikey="no-such-key-here"))
    with pytest.raises(
        AuthenticationFailed,
        match=r"north could not sign in: https://\S+ does not accept its key.*WMLFL_APIKEY must be",
    ) as caught:
        run_party(settings)
    assert "no-such-key-here" not in str(caught.value)


def test_a_second_process_of_a_party_is_refused_and_the_first_goes_on(trainer, tmp_path):
    experiment = Experiment(trainer, ["north", "south"])
    experiment.reaches("accepting_parties")
    north = settings_of(experiment, "north", tmp_path)
    results = {}
    stop = threading.Event()

    def first():
        results["north"] = run_party(north, stop=stop)

    thread = threading.Thread(target=first)
    thread.start()
    try:
        wait_until(lambda: "register" in experiment.events_of("north"))
        with pytest.raises(PartyRefused, match="already connected"):
            run_party(north)
        run_party(settings_of(experiment, "south", tmp_path))
    finally:
        thread.join(20)
        stop.set()
    assert results["north"].state == "completed"


def test_a_party_whose_model_fails_leaves_and_the_quorum_goes_on(trainer, tmp_path):
    experiment = Experiment(
        trainer, ["north", "south"], framework="tensorflow", fusion_type="iter_avg", remote={"quorum": 0.5}
    )
    experiment.reaches("accepting_parties")
    parties = {name: slow_party(experiment, name, tmp_path) for name in ("north", "south")}
    (tmp_path / "north/fail").touch()
    results = {}
    thread = threading.Thread(target=lambda: results.update(south=run_party(parties["south"])))
    (tmp_path / "south/hold").touch()
    thread.start()
    with pytest.raises(UserCodeError, match=r"slow\.py:21: RuntimeError: the scanner is on fire"):
        run_party(parties["north"])
    (tmp_path / "south/hold").unlink()
    thread.join(30)
    assert results["south"].state == "completed"
    assert "fail" in experiment.events_of("north")


def test_a_canceled_training_ends_its_parties(trainer, tmp_path):
    experiment = Experiment(trainer, ["north", "south"])
    experiment.reaches("accepting_parties")
    caught = []

    def run():
        try:
            run_party(settings_of(experiment, "north", tmp_path))
        except TrainingFailed as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: "register" in experiment.events_of("north"))
    answer = experiment.http(
        "DELETE", f"/ml/v4/trainings/{experiment.id}", params={"project_id": trainer.project_id}
    )
    assert answer.status_code == 204
    thread.join(20)
    assert "is canceled" in str(caught[0])
    assert caught[0].exit_code == 9
    with pytest.raises(TrainingFailed, match="cannot join it any more"):
        run_party(settings_of(experiment, "south", tmp_path))
