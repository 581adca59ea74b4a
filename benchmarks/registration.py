"""Many parties at once: registration, and rounds, each as a ratio.

*registration*: all parties connect over TLS, register and get the model package; against as many WebSocket
handshakes over TLS that are refused at once. *round*: from the first TRAIN to the last answer, against the
time that the slowest party trains. Parties and service share the machine.

    python -m benchmarks.registration [--parties 500] [--rounds 3]
"""

import argparse
import asyncio
import ssl
import statistics
import tempfile
import time
from pathlib import Path

from websockets.asyncio.client import connect

from pulumi_wmlfl.protocol import Ack, Frame, MessageType, Register, Reply, from_aggregator
from tests.aggregator.trainings import Experiment
from tests.support.service import start_service

SLOWEST_SECONDS = 1.0


class Swarm:
    """Parties that train for up to `SLOWEST_SECONDS`."""

    def __init__(self, service, experiment):
        self.experiment = experiment
        self.base = service.url.replace("https", "wss")
        self.context = ssl.create_default_context(cafile=service.ca_file)
        self.token = service.http().session.headers["Authorization"]
        self.asked: list[float] = []
        self.answered: list[float] = []
        self.registered = 0

    def socket(self, training_id, rts_id):
        headers = {"Authorization": self.token, "rtsid": rts_id}
        return connect(
            f"{self.base}/ml/v4/trainings/{training_id}/aggregator:443",
            ssl=self.context,
            additional_headers=headers,
            compression=None,
            proxy=None,
            ping_interval=None,
            open_timeout=300,
        )

    async def refused(self):
        """Connect as a party of no training: handshake, reason, end."""
        async with self.socket("none", "none") as socket:
            await socket.recv()

    async def party(self, index, rts_id):
        async with self.socket(self.experiment.id, rts_id) as socket:
            await socket.send(Register(id_request=1, rts_id=rts_id).frame().encode())
            await socket.recv()
            self.registered = time.perf_counter()
            async for data in socket:
                request = from_aggregator(Frame.decode(data))
                if request.message_type is MessageType.STOP:
                    return
                await self.answer(socket, request, index)

    async def answer(self, socket, request, index):
        if request.message_type is MessageType.TRAIN:
            self.asked.append(time.perf_counter())
            await socket.send(Ack(acknowledged=request.id_request).frame().encode())
            await asyncio.sleep(SLOWEST_SECONDS * (index + 1) / len(self.experiment.rts))
        payload = (
            {"weights": [[0.5] * 65] * 10} if request.message_type is MessageType.TRAIN else {"acc": 0.5}
        )
        reply = Reply(id_request=request.id_request, message_type=request.message_type, payload=payload)
        await socket.send(reply.frame().encode())
        if request.message_type is MessageType.TRAIN:
            self.answered.append(time.perf_counter())


async def measure(swarm, rounds):
    parties = len(swarm.experiment.rts)
    began = time.perf_counter()
    await asyncio.gather(*(swarm.refused() for _ in range(parties)))
    bare = time.perf_counter() - began
    began = time.perf_counter()
    await asyncio.gather(*(swarm.party(index, rts) for index, rts in enumerate(swarm.experiment.rts)))
    registration = swarm.registered - began
    asked, answered = sorted(swarm.asked), sorted(swarm.answered)
    spans = [answered[(number + 1) * parties - 1] - asked[number * parties] for number in range(rounds)]
    print(
        f"{parties} parties registered in {registration:.1f} s; as many refused handshakes take {bare:.1f} s"
    )
    print(f"registration / bare handshakes       {registration / bare:.2f}")
    span = statistics.median(spans)
    print(f"round / slowest party ({SLOWEST_SECONDS:g} s)       {span / SLOWEST_SECONDS:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parties", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        start_service(
            Path(folder), "--limit", "settle_seconds=0.1", log_level="error", pending_seconds=0.05
        ) as service,
    ):
        experiment = Experiment(service, parties=options.parties, learning={"rounds": options.rounds})
        experiment.reaches("accepting_parties")
        asyncio.run(measure(Swarm(service, experiment), options.rounds))
        experiment.reaches("completed", 120)


if __name__ == "__main__":
    main()
