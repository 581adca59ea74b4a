"""An aggregator that follows a script, also one that no honest aggregator would: real TLS, real WebSocket."""

import asyncio
import threading
from contextlib import contextmanager

import msgpack
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from pulumi_wmlfl.protocol import Ack, Frame, Register, RegisterReply, Reply, Request, from_party

LINEAR = {"name": "SklearnSGDFLModel", "path": "ibmfl.model.sklearn_SGD_linear_fl_model", "spec": {}}
PLAIN = {"name": "LocalTrainingHandler", "path": "ibmfl.party.training.local_training_handler"}
COUNTED = {"name": "FedAvgLocalTrainingHandler", "path": "ibmfl.party.training.fedavg_local_training_handler"}


class Conversation:
    """One connection of a party, in the words of the protocol."""

    def __init__(self, socket):
        self.socket = socket
        self.headers = socket.headers

    async def receive(self):
        return from_party(Frame.decode(await self.socket.receive_bytes()))

    async def send(self, message):
        frame = message if isinstance(message, bytes) else message.frame().encode()
        await self.socket.send_bytes(frame)

    async def admit(self, *, model_config=LINEAR, local_training=PLAIN, model_package=None):
        register = await self.receive()
        assert isinstance(register, Register)
        await self.send(
            RegisterReply(
                id_request=register.id_request,
                model_config=model_config,
                local_training=local_training,
                model_package=model_package,
            )
        )
        return register

    async def acknowledged(self, number):
        ack = await self.receive()
        assert isinstance(ack, Ack)
        assert ack.acknowledged == number

    async def reply(self, number):
        reply = await self.receive()
        assert isinstance(reply, Reply)
        assert reply.id_request == number
        return reply

    async def train(self, number, update=None, **local):
        """Send TRAIN and return the reply, its ACK checked."""
        await self.send(Request.train(number, model_update=update, local=local))
        await self.acknowledged(number)
        return await self.reply(number)

    async def ask(self, request):
        await self.send(request)
        return await self.reply(request.id_request)

    async def stop(self, number=99):
        await self.send(Request.stop(number))
        await self.acknowledged(number)


class ScriptedAggregator:
    """Serves one training; `script(conversation, connection number)` is what it does with each connection."""

    def __init__(self, script, *, learning=None, model=None):
        self.script = script
        self.state = "accepting_parties"
        self.learning = learning or {"rounds": 3, "model": {"spec": {"id": "m"}}}
        self.model = model or {}
        self.connections = 0
        self.failures = []
        self.url = ""

    async def socket(self, socket):
        await socket.accept()
        self.connections += 1
        try:
            await self.script(Conversation(socket), self.connections)
        except WebSocketDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - raised in the test that started it
            self.failures.append(error)
        if socket.application_state.name == "CONNECTED":
            await socket.close()

    def app(self):
        async def token(_):
            return JSONResponse({"access_token": "a.e30.c", "expires_in": 3600})

        async def training(_):
            status = {"state": self.state}
            return JSONResponse({"entity": {"federated_learning": self.learning, "status": status}})

        async def model(_):
            return JSONResponse({"entity": {"custom": self.model}})

        return Starlette(
            routes=[
                Route("/identity/token", token, methods=["POST"]),
                Route("/ml/v4/trainings/{id}", training),
                Route("/ml/v4/models/{id}", model),
                WebSocketRoute("/ml/v4/trainings/{id}/aggregator:443", self.socket),
            ]
        )


@contextmanager
def scripted(folder, script, **options):
    """Run a scripted aggregator in a thread; yields it with `url` and `ca_file`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    aggregator = ScriptedAggregator(script, **options)
    config = uvicorn.Config(
        aggregator.app(),
        port=0,
        ssl_certfile=folder / "server.pem",
        log_level="critical",
        ws="websockets-sansio",
        ws_max_size=2**29,
        ws_ping_interval=None,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    async def serve():
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        ready.set()
        await running

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        port = server.servers[0].sockets[0].getsockname()[1]
        aggregator.url = f"https://127.0.0.1:{port}"
        aggregator.ca_file = folder / "ca.pem"
        yield aggregator
    finally:
        server.should_exit = True
        thread.join(60)
        loop.close()
    assert not aggregator.failures, aggregator.failures


def frame_of(message_type, data, *, number=1):
    """Return the bytes of any frame, also of one that the protocol does not allow."""
    header = {"id_request": number, "message_type": message_type, "sender_info": None}
    return msgpack.packb({"header": header, "data": data})
