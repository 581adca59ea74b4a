"""One tree of errors for every room.

Every error a person can meet is a :class:`WmlflError`. Its text is one line: what failed, on which
resource, what WML answered, what to do, with secrets redacted. Every room may use this module.

The tree::

    WmlflError
      ConfigurationError          a setting is missing, contradictory or wrong
      InputError                  declared inputs are wrong; carries every problem at once
      ContentError                a model's content cannot be read or is not what it should be
      LookupFailed                a name or tag does not lead to one object
        NothingFound              ... because no object has it
        SeveralFound              ... because several have it
      ImportRefused               an existing object cannot become part of a stack
      TransportError              no usable HTTP answer
        ConnectionFailed          nothing was sent, or WML cannot be reached
          CertificateRejected     ... because its certificate is not accepted
        RequestTimedOut           no answer within the deadline
        AnswerLost                a request that changes things was sent and its answer never came
        UnexpectedAnswer          HTML, truncated JSON, a redirect to a login page
      WmlResponseError            WML answered with an error status
        BadRequest                400, 422
        AuthenticationFailed      401, and every refusal to give a token
        PermissionDenied          403
        NotFound                  404 of one object
        FederatedLearningUnavailable  404 of a collection: this deployment serves no federated learning
        Conflict                  409, 425
        ContentTooLarge           413
        RateLimited               429
        ServerFault               5xx
      WaitError                   a training did not reach the wanted state
        WaitTimedOut              ... in time
        TrainingFailed            ... and never will
        Interrupted               ... before the deployment was cancelled
      MissingExtra                an optional dependency is not installed
      EngineError                 the deployment engine cannot go on
      ServiceError                the local service cannot start or go on
      ProtocolError               a party or an aggregator sent what the protocol does not allow
      FusionError                 updates cannot be fused
      PartyError                  a party cannot take part
        PartyRefused              ... because the aggregator does not admit it
        UserCodeError             ... because its data handler or model failed
        AggregatorLost            ... because the aggregator did not come back
"""

from __future__ import annotations

from dataclasses import dataclass

from ._redaction import redact

