"""Data handlers and parties for the tests."""

from pathlib import Path

from pulumi_wmlfl.party import Credentials, HandlerSource, PartySettings

HANDLER = '''\
import numpy as np


class Blobs:
    """Three classes around three points; `info` may leave classes out."""

    def __init__(self, data_config):
        self.info = data_config

    def get_data(self):
        generator = np.random.default_rng(self.info.get("seed", 0))
        labels = np.repeat(self.info.get("classes", [0, 1, 2]), 40)
        points = np.array([[0, 4], [4, -3], [-4, -3]])[labels] + generator.normal(size=(len(labels), 2))
        order = generator.permutation(len(labels))
        x, y = points[order], labels[order]
        return (x[:-30], y[:-30]), (x[-30:], y[-30:])
'''


def handler_file(folder, text=HANDLER) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "data_handler.py"
    file.write_text(text)
    return file


def party_of(aggregator, folder, *, text=HANDLER, info=None, **options):
    """Settings of a party of a scripted aggregator."""
    defaults = {
        "model": {"estimator": "SGDClassifier", "classes": [0, 1, 2], "parameters": {"random_state": 0}},
        "credentials": Credentials(apikey="a-party-key"),
        "reconnect_seconds": 10.0,
        "name": "clinic",
    }
    return PartySettings(
        url=aggregator.url,
        training_id="t",
        rts_id="rts-1",
        scope={"project_id": "p"},
        data=HandlerSource(handler_file(folder, text), "", info or {}),
        platform="local",
        iam_url=aggregator.url,
        ca_file=aggregator.ca_file,
        folder=folder,
        **{**defaults, **options},
    )
