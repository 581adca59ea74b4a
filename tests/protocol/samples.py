"""Messages of a training as both sides send them; small, so that they can be damaged by the thousand."""

import numpy as np

from pulumi_wmlfl.protocol import (
    Ack,
    ExtType,
    Frame,
    MessageType,
    Refusal,
    Register,
    RegisterReply,
    Reply,
    Request,
    local_training_class,
    model_class,
)

RTS = "0b4d-rts"
LAYERS = [np.arange(6, dtype="<f4").reshape(2, 3), np.zeros(3, dtype="<f8"), np.array(1, dtype="<i8")]

FROM_PARTY = [
    Register(
        id_request=1,
        rts_id=RTS,
        version="1.0.370",
        ip="h:1/ml/v4/trainings/t/aggregator",
        port=443,
        verify=True,
    ),
    Ack(acknowledged=12, sender=RTS),
    Reply(
        id_request=12,
        message_type=MessageType.TRAIN,
        payload={"weights": LAYERS, "train_counts": 341, "class_counts": {0: 5, 1: 9}},
        metrics={"acc": 0.5, "f1 micro": float("nan"), "score": np.float32(0.25)},
        sender=RTS,
    ),
    Reply(
        id_request=13,
        message_type=MessageType.TRAIN,
        payload={"weights": [[0.5] * 20, [1.5] * 20], "coef": LAYERS[0], "intercept": LAYERS[1]},
        sender=RTS,
    ),
    Reply(id_request=14, message_type=MessageType.EVAL_MODEL, payload={"acc": 0.75}, sender=RTS),
    Reply(
        id_request=3,
        message_type=None,
        status="error",
        message="Error occurred while handling request",
        sender=RTS,
    ),
    Reply(
        id_request=15,
        message_type=MessageType.TRAIN,
        payload={"ct_weights": [[b"\x01" * 40, [2, 3]]], "counts": None, "weights_dtype": np.dtype("<f8")},
        sender=RTS,
    ),
    Reply(
        id_request=16,
        message_type=MessageType.TRAIN,
        payload=["party-1", [ExtType(1, b"\xa2{}")], np.zeros((2, 2), dtype="<f8")],
        sender=RTS,
    ),
]
FROM_AGGREGATOR = [
    RegisterReply(
        id_request=1,
        model_config={**model_class("tensorflow", "iter_avg"), "spec": {"is_model_working_dir": True}},
        local_training=local_training_class("iter_avg"),
        model_package=b"PK\x05\x06" + bytes(18),
    ),
    RegisterReply.refused(1, "The training is over."),
    Request.train(7, model_update=None, local={"training": {"epochs": 3}}, shared={"rounds": 5}),
    Request.train(8, model_update={"weights": LAYERS}),
    Request.call(9, "update_raw_preds", {"k": 0, "predictor": ExtType(2, b"PK")}),
    Request.sync_model(10, {"weights": LAYERS}),
    Request.eval_model(11),
    Request.save_model(12, "trained.pickle"),
    Request.save_model(13),
    Request.stop(14),
    Refusal(detail="This remote training system is not part of the training."),
]
FRAMES = [message.frame().encode() for message in [*FROM_PARTY, *FROM_AGGREGATOR]]
assert all(isinstance(Frame.decode(frame), Frame) for frame in FRAMES)
