"""The aggregator: what makes a training of the local service train.

`Hub` has a `Session` for every training that has not ended; its `Desk` receives the parties. Rules without
clock and I/O are in `quorum`, the protocol is the `protocol` room's, the arithmetic the `fusion` room's.

May import `errors`, `protocol`, `fusion` and the service.
"""

from __future__ import annotations

from functools import partial

from ..services import Parts, Services
from .checks import learning_problems, results_problems
from .hub import Hub
from .importing import import_content

__all__ = ["Hub", "make_parts"]


def make_parts(services: Services) -> Parts:
    """Return the aggregator of a service, to be given to :func:`..lifecycle.run_service`."""
    from ..ws_monitor import monitor_routes
    from ..ws_party import party_route

    hub = Hub(services)
    return Parts(
        aggregator=hub,
        routes=[party_route(hub), *monitor_routes()],
        validate_training=learning_problems,
        validate_results=results_problems,
        import_content=partial(import_content, services),
        connected=hub.connected,
    )