__all__ = [
    "AggregatorLost",
    "AnswerLost",
    "AuthenticationFailed",
    "BadRequest",
    "CertificateRejected",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "ContentError",
    "ContentTooLarge",
    "EngineError",
    "FederatedLearningUnavailable",
    "FusionError",
    "ImportRefused",
    "InputError",
    "Interrupted",
    "LookupFailed",
    "MissingExtra",
    "NotFound",
    "NothingFound",
    "PartyError",
    "PartyRefused",
    "PermissionDenied",
    "Problem",
    "ProtocolError",
    "RateLimited",
    "RequestTimedOut",
    "ServerFault",
    "ServiceError",
    "SeveralFound",
    "TrainingFailed",
    "TransportError",
    "UnexpectedAnswer",
    "UserCodeError",
    "WaitError",
    "WaitTimedOut",
    "WmlResponseError",
    "WmlflError",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one declared property.

    `path` is the property's path as Pulumi writes it (`federated_learning.rounds`), empty for the resource.
    """

    path: str
    message: str


class WmlflError(Exception):
    """Base of every error of this project; its text is one redacted line.

    `code` is stable and documented; `exit_code` is what a command ends with.
    """

    code: str = "WMLFL000"
    exit_code: int = 1

    def __init__(self, message: str, *, hint: str = "", resource: str = "") -> None:
        self.message = redact(" ".join(message.split()))
        self.hint = redact(" ".join(hint.split()))
        self.resource = resource
        super().__init__(self.message)

    def __str__(self) -> str:
        head = f"{self.resource}: " if self.resource else ""
        tail = f" {self.hint}" if self.hint else ""
        return f"{head}{self.message}{self._answer()}{tail}"

    def with_code(self) -> str:
        """Return the text for a person: with the code, under which the documentation has a page."""
        return f"{self} [{self.code}]"

    def _answer(self) -> str:
        """What the other side answered, for subclasses that know it; starts with a blank."""
        return ""


class ConfigurationError(WmlflError):
    """A setting is missing, contradictory or wrong."""

    code = "WMLFL100"
    exit_code = 3


class InputError(WmlflError):
    """The declared inputs of a resource are wrong; `problems` has every one of them."""

    code = "WMLFL110"
    exit_code = 4

    def __init__(self, problems: tuple[Problem, ...], *, resource: str = "") -> None:
        self.problems = problems
        text = "; ".join(f"{p.path}: {p.message}" if p.path else p.message for p in problems)
        super().__init__(text, resource=resource)


class ContentError(WmlflError):
    """A model's content cannot be read or is not what it should be."""

    code = "WMLFL120"
    exit_code = 4


class LookupFailed(WmlflError):
    """A name or a tag does not lead to one object."""

    code = "WMLFL130"
    exit_code = 6


class NothingFound(LookupFailed):
    """No object of the project or space has the name or the tag."""

    code = "WMLFL131"


class SeveralFound(LookupFailed):
    """Several objects have the name or the tag; the text has their ids."""

    code = "WMLFL132"


class ImportRefused(WmlflError):
    """An existing object cannot become part of a stack: it is in one already, or cannot be declared."""

    code = "WMLFL140"
    exit_code = 4


class TransportError(WmlflError):
    """There is no usable HTTP answer."""

    code = "WMLFL200"
    exit_code = 5


class ConnectionFailed(TransportError):
    """WML cannot be reached; nothing was changed there."""

    code = "WMLFL201"


class CertificateRejected(ConnectionFailed):
    """The certificate of the other side is not accepted; nothing was sent."""

    code = "WMLFL205"


class RequestTimedOut(TransportError):
    """No answer came within the deadline."""

    code = "WMLFL202"


class AnswerLost(TransportError):
    """A request that changes things was sent and its answer never came: it may have been carried out."""

    code = "WMLFL203"


class UnexpectedAnswer(TransportError):
    """The answer is not one of WML's: HTML, truncated JSON, a login page."""

    code = "WMLFL204"


class WmlResponseError(WmlflError):
    """WML answered with an error status.

    `status` is the HTTP status, `wml_code` and `wml_message` the first error of WML's body,
    `trace` its trace id, `retry_after` the seconds of a `Retry-After` header.
    """

    code = "WMLFL300"
    exit_code = 6

    def __init__(
        self,
        message: str,
        *,
        status: int,
        wml_code: str = "",
        wml_message: str = "",
        trace: str = "",
        hint: str = "",
        resource: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.wml_code = redact(wml_code)
        self.wml_message = redact(" ".join(wml_message.split()))
        self.trace = redact(trace)
        self.retry_after = retry_after
        super().__init__(message, hint=hint, resource=resource)

    def _answer(self) -> str:
        said = ": ".join(part for part in (self.wml_code, self.wml_message) if part)
        parts = [part for part in (said, f"trace {self.trace}" if self.trace else "") if part]
        detail = f" ({'; '.join(parts)})" if parts else ""
        return f" WML answered {self.status}{detail}."


class BadRequest(WmlResponseError):
    """WML refused the request as wrong (400, 422)."""

    code = "WMLFL301"


class AuthenticationFailed(WmlResponseError):
    """WML or its sign-in service did not accept the credentials (401, IAM 4xx)."""

    code = "WMLFL302"
    exit_code = 7


class PermissionDenied(WmlResponseError):
    """The user has no right to do this, or the project has no runtime (403)."""

    code = "WMLFL303"
    exit_code = 7


class NotFound(WmlResponseError):
    """The object does not exist in this project or space (404)."""

    code = "WMLFL304"


class FederatedLearningUnavailable(WmlResponseError):
    """This deployment does not serve federated learning (404 of a collection)."""

    code = "WMLFL305"
    exit_code = 8


class Conflict(WmlResponseError):
    """Something else is changing the object (409, 425)."""

    code = "WMLFL306"


class ContentTooLarge(WmlResponseError):
    """The content is larger than this deployment accepts (413)."""

    code = "WMLFL307"


class RateLimited(WmlResponseError):
    """Too many requests, or a quota is used up (429)."""

    code = "WMLFL308"


class ServerFault(WmlResponseError):
    """WML failed (5xx)."""

    code = "WMLFL309"


class WaitError(WmlflError):
    """A training did not reach the state that was waited for."""

    code = "WMLFL400"
    exit_code = 9


class WaitTimedOut(WaitError):
    """The state was not reached in time; the training goes on."""

    code = "WMLFL401"


class TrainingFailed(WaitError):
    """The training ended in a state from which the wanted one cannot be reached."""

    code = "WMLFL402"


class Interrupted(WaitError):
    """The deployment was cancelled while something was waited for."""

    code = "WMLFL405"


class MissingExtra(WmlflError):
    """An optional dependency is not installed; the text names the command that installs it."""

    code = "WMLFL500"
    exit_code = 10

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs packages that are not installed.",
            hint=f"Install them with `pip install 'pulumi-wmlfl[{extra}]'`.",
        )


class EngineError(WmlflError):
    """The deployment engine cannot go on."""

    code = "WMLFL600"


class StackNotFound(EngineError):
    """No stack is selected, or the named one does not exist; the exit code is the Pulumi CLI's."""

    code = "WMLFL601"
    exit_code = 6


class StackLocked(EngineError):
    """Another run works on the stack."""

    code = "WMLFL602"


class DeploymentFailed(EngineError):
    """A deployment ended without doing all it should; what failed was shown before."""

    code = "WMLFL603"


class ChangesFound(EngineError):
    """Changes are to be made although none were expected; the exit code is the Pulumi CLI's."""

    code = "WMLFL604"
    exit_code = 7


class DeploymentCancelled(EngineError):
    """A person ended the deployment; the exit code is the Pulumi CLI's."""

    code = "WMLFL605"
    exit_code = 8


class ServiceError(WmlflError):
    """The local service cannot start or go on."""

    code = "WMLFL700"
    exit_code = 11


class ProtocolError(WmlflError):
    """A party or an aggregator sent what the protocol does not allow."""

    code = "WMLFL800"
    exit_code = 12


class FusionError(WmlflError):
    """Model updates cannot be fused."""

    code = "WMLFL810"
    exit_code = 12


class PartyError(WmlflError):
    """A party cannot take part in a training."""

    code = "WMLFL820"
    exit_code = 13


class PartyRefused(PartyError):
    """The aggregator does not admit the party; the text has its reason."""

    code = "WMLFL821"


class UserCodeError(PartyError):
    """The party's own data handler or model failed; the text names its file and line."""

    code = "WMLFL822"
    exit_code = 14


class AggregatorLost(PartyError):
    """The connection to the aggregator broke and could not be made again in time."""

    code = "WMLFL823"
    exit_code = 5
