"""Messages to frames and back, and what each side may not send."""

import msgpack
import numpy as np
import pytest

from pulumi_wmlfl.errors import ProtocolError
from pulumi_wmlfl.protocol import (
    Ack,
    Frame,
    Framework,
    MessageType,
    Register,
    RegisterReply,
    Reply,
    Request,
    framework_of,
    from_aggregator,
    from_party,
    local_training_class,
    model_class,
)
from tests.protocol.samples import FROM_AGGREGATOR, FROM_PARTY
from tests.protocol.test_codec import same


def plain(message):
    return {name: getattr(message, name) for name in message.__dataclass_fields__}


@pytest.mark.parametrize("message", FROM_PARTY)
def test_what_a_party_sends_is_read_as_it_was_meant(message):
    found = from_party(Frame.decode(message.frame().encode()))
    assert type(found) is type(message)
    assert same(plain(found), plain(message))


@pytest.mark.parametrize("message", FROM_AGGREGATOR)
def test_what_an_aggregator_sends_is_read_as_it_was_meant(message):
    frame = Frame.decode(message.frame().encode())
    found = from_aggregator(frame)
    assert type(found) is type(message)
    assert same(plain(found), plain(message))
    assert frame.sender_info is None, "IBM's party drops a request that names a sender"


def test_the_token_of_a_registration_is_not_read_and_not_shown():
    sent = Register(id_request=1, rts_id="r", token="Bearer secret-token")
    frame = Frame.decode(sent.frame().encode())
    assert frame.data["token"] == "Bearer secret-token"
    assert "secret-token" not in repr([sent, frame, from_party(frame)])
    assert from_party(frame).token == ""


@pytest.mark.parametrize("key", ["VERSION", "WATSONX_AI_VERSION"])
def test_both_generations_name_their_release(key):
    frame = Frame(id_request=1, message_type=MessageType.REGISTER, data={"id": "r", key: "1.3.39"})
    assert from_party(frame).version == "1.3.39"
    assert from_party(Frame(id_request=1, message_type=MessageType.REGISTER, data={"id": "r"})).version == ""


def test_an_acknowledgement_has_an_id_of_its_own():
    frame = Ack(acknowledged=5, sender="r").frame()
    assert (frame.id_request, frame.message_type) == (-1, 11)
    assert frame.data == {"ACK": True, "id_request": 5}


def test_an_error_reply_without_a_type_is_told_apart():
    frame = Frame(id_request=99, message_type=None, data={"status": "error", "message": "no"})
    found = from_party(frame)
    assert found.is_anonymous_error
    assert not found.succeeded
    assert found.message == "no"


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (Request.stop(1).frame(), "does not send STOP"),
        (Frame(id_request=1, message_type=MessageType.TRAIN, data=None), "is a map"),
        (Frame(id_request=1, message_type=MessageType.TRAIN, data={1: 2}), "names as keys"),
        (Frame(id_request=1, message_type=MessageType.TRAIN, data={"payload": 1}), "'success' or 'error'"),
        (Frame(id_request=1, message_type=MessageType.TRAIN, data={"status": ["success"]}), "'success'"),
        (Frame(id_request=1, message_type=MessageType.TRAIN, data={"status": np.ones(3)}), "'success'"),
        (
            Frame(id_request=1, message_type=MessageType.TRAIN, data={"status": "success", "metrics": 1}),
            "metrics",
        ),
        (Frame(id_request=1, message_type=MessageType.REGISTER, data={"id": ""}), "names the id"),
        (Frame(id_request=1, message_type=MessageType.REGISTER, data={"id": 7}), "names the id"),
        (Frame(id_request=-1, message_type=MessageType.ACK, data={"ACK": True}), "names the id_request"),
        (
            Frame(id_request=-1, message_type=MessageType.ACK, data={"id_request": True}),
            "names the id_request",
        ),
    ],
)
def test_what_a_party_may_not_send_is_refused(frame, reason):
    with pytest.raises(ProtocolError, match=reason):
        from_party(Frame.decode(frame.encode()))


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (Ack(acknowledged=1).frame(), "does not send ACK"),
        (Reply(id_request=1, message_type=None, status="error").frame(), "without type"),
        (Frame(id_request=1, message_type=MessageType.REGISTER, data={}), "'success' or 'error'"),
        (RegisterReply(id_request=1, local_training={}).frame(), "model_config"),
        (RegisterReply(id_request=1, model_config={}).frame(), "local_training"),
        (RegisterReply(id_request=1, model_config={}, local_training={}, model_package="x").frame(), "bytes"),
        (Frame(id_request=1, message_type=MessageType.TRAIN, data=[]), "is a map"),
    ],
)
def test_what_an_aggregator_may_not_send_is_refused(frame, reason):
    with pytest.raises(ProtocolError, match=reason):
        from_aggregator(Frame.decode(frame.encode()))


HEADER = {"id_request": 1, "message_type": 7, "sender_info": "r"}


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"header": HEADER},
        {"header": [], "data": 1},
        {"header": HEADER, "data": 1, "more": 1},
        {"header": {"id_request": 1, "message_type": 7}, "data": 1},
        *(
            {"header": HEADER | change, "data": 1}
            for change in (
                {"id_request": None},
                {"id_request": 1.0},
                {"id_request": True},
                {"message_type": 9},
                {"message_type": "7"},
                {"message_type": True},
                {"message_type": 7.0},
                {"message_type": [7]},
                {"sender_info": 1},
                {"sender_info": "x" * 300},
            )
        ),
    ],
)
def test_a_message_without_a_proper_header_is_refused(message):
    with pytest.raises(ProtocolError):
        Frame.decode(msgpack.packb(message))


def test_headers_may_have_more_than_they_must():
    assert Frame.decode(msgpack.packb({"header": HEADER | {"trace": 1}, "data": 1})).id_request == 1


@pytest.mark.parametrize(
    ("model_type", "framework"),
    [
        ("tensorflow_2.12", Framework.TENSORFLOW),
        ("tensorflow", Framework.TENSORFLOW),
        ("keras", Framework.TENSORFLOW),
        ("pytorch-onnx_2.0", Framework.PYTORCH),
        ("Scikit-learn_1.1", Framework.SCIKIT_LEARN),
        ("sklearn", Framework.SCIKIT_LEARN),
        ("tensorflowish", None),
        ("spss", None),
        ("", None),
    ],
)
def test_wml_s_model_types_name_frameworks(model_type, framework):
    assert framework_of(model_type) is framework


def test_class_names_come_from_the_table():
    assert model_class("scikit-learn", "avg") == {
        "name": "SklearnSGDFLModel",
        "path": "ibmfl.model.sklearn_SGD_linear_fl_model",
    }
    assert model_class("scikit-learn", "spahm")["name"] == "SklearnKMeansFLModel"
    assert model_class("scikit-learn", "xgb_regressor")["name"] == "XGBRegressorFLModel"
    assert local_training_class("avg")["path"] == "ibmfl.party.training.fedavg_local_training_handler"
    assert local_training_class("krum")["name"] == "LocalTrainingHandler"
    with pytest.raises(ProtocolError, match="no class"):
        model_class("os.system", "iter_avg")
