"""A service with parts as an aggregator brings them; run as a program: `service_with_parts.py DATA_DIR`."""

import sys
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.routing import WebSocketRoute

from pulumi_wmlfl.errors import Problem
from pulumi_wmlfl.server.http import services_of
from pulumi_wmlfl.server.lifecycle import run_service
from pulumi_wmlfl.server.problems import Refusal
from pulumi_wmlfl.server.routes_content import store_content
from pulumi_wmlfl.server.services import Parts
from pulumi_wmlfl.server.settings import ServiceSettings


class Notes:
    """An aggregator that only writes down what it is told."""

    def __init__(self, services):
        self._jobs = services.jobs

    def hurry(self, training_id):
        return False

    def missing(self, training_id):
        return "Nobody is there."

    async def open(self, training_id):
        await run_in_threadpool(self._jobs.journal, training_id, "opened", {})

    async def cancel(self, training_id, reason):
        await run_in_threadpool(self._jobs.journal, training_id, "cancelled", {"reason": reason})

    async def shutdown(self):
        print("aggregator stopped", flush=True)


async def echo(websocket):
    """Tell who connects and every change of the training, as text."""
    services = services_of(websocket)
    await websocket.accept()
    try:
        principal = services.access.authenticate(websocket)
    except Refusal as refusal:
        await websocket.send_text(refusal.message)
        await websocket.close()
        return
    training_id = websocket.path_params["id"]
    with services.jobs.listen(training_id) as changes:
        await websocket.send_text(principal.id)
        while True:
            change = await changes.get()
            await websocket.send_text(change.record.state if change.record else "deleted")


def make_parts(services):
    def validate(learning):
        return (
            [Problem("fusion_type", "avg is not possible here")] if learning["fusion_type"] == "avg" else []
        )

    async def import_content(record):
        def store():
            with services.blobs.writer() as writer:
                writer.write(b"trained")
                store_content(services, record.id, writer)

        await run_in_threadpool(store)
        await services.finish_import(record.id)

    return Parts(
        aggregator=Notes(services),
        routes=[WebSocketRoute("/ml/v4/trainings/{id}/aggregator:443", echo)],
        validate_training=validate,
        import_content=import_content,
    )


if __name__ == "__main__":
    settings = ServiceSettings(data_dir=Path(sys.argv[1]), port=0, pending_seconds=0.1)
    run_service(settings, on_ready=lambda ready: None, make_parts=make_parts)
