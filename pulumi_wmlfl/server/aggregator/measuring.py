"""How good the fused model is: every party installs it and measures it on test data of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool

from ...fusion import GlobalUpdate
from ...protocol import Reply, Request
from ..lines import one_line
from .desk import Desk
from .keys import Keys
from .metrics import training_metrics
from .party import Gone, Party

__all__ = ["measure"]

_log = logging.getLogger("pulumi_wmlfl.server.aggregator")


async def measure(
    desk: Desk, keys: Keys, model: GlobalUpdate, *, seconds: float
) -> dict[str, dict[str, float]]:
    """Return what each party that is free measured, within `seconds` per step; who failed is left out."""
    sync = Request.sync_model(desk.next_id(), model.model_update)
    frame = await run_in_threadpool(lambda: sync.frame().encode())
    now = asyncio.get_running_loop().time()
    free = [party for party in desk.parties.values() if party.free and now >= party.ready_at]
    ready = [party for party in free if keys.admits(party)]
    found = await asyncio.gather(*(_ask(desk, party, sync, frame, seconds=seconds) for party in ready))
    return {party.id: metrics for party, metrics in zip(ready, found, strict=True) if metrics}


async def _ask(desk: Desk, party: Party, sync: Request, frame: bytes, *, seconds: float) -> dict[str, float]:
    """Let one party install and measure the fused model; without an answer it has no metrics."""
    try:
        reply = await party.call(sync, frame, seconds=seconds)
        if not _installed(reply):
            _log.warning(
                "training %s: party %s could not install the fused model: %s",
                desk.training_id,
                desk.title(party),
                one_line(reply.message or "it gave no reason."),
            )
            return {}
        question = Request.eval_model(desk.next_id())
        reply = await party.call(question, question.frame().encode(), seconds=seconds)
    except Gone as gone:
        _log.warning(
            "training %s: party %s did not measure the fused model: %s",
            desk.training_id,
            desk.title(party),
            gone,
        )
        return {}
    return training_metrics(reply.payload)


def _installed(reply: Reply) -> bool:
    """Say whether a party installed the model; the reply of an encrypted training has a map."""
    payload = reply.payload
    status = payload.get("status") if isinstance(payload, Mapping) else payload
    return reply.succeeded and status is not False
