"""Sends generated requests to a service, several at a time, and keeps what should not have happened."""

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.generated import Generator
from tests.hostile.wire import Hung, Wire

AT_A_TIME = 3
_RENEW_EVERY = 400


@dataclass
class Storm:
    """What became of the requests: how many got which status, and those that found something."""

    statuses: Counter = field(default_factory=Counter)
    findings: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def requests(self):
        return self.statuses.total()

    def count(self, request, status, problem=""):
        with self.lock:
            self.statuses[status] += 1
            if problem:
                self.findings.append((problem, request))


def storm(service, requests, *, seed):
    """Send so many generated requests; returns what became of them."""
    result = Storm()
    threads = [
        threading.Thread(target=_send, args=(service, result, requests // AT_A_TIME + 1, seed * 100 + number))
        for number in range(AT_A_TIME)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return result


def _send(service, result, requests, seed):
    generator = Generator(service, random.Random(seed))
    wire = Wire(service)
    for number in range(requests):
        if number % _RENEW_EVERY == _RENEW_EVERY - 1:
            generator.renew()
        request = generator.request()
        try:
            status = wire.ask(request).status
        except Hung as hung:
            wire.close()
            result.count(request, -1, str(hung))
            continue
        result.count(request, status, f"answered {status}" if status >= 500 else "")
    wire.close()


def resident_kib(service):
    """Memory of the service's process, in KiB."""
    lines = Path(f"/proc/{service.ready['pid']}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
