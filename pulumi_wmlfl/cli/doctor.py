"""`wmlfl doctor`: from the settings outwards, what works, what does not, and what to do about it.

One check after the other; one that cannot be made because of an earlier problem is skipped. Nothing is
changed anywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

import click

from ..errors import CertificateRejected, ConfigurationError, ServerFault, WmlflError, WmlResponseError
from .environment import Place, place_options, stack_configuration
from .report import emit, printable

if TYPE_CHECKING:
    from ..client import Scope, WmlClient
    from ..client.contract import Collection
    from ..config import Settings

__all__ = ["Finding", "doctor", "examine"]

# A check is for now: who waits a minute for an answer thinks that the command hangs.
_SECONDS = 20.0
_MARKS = {"ok": "ok", "problem": "PROBLEM", "skipped": "skipped"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it stands, what to do."""

    check: str
    status: Literal["ok", "problem", "skipped"]
    detail: str
    remedy: str = ""


@click.command()
@click.option("--json", "-j", "as_json", is_flag=True, help="Print one JSON document.")
@place_options
def doctor(*, place: Place, as_json: bool) -> None:
    """Check settings, address, certificate, sign-in, project and federated learning; say what to do.

    Exit code 1: there is a problem.
    """
    findings = []
    for finding in examine(place):
        findings.append(finding)
        if not as_json:
            click.echo(printable(f"{_MARKS[finding.status]:8} {finding.check}: {finding.detail}"))
            if finding.remedy:
                click.echo(printable(f"         -> {finding.remedy}"))
    problems = sum(finding.status == "problem" for finding in findings)
    if as_json:
        emit("doctor", {"problems": problems, "findings": [asdict(finding) for finding in findings]})
    else:
        click.echo("Everything is in order." if not problems else f"Problems: {problems}.")
    sys.exit(1 if problems else 0)


def examine(place: Place) -> Iterator[Finding]:
    """Yield a finding for each check, as soon as it is there."""
    examination = _Examination(place)
    done: set[str] = set()
    for check, step, needed in examination.checks():
        missing = next((name for name in needed if name not in done), None)
        if missing:
            yield Finding(check, "skipped", f"not before {missing!r} is in order")
            continue
        try:
            finding = Finding(check, "ok", step())
            done.add(check)
        except WmlflError as error:
            hint, error.hint = error.hint, ""
            finding = Finding(check, "problem", str(error), hint)
        yield finding


class _Examination:
    """The state of one run: what earlier checks found out."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._settings: Settings
        self._client: WmlClient
        self._scope: Scope
        self._rejected: CertificateRejected | None = None

    def checks(self) -> tuple[tuple[str, Callable[[], str], tuple[str, ...]], ...]:
        """Return name, check, and what must be in order before, in their order."""
        listed = ("sign-in", "scope")
        return (
            ("settings", self._settings_fit, ()),
            ("address", self._address_answers, ("settings",)),
            ("certificate", self._certificate_is_accepted, ("address",)),
            ("sign-in", self._signs_in, ("certificate",)),
            ("scope", self._scope_is_named, ("settings",)),
            ("models", lambda: self._reads("models"), listed),
            ("federated learning", lambda: self._reads("remote_training_systems"), listed),
            ("trainings", lambda: self._reads("trainings"), (*listed, "federated learning")),
        )

    def _settings_fit(self) -> str:
        from ..client import WmlClient
        from ..config import resolve_settings

        settled = resolve_settings(stack_configuration(self._place))
        shortest = min(settled.request_timeout, _SECONDS)
        self._settings = replace(settled, retries=0, request_timeout=shortest)
        self._client = WmlClient(self._settings)
        where = settled.source("region" if settled.source("url") == "the default" else "url")
        return f"platform {settled.platform}, {settled.url} ({where})"

    def _address_answers(self) -> str:
        from ..client.transport import Call, Transport

        try:
            Transport(self._settings).send(Call("GET", "/ml/v4/models", "reach WML"))
        except CertificateRejected as error:
            self._rejected = error
        except ServerFault:
            raise
        except WmlResponseError:
            # Without a sign-in it refuses, and so it answers.
            pass
        return f"{self._settings.url} answers"

    def _certificate_is_accepted(self) -> str:
        if self._rejected:
            raise self._rejected
        return f"accepted, by {self._settings.ca_file or 'the usual authorities'}"

    def _signs_in(self) -> str:
        from ..client.auth import TokenSource

        settings = self._settings
        TokenSource(settings).header()
        kind = "token" if settings.token else "apikey" if settings.apikey else "password"
        user = f" as {settings.username}" if settings.username else ""
        if settings.token or settings.authentication == "zenapikey":
            return f"not needed with this {kind} ({settings.source(kind)}){user}; the next checks use it"
        return f"with the {kind} ({settings.source(kind)}){user}"

    def _scope_is_named(self) -> str:
        from ..client import Scope

        settings = self._settings
        if settings.project_id:
            self._scope = Scope("project_id", settings.project_id)
            return f"project {settings.project_id} ({settings.source('projectId')})"
        if settings.space_id:
            self._scope = Scope("space_id", settings.space_id)
            return f"space {settings.space_id} ({settings.source('spaceId')})"
        raise ConfigurationError(
            "Neither a project nor a space is named.", hint="Set wmlfl:projectId or WMLFL_PROJECT_ID."
        )

    def _reads(self, collection: Collection) -> str:
        from ..core.lookup import NOUNS

        first = next(iter(self._client.list(collection, self._scope)), None)
        return f"{NOUNS[collection]}s can be read{'' if first else '; there are none yet'}"
