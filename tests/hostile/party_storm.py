"""Hostile parties of a running training: several at once, with frames of their own, over real WebSockets."""

import contextlib
import random
import socket
import ssl
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed

from pulumi_wmlfl.protocol import MessageType, Refusal, RegisterReply
from tests.aggregator.parties import Line
from tests.hostile.frames import Frames
from tests.hostile.vocabulary import HANDSHAKE

AT_A_TIME = 3
_SECONDS = 30
_PATH = "/ml/v4/trainings/{}/aggregator:443"


@dataclass
class PartyStorm:
    """What became of the frames: how many of which sort, and those that found something."""

    frames: Counter = field(default_factory=Counter)
    findings: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    wanted: int = 0

    @property
    def sent(self):
        return self.frames.total()

    def count(self, sort, number=1):
        with self.lock:
            self.frames[sort] += number

    def found(self, problem, frame):
        with self.lock:
            self.findings.append((problem, frame))

    def share(self):
        """How much of it is done."""
        return self.sent / max(self.wanted, 1)


def storm_party(service, training_id, parties, result, *, seed):
    """Let hostile `parties` (ids of remote training systems) send frames until `result.wanted` are sent."""
    token = service.http().session.headers["Authorization"]
    groups = [parties[number::AT_A_TIME] for number in range(AT_A_TIME)]
    threads = [
        threading.Thread(target=_Sender(service, training_id, token, group, result, seed * 100 + number).run)
        for number, group in enumerate(groups)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class _Sender:
    """One hostile machine, which plays its parties in turn."""

    def __init__(self, service, training_id, token, parties, result, seed):
        self.service, self.training_id, self.token = service, training_id, token
        self.parties, self.result = parties, result
        self.source = random.Random(seed)

    def run(self):
        turn = 0
        while self.result.sent < self.result.wanted:
            rts_id = self.parties[turn % len(self.parties)]
            turn += 1
            chance = self.source.random()
            try:
                if chance < 0.1:
                    self._bytes(rts_id)
                else:
                    self._session(rts_id, registers=chance < 0.75)
            except (TimeoutError, ConnectionClosed, OSError) as error:
                self.result.found(f"{type(error).__name__}: {error}", rts_id.encode())

    def _session(self, rts_id, *, registers):
        """Register, or not; send what is read, and in the end what must be refused; wait for the refusal."""
        frames = Frames(self.source, rts_id)
        line = Line(self.service, self.training_id, rts_id, token=self.token)
        with contextlib.closing(line):
            if registers:
                reply = line.register()
                accepted = isinstance(reply, RegisterReply) and reply.accepted
                if accepted and self._answers(line, frames):
                    return
                for _ in range(self.source.randint(0, 40)):
                    line.socket.send(frames.taken())
                    self.result.count("well-formed")
            frame, reason = frames.refused()
            line.socket.send(frame)
            self.result.count("damaged")
            said = self._refusal(line)
            # At the end of a round an update that was taken may turn out to be of another model.
            if registers and said != reason and "another model" not in said:
                self.result.found(f"{said!r} instead of {reason!r}", frame)

    def _answers(self, line, frames):
        """Answer a TRAIN, if one comes, with hostile weights; tell whether that was the end."""
        try:
            request = line.receive(0.3)
        except TimeoutError:
            return False
        if isinstance(request, Refusal) or request.message_type is not MessageType.TRAIN:
            return False
        line.socket.send(frames.update(request.id_request))
        self.result.count("update")
        with contextlib.suppress(TimeoutError):
            return isinstance(line.receive(0.3), Refusal)
        return False

    @staticmethod
    def _refusal(line):
        while not isinstance(message := line.receive(_SECONDS), Refusal):
            pass
        return message.detail

    def _bytes(self, rts_id):
        """Send, after a good handshake, what is no WebSocket frame; the service must end the connection."""
        address = urlsplit(self.service.url)
        context = ssl.create_default_context(cafile=self.service.ca_file)
        fields = [*HANDSHAKE, ("Host", "localhost"), ("rtsid", rts_id), ("Authorization", self.token)]
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        with (
            socket.create_connection((address.hostname, address.port), timeout=_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as wrapped,
        ):
            wrapped.sendall(f"GET {_PATH.format(self.training_id)} HTTP/1.1\r\n{head}\r\n".encode())
            assert wrapped.recv(65536).startswith(b"HTTP/1.1 101")
            sent = _no_frame(self.source)
            self.result.count("no WebSocket frame")
            try:
                wrapped.sendall(sent)
                while wrapped.recv(65536):
                    pass
            except TimeoutError:
                self.result.found("the connection stayed open", sent)
            except OSError:
                return


def _no_frame(source):
    """Bytes that break RFC 6455, so that whoever reads them must end the connection."""
    mask = source.randbytes(4)
    return source.choice(
        [
            bytes([0x83, 0x80]) + mask,  # an operation that is not defined
            bytes([0xC2, 0x80]) + mask,  # a bit that is reserved
            bytes([0x82, 0x05]) + source.randbytes(5),  # not masked
            bytes([0x09, 0x80]) + mask,  # a ping in pieces
            bytes([0x89, 0xFE]) + struct.pack("!H", 300) + mask + bytes(300),  # a ping that is too long
            bytes([0x82, 0xFF]) + struct.pack("!Q", 2**63 + source.randrange(2**20)) + mask,  # too long
            bytes([0x82, 0xFF]) + struct.pack("!Q", 2**40) + mask,  # longer than is accepted
            bytes([0x88, 0x81]) + mask + b"x",  # a close with half a code
            bytes([0x88, 0x82])
            + bytes(4)
            + struct.pack("!H", 5),  # a close with a code that must not be sent
            bytes([0x80, 0x80]) + mask,  # goes on with what never began
            bytes([0x81, 0x82]) + bytes(4) + b"\xff\xfe",  # text that is not UTF-8
        ]
    )
