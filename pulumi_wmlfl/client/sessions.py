"""Sessions of `requests`, one per thread, and how a body is streamed.

A session is not promised to be thread-safe, so each thread has its own, with its kept-alive connections.
Whatever the environment says (`.netrc`, bundles of authorities, proxies) must not replace our token or the
authority that was named, and a service on this machine is never asked through a proxy.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from .._version import __version__
from ..config import Settings
from ..errors import ContentError

__all__ = ["Sessions", "Upload"]

_LONGEST_CONNECT = 30.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_BLOCK = 1 << 17


class Upload:
    """A body of exactly `size` bytes read from `stream` while it is sent, a block at a time."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._sent = 0
        self.len = size

    def tell(self) -> int:
        """Return how much was sent; `requests` works out the length with it."""
        return self._sent

    def read(self, _amount: int = -1) -> bytes:
        """Return the next block.

        Raises:
            ContentError: the file cannot be read, or became shorter since its size was taken.
        """
        wanted = min(_BLOCK, self.len - self._sent)
        try:
            block = self._stream.read(wanted) if wanted else b""
        except OSError as error:
            raise ContentError(f"The content cannot be read: {error.strerror or error}.") from None
        if wanted and not block:
            raise ContentError("The content became shorter while it was uploaded.", hint="Run it again.")
        self._sent += len(block)
        return block

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b"")


class _Header(AuthBase):
    """Sets the header, or none; without it `requests` would look into `.netrc`."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value:
            request.headers["Authorization"] = self._value
        return request


class Sessions:
    """The sessions for one host."""

    def __init__(self, settings: Settings, base_url: str) -> None:
        self._base_url = base_url
        self._verify: str | bool = settings.ca_file or True
        self._timeout = (min(_LONGEST_CONNECT, settings.request_timeout), settings.request_timeout)
        local = urlsplit(base_url).hostname in _LOOPBACK
        self._proxies: Any = dict.fromkeys(("http", "https", "all")) if local else None
        self._local = threading.local()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        data: Any,
        headers: Mapping[str, str],
        authorization: str,
    ) -> requests.Response:
        """Send one request; the answer's body is not read yet."""
        return self._session().request(
            method,
            self._base_url + path,
            params=dict(params),
            data=data,
            headers=dict(headers),
            auth=_Header(authorization),
            timeout=self._timeout,
            # Here and not on the session: there a bundle named in the environment would win.
            verify=self._verify,
            proxies=self._proxies,
            stream=True,
            allow_redirects=False,
        )

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.headers["User-Agent"] = f"pulumi-wmlfl/{__version__}"
            adapter = HTTPAdapter(pool_connections=1, pool_maxsize=2, max_retries=0)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
        return session
