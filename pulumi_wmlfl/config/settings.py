"""What can be set, and the settled settings of one environment."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["IAM_URL", "PLATFORMS", "PREFIX", "REGIONS", "SETTINGS", "Setting", "Settings"]

# Source: IBM's SDK, the table of known hosts. The value is the WML host of the region.
REGIONS: dict[str, str] = {
    "us-south": "us-south.ml.cloud.ibm.com",
    "eu-de": "eu-de.ml.cloud.ibm.com",
    "eu-gb": "eu-gb.ml.cloud.ibm.com",
    "jp-tok": "jp-tok.ml.cloud.ibm.com",
    "au-syd": "au-syd.ml.cloud.ibm.com",
    "ca-tor": "ca-tor.ml.cloud.ibm.com",
}
IAM_URL = "https://iam.cloud.ibm.com"
# How our environment variables begin; those of an explicit provider have its name in them.
PREFIX = "WMLFL_"
PLATFORMS = ("cloud", "cpd", "local")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its key in the stack's configuration, its environment variables, default and meaning."""

    key: str
    environment: str
    ibm_environment: tuple[str, ...] = ()
    default: str = ""
    secret: bool = False
    help: str = ""


SETTINGS: tuple[Setting, ...] = (
    Setting("platform", "WMLFL_PLATFORM", help="`cloud`, `cpd` or `local`; follows from url or region."),
    Setting(
        "url",
        "WMLFL_URL",
        ("WATSONX_URL", "RUNTIME_ENV_APSX_URL"),
        help="Address of WML, such as `https://cpd.example.com`. Instead of `region`.",
    ),
    Setting("region", "WMLFL_REGION", help=f"Region of IBM Cloud: {', '.join(REGIONS)}."),
    Setting(
        "apikey",
        "WMLFL_APIKEY",
        ("WATSONX_APIKEY", "IBMCLOUD_API_KEY", "IBM_CLOUD_API_KEY"),
        secret=True,
        help="API key of IBM Cloud, or of the user of Cloud Pak for Data.",
    ),
    Setting("username", "WMLFL_USERNAME", ("WATSONX_USERNAME",), help="User of Cloud Pak for Data."),
    Setting(
        "password",
        "WMLFL_PASSWORD",
        ("WATSONX_PASSWORD",),
        secret=True,
        help="Password of that user, where there is no API key.",
    ),
    Setting(
        "token",
        "WMLFL_TOKEN",
        ("WATSONX_TOKEN", "USER_ACCESS_TOKEN"),
        secret=True,
        help="A bearer token instead of a key; it is never renewed.",
    ),
    Setting(
        "authentication",
        "WMLFL_AUTHENTICATION",
        default="bearer",
        help="`bearer`, or `zenapikey` to send the CPD key itself without a sign-in.",
    ),
    Setting("iamUrl", "WMLFL_IAM_URL", help="Address of IBM Cloud IAM, where it is not the public one."),
    Setting(
        "projectId",
        "WMLFL_PROJECT_ID",
        ("WATSONX_PROJECT_ID", "PROJECT_ID"),
        help="Project of every resource that names no scope of its own.",
    ),
    Setting(
        "spaceId",
        "WMLFL_SPACE_ID",
        ("WATSONX_SPACE_ID", "SPACE_ID"),
        help="Deployment space instead of a project.",
    ),
    Setting("apiVersion", "WMLFL_API_VERSION", default="2020-08-01", help="WML's `version` parameter."),
    Setting(
        "caFile",
        "WMLFL_CA_FILE",
        help="PEM file of the certificate authorities to trust, instead of the usual ones.",
    ),
    Setting("requestTimeout", "WMLFL_REQUEST_TIMEOUT", default="60", help="Seconds to wait for an answer."),
    Setting("retries", "WMLFL_RETRIES", default="4", help="How often a failed request is tried again."),
    Setting(
        "readyFile",
        "WMLFL_READY_FILE",
        help="File in which the local service says where it is (`wmlfl serve --ready-file`).",
    ),
)
_ENVIRONMENT = {setting.key: setting.environment for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything needed to talk to one WML environment; hashable, its repr shows no secret.

    `request_timeout` is in seconds. `sources` tells for each key where its value came from, `prefix` how the
    environment variables begin that count.
    """

    platform: str
    url: str
    apikey: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    authentication: str = "bearer"
    iam_url: str = IAM_URL
    project_id: str = ""
    space_id: str = ""
    api_version: str = "2020-08-01"
    ca_file: str = ""
    request_timeout: float = 60.0
    retries: int = 4
    sources: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    prefix: str = field(default=PREFIX, compare=False)

    def credentials_hint(self) -> str:
        """Say where the credentials came from and how to give others, for an error about them."""
        key = "token" if self.token else "apikey" if self.apikey else "password"
        source, own = self.source(key), _ENVIRONMENT[key].replace(PREFIX, self.prefix)
        if own in source:
            return f"The {key} came from {source}, which wins over every other: correct it, or unset it."
        return (
            f"The {key} came from {source}. Refresh and destroy use the configuration recorded in "
            f"the state: set {own}, or add --run-program."
        )

    def source(self, key: str) -> str:
        """Say where the value of `key` came from, such as `environment variable WMLFL_APIKEY`."""
        return dict(self.sources).get(key, "the default")
