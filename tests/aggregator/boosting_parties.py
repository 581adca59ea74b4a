"""Parties that grow trees: they do what IBM's party does with real data, over real WebSockets."""

import io
import json
import math
import zipfile

import msgpack
import numpy as np

from pulumi_wmlfl.protocol import EXT_SKETCH, ExtType, MessageType
from tests.aggregator.parties import Party


def sketch_of(values, accuracy):
    """A feature's sketch as IBM's party sends it; what is missing counts as zero."""
    gamma = (1 + accuracy) / (1 - accuracy)

    def store(magnitudes):
        if not magnitudes.size:
            return {}
        keys = np.array([math.ceil(math.log2(each) / math.log2(gamma)) for each in magnitudes])
        counts = np.bincount(keys - keys.min()).astype(float).tolist()
        return {"contiguousBinCounts": counts, "contiguousBinIndexOffset": int(keys.min())}

    found = {"mapping": {"gamma": gamma}, "positiveValues": store(values[values > 0])}
    found["negativeValues"] = store(-values[values < 0])
    found["zeroCount"] = float((~((values > 0) | (values < 0))).sum())
    return ExtType(EXT_SKETCH, msgpack.packb(json.dumps(found)))


def percentiles_of(values):
    """Each sample's rank in per cent, -1 where a value is missing; equal values share theirs."""
    present = ~np.isnan(values)
    sorted_ = np.sort(values[present])
    first = np.searchsorted(sorted_, values[present], "left") + 1
    last = np.searchsorted(sorted_, values[present], "right")
    found = np.full(len(values), -1.0)
    found[present] = (first + last) / 2 * 100 / len(values)
    return found


def read_tree(value):
    """The nodes of a tree that the service sent."""
    with zipfile.ZipFile(io.BytesIO(value.data)) as archive:
        schema = json.loads(archive.read("schema.json"))
        nodes = schema["content"]["content"]["nodes"]["file"]
        return np.load(io.BytesIO(archive.read(nodes)), allow_pickle=False)


def walk(nodes, sample):
    """The value of the leaf to which a tree sends a sample."""
    node = nodes[0]
    while not node["is_leaf"]:
        value = sample[node["feature_idx"]]
        left = bool(node["missing_go_to_left"]) if math.isnan(value) else value <= node["num_threshold"]
        node = nodes[node["left"] if left else node["right"]]
    return node["value"]


class TreeParty(Party):
    """A party with samples `x` and targets `y`; `classes` is 0 for a regression.

    `lie(party, method, payload)` returns what is answered instead; `seen` are the methods that were called.
    """

    def __init__(self, service, training_id, rts_id, x, y, *, classes=2, lie=None, **options):
        self.x, self.y, self.classes = x, y, classes
        self.lie = lie or (lambda party, method, payload: payload)
        self.trees = classes if classes > 2 else 1
        self.raw = None
        self.model = []
        self.seen = []
        super().__init__(service, training_id, rts_id, **options)

    def handle(self, request):
        kind = request.message_type
        if kind is MessageType.TRAIN:
            self.line.acknowledge(request)
            method, arguments = request.payload["func"], request.payload["args"]
            self.seen.append(method)
            # As IBM's party: what comes before it was initialized is not done.
            known = method == "initialize" or "initialize" in self.seen
            payload = self.lie(self, method, getattr(self, method)(**arguments) if known else None)
            metrics = {"acc": self.accuracy()} if method == "get_metrics" else {}
            self.line.answer(request, payload, metrics=metrics)
        elif kind is MessageType.SYNC_MODEL:
            # IBM's party installs trees within a round only.
            assert "update_grad" in self.seen
            self.seen.append("sync")
            self.model.append([read_tree(tree) for tree in request.payload["model_update"]["xgb_model"]])
            self.line.answer(request, self.lie(self, "sync", None))
        else:
            super().handle(request)

    def accuracy(self):
        if not self.classes:
            return float(1 - ((self.raw[:, 0] - self.y) ** 2).mean() / self.y.var())
        return float((self.predicted() == self.y).mean())

    def predicted(self):
        return self.raw.argmax(axis=1) if self.trees > 1 else (self.raw[:, 0] > 0).astype(int)

    # the steps, by IBM's names

    def initialize(self, params, party_id, last_step):
        assert last_step == "get_metrics"
        self.options, self.name_here = params["global"], party_id
        about = {
            "has_missing_values": np.isnan(self.x).any(axis=0).astype(np.uint8),
            "need_update_leaves_values": False,
            "n_features_": self.x.shape[1],
        }
        return about | ({"classes_": np.arange(self.classes)} if self.classes else {})

    def generate_sketch(self):
        columns = list(self.x.T)
        sketches = [sketch_of(column, self.options["data_sketch_accuracy"]) for column in columns]
        return [self.name_here, sketches, np.array([percentiles_of(column) for column in columns]).T]

    def get_avg_stats(self):
        if self.trees == 1:
            return [np.array(self.y.mean()), np.array([len(self.y)])]
        shares = [(self.y == index).mean() for index in range(self.classes)]
        return [np.array(shares), np.array([len(self.y)] * self.classes)]

    def init_null_preds(self, baseline):
        assert baseline.shape == (1, self.trees)
        self.raw = np.zeros((len(self.x), self.trees)) + baseline

    def init_grad(self):
        self.given = None

    def set_cat_bitsets(self, known_cat_bitsets, f_idx_map):
        assert (known_cat_bitsets.shape, known_cat_bitsets.dtype) == ((0, 8), np.uint32)
        assert (f_idx_map.shape, f_idx_map.dtype) == ((self.x.shape[1],), np.uint32)

    def set_fit(self, in_fit):
        assert in_fit is False

    def update_grad(self):
        if not self.classes:
            self.given = self.raw - self.y[:, None], np.ones((1, 1))
            return
        if self.trees == 1:
            share, wanted = 1 / (1 + np.exp(-self.raw)), self.y[:, None]
        else:
            share = np.exp(self.raw - self.raw.max(axis=1, keepdims=True))
            share, wanted = share / share.sum(axis=1, keepdims=True), np.eye(self.classes)[self.y]
        self.given = share - wanted, share * (1 - share)

    def collect_hist(self, k):
        return [self.name_here, *(part[:, k].astype(np.float32) for part in self.given)]

    def update_raw_preds(self, k, predictor):
        nodes = read_tree(predictor)
        self.raw[:, k] += [walk(nodes, sample) for sample in self.x]

    def get_metrics(self):
        return None
