"""Parties that speak the protocol over real WebSockets: well behaved, or not, as a test wants."""

import contextlib
import socket
import threading

from websockets.exceptions import ConnectionClosed

from pulumi_wmlfl.protocol import (
    Ack,
    Frame,
    MessageType,
    Refusal,
    Register,
    RegisterReply,
    Reply,
    from_aggregator,
)
from tests.support.sockets import open_websocket

SECONDS = 30


def socket_of(service, training_id, rts_id, token, **options):
    """Open a party's WebSocket."""
    path = f"/ml/v4/trainings/{training_id}/aggregator:443"
    headers = {"Authorization": token, "rtsid": rts_id}
    return open_websocket(service, path, headers, max_size=2**29, ping_interval=None, **options)


class Line:
    """One connection of a party, step by step."""

    def __init__(self, service, training_id, rts_id, *, token=None):
        self.rts_id = rts_id
        token = token or service.http().session.headers["Authorization"]
        self._open = contextlib.ExitStack()
        self.socket = self._open.enter_context(socket_of(service, training_id, rts_id, token))
        self.key = self.socket.response.headers.get("apikey")

    def send(self, message):
        self.socket.send(message.frame().encode())

    def receive(self, seconds=SECONDS):
        return from_aggregator(Frame.decode(self.socket.recv(seconds)))

    def register(self, id_request=1):
        """Register; return the reply, or the refusal."""
        self.send(Register(id_request=id_request, rts_id=self.rts_id, version="1.0.370"))
        return self.receive()

    def acknowledge(self, request):
        self.send(Ack(acknowledged=request.id_request, sender=self.rts_id))

    def answer(self, request, payload=None, *, status="success", metrics=None, message=""):
        self.send(
            Reply(
                id_request=request.id_request,
                message_type=request.message_type,
                status=status,
                payload=payload,
                metrics=metrics or {},
                message=message,
                sender=self.rts_id,
            )
        )

    def expect(self, kind, seconds=SECONDS):
        """Receive the request of this kind."""
        request = self.receive(seconds)
        assert request.message_type is kind, request
        return request

    def until(self, kind):
        """Answer whatever comes before the request of this kind; return that."""
        while (request := self.receive()).message_type is not kind:
            self.answer(request, {})
        return request

    def close(self):
        self._open.close()

    def abort(self):
        """Break the connection as a killed process or a lost network does."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)


def update_of(values):
    """A round's update as scikit-learn's parties send it."""
    return {"weights": [[float(value) for value in values]]}


class Party(threading.Thread):
    """A whole party: registers, answers everything, ends at STOP or when it is refused.

    `train(number, given)` returns the payload for the party's own count of rounds and the model it was
    given (None in the first round); what it raises is answered as a failure. `outcome` is `stopped`, or why
    it ended.
    """

    def __init__(self, service, training_id, rts_id, *, token=None, train=None, evaluate=None):
        super().__init__(daemon=True)
        self.line = Line(service, training_id, rts_id, token=token)
        self.train = train or (lambda number, given: update_of([number, 2 * number]))
        self.evaluate = evaluate or (lambda: {"acc": 0.5})
        self.given = []
        self.outcome = ""
        self.start()

    def run(self):
        try:
            reply = self.line.register()
            while not self.outcome:
                if isinstance(reply, Refusal):
                    self.outcome = reply.detail
                elif isinstance(reply, RegisterReply):
                    self.outcome = "" if reply.accepted else reply.detail
                else:
                    self.handle(reply)
                if not self.outcome:
                    reply = self.line.receive(120)
        except ConnectionClosed as error:
            self.outcome = f"closed: {error}"
        except OSError as error:
            self.outcome = f"lost: {error}"
        finally:
            self.line.close()

    def handle(self, request):
        kind = request.message_type
        if kind is MessageType.TRAIN:
            self.line.acknowledge(request)
            self.given.append(request.payload["model_update"])
            try:
                payload = self.train(len(self.given), self.given[-1])
                self.line.answer(request, payload, metrics={"acc": 0.25})
            except ValueError as error:
                self.line.answer(request, status="error", message=str(error))
        elif kind is MessageType.EVAL_MODEL:
            self.line.answer(request, self.evaluate())
        elif kind is MessageType.STOP:
            self.line.acknowledge(request)
            self.outcome = "stopped"
        else:
            self.line.answer(request)

    def ended(self, seconds=SECONDS):
        """Wait for its end; return why."""
        self.join(seconds)
        assert not self.is_alive(), "the party did not end"
        return self.outcome
