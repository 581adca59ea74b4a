"""Write the corpus of hostile frames again: `python -m tests.protocol.make_corpus`.

Frames that a search found are added as files of their own; this makes those of known attacks.
"""

from pathlib import Path

import msgpack

CORPUS = Path(__file__).parent / "corpus"
HEADER = {"id_request": 1, "message_type": 7, "sender_info": "r"}


def message(payload):
    return msgpack.packb({"header": HEADER, "data": {"status": "success", "payload": payload}})


def array(**changes):
    wire = {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [2], b"data": bytes(8)}
    return wire | {key.encode(): value for key, value in changes.items()}


def frames():
    yield "empty", b""
    yield "text-instead-of-a-map", msgpack.packb("hello")
    yield "bytes-after-the-end", message(1) + b"\xc0"
    yield "cut-off", message([1.5] * 40)[:-9]
    yield "list-of-4-billion", b"\xdd\xff\xff\xff\xff"
    yield "map-of-4-billion", b"\xdf\xff\xff\xff\xff"
    yield "lists-of-lists-that-promise-more", b"\xdd\x00\x01\x00\x00" * 20 + b"\xc0" * 70_000
    yield "nested-1000-deep", message(1)[:-1] + b"\x91" * 1000 + b"\xc0"
    yield (
        "array-of-objects-with-a-pickle",
        message(array(type="|O", kind=b"O", data=b"cos\nsystem\n(S'true'\ntR.")),
    )
    yield "array-of-records", message(array(type=[["a", "<f8"]], kind=b"V"))
    yield "array-of-records-named-plainly", message(array(type="a,f8"))
    yield "array-larger-than-its-bytes", message(array(shape=[2**31, 2**31]))
    yield "array-of-negative-size", message(array(shape=[-1, -2]))
    yield "array-with-impossible-characters", message(array(type="<U2", shape=[1], data=b"\xff" * 8))
    yield "array-as-a-key", b"\x82\xa6header\xc0\x81\xa1a\xc0\xc0"
    yield "list-as-a-key", b"\x81\x91\x01\x01"
    yield "text-that-is-not-utf-8", message("@").replace(b"@", b"\xff")
    yield "timestamp", b"\xd6\xff\x00\x00\x00\x00"
    yield "extension-of-an-unknown-type", message(msgpack.ExtType(42, b"x"))
    yield "dtype-of-objects", message(msgpack.ExtType(3, b"|O"))
    yield "unused-byte", b"\xc1"
    yield "unrouted-message-type", msgpack.packb({"header": HEADER | {"message_type": 9}, "data": {}})


if __name__ == "__main__":
    CORPUS.mkdir(exist_ok=True)
    for name, frame in frames():
        (CORPUS / f"{name}.bin").write_bytes(frame)
