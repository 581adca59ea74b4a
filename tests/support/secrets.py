"""Every secret that the tests use, and the search for it in everything that the tests leave behind.

Collected are the keys and tokens of every service that is started, the keys of every user that is made, and
what is handed to a process in one of `VARIABLES`; a test adds others with :func:`use`. Searched, in clear, in
base64 and as part of a URL, are the arguments of every process of this machine while tests run, what commands
print, the logs of services, and in the end all files in the session's folder: states, histories, journals,
databases, notes, kits.
"""

import base64
import json
import os
import subprocess
import threading
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

VARIABLES = (
    *("WMLFL_APIKEY", "WMLFL_PASSWORD", "WMLFL_TOKEN", "WMLFL_ZEN_APIKEY", "PULUMI_CONFIG_PASSPHRASE"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
)
# Shorter ones are also words.
_SHORTEST = 8
# A signed token, and what base64 makes of its beginning.
_TOKEN, _TOKEN_ENCODED = b"eyJhbGciOiJIUzI1NiIs", b"ZXlKaGJHY2lPaUpJVXpJMU5pSX"
_SAMPLE_SECONDS = 0.2
# The passphrase of the tutorial, which everybody can read.
_PUBLIC = {"choose one"}
# Where a secret is by design, by the name of the file.
ALLOWED = {
    "ready.json": "the service hands its credentials to this user's programs; mode 0600",
    "settings.json": "what a test gives IBM's party, the key of its user in it",
    "passphrase": "the user's own file, which PULUMI_CONFIG_PASSPHRASE_FILE names",
    "after": "the environment that one shell of a documented block leaves for the next; the test's own",
}
# What a package index gave is nothing that tests wrote, and large.
PACKAGES = "site-packages"


@dataclass
class Secrets:
    """Values and what they are; findings are lines that say which secret is where, never its value."""

    used: dict[str, str] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    searched: int = 0
    _forms: dict[bytes, str] = field(default_factory=dict)
    _ending: threading.Event = field(default_factory=threading.Event)

    def use(self, value: str, what: str) -> str:
        """Note that tests use a secret; returns it."""
        if len(value) >= _SHORTEST and value not in self.used and value not in _PUBLIC:
            self.used[value] = what
            self._forms |= dict.fromkeys(forms_of(value), what)
        return value

    def forget(self, value: str) -> None:
        """Take a secret back."""
        self.used.pop(value, None)
        for form in forms_of(value):
            self._forms.pop(form, None)

    def found_in(self, data: bytes) -> set[str]:
        """Return what secrets are in some bytes."""
        self.searched += len(data)
        found = {what for form, what in list(self._forms.items()) if form in data}
        return found | ({"a token"} if _TOKEN in data or _TOKEN_ENCODED in data else set())

    def search(self, data: bytes | str | None, where: str) -> None:
        """Note the secrets that are in some bytes, or a text, of a place where none may be."""
        raw = data.encode("utf-8", "replace") if isinstance(data, str) else data or b""
        self.findings += [f"{what} in {where}" for what in sorted(self.found_in(raw))]

    def search_folder(self, folder: Path) -> None:
        """Search every file, and every member of an archive, below a folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file() or path.name in ALLOWED or PACKAGES in path.parts:
                continue
            with suppress(OSError):
                self.search(path.read_bytes(), str(path.relative_to(folder)))
            if zipfile.is_zipfile(path):
                with suppress(OSError, zipfile.BadZipFile, RuntimeError), zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        self.search(archive.read(name), f"{path.relative_to(folder)}: {name}")

    def watch_processes(self) -> None:
        """Search the arguments of all processes, again and again, until :meth:`stop`."""

        def watch():
            while not self._ending.wait(_SAMPLE_SECONDS):
                for process in Path("/proc").glob("[0-9]*/cmdline"):
                    with suppress(OSError):
                        self.search(process.read_bytes(), f"the arguments of a process ({process})")

        threading.Thread(target=watch, daemon=True).start()

    def stop(self) -> None:
        self._ending.set()


SECRETS = Secrets()


def use(value: str, what: str) -> str:
    """Note that tests use a secret; returns it."""
    return SECRETS.use(value, what)


def forms_of(value: str) -> set[bytes]:
    """Return how a secret may be written: as it is, in a URL, in JSON, in base64 at any offset."""
    raw = value.encode()
    forms = {raw, quote(value, safe="").encode(), json.dumps(value)[1:-1].encode()}
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw)
        # Without what the neighbours have a part in.
        inner = encoded[(shift * 8 + 5) // 6 : len(encoded) - 4]
        forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return {form for form in forms if len(form) >= _SHORTEST}


class Popen(subprocess.Popen):
    """As the standard library's; what it hands over and what comes back are looked at."""

    def __init__(self, args, *more, env=None, **options):
        for name in VARIABLES:
            value = (env or {}).get(name) or os.environ.get(name)
            if value:
                SECRETS.use(str(value), f"what {name} had")
        words = [args] if isinstance(args, str | bytes | os.PathLike) else args
        self._name = " ".join(Path(str(word)).name[:20] for word in words[:4])
        SECRETS.search(" ".join(map(str, words)), f"the arguments of {self._name}")
        super().__init__(args, *more, env=env, **options)

    def communicate(self, *arguments, **options):
        streams = super().communicate(*arguments, **options)
        for stream in streams:
            if isinstance(stream, str | bytes):
                SECRETS.search(stream, f"the output of {self._name}")
        return streams
