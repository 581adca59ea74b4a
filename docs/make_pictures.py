"""Takes the pictures of terminal and dashboard for these pages: `python docs/make_pictures.py`.

The digits of examples/digits are deployed, trained and changed on a local service of their own. The terminal's
pictures are what a terminal of 100 columns showed, captured by tmux; the dashboard's are taken by Chromium. While
they are taken the parties stand still in the middle of the training. Needs tmux, Chromium and its driver.
"""

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from selenium import webdriver
from selenium.webdriver.common.by import By

from pulumi_wmlfl.testing.service import LocalService, start_service, wait_until

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
COLUMNS, ROWS = 100, 50
PARTIES = ("hospital-north", "hospital-south", "village-clinic")
HOLD_AFTER = 6
LONGEST = 1300
THEME = TerminalTheme(
    (27, 31, 39),
    (222, 226, 232),
    [
        (27, 31, 39),
        (240, 113, 120),
        (137, 202, 120),
        (229, 192, 123),
        (97, 175, 239),
        (198, 146, 233),
        (86, 194, 204),
        (222, 226, 232),
    ],
)


class Terminal:
    """A terminal that somebody types into, without their name, folder and machine in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.socket = folder / "tmux"
        size = ("-x", str(COLUMNS), "-y", str(ROWS))
        self.tmux("-f", "/dev/null", "new-session", "-d", *size, "bash --norc", env=environment, cwd=folder)
        self.tmux("set-option", "-g", "status", "off")
        self.type("PS1='$ '; clear")

    def tmux(self, *arguments: str, **options: object) -> str:
        command = ["tmux", "-S", str(self.socket), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout

    def type(self, command: str) -> None:
        self.tmux("send-keys", command, "Enter")

    def shows(self, text: str) -> None:
        try:
            wait_until(lambda: re.search(text, self.tmux("capture-pane", "-p")), 60)
        except TimeoutError:
            sys.exit(f"No {text!r} in\n{self.tmux('capture-pane', '-p')}")

    def picture(self, name: str, title: str) -> None:
        lines = self.tmux("capture-pane", "-e", "-p").rstrip().removesuffix("$").rstrip()
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
        console.print(Text.from_ansi(f"{lines}\n"), soft_wrap=True)
        svg = console.export_svg(title=title, theme=THEME, unique_id=name)
        # No fonts from elsewhere.
        svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace(
            "Fira Code, monospace", "monospace"
        )
        (IMAGES / f"{name}.svg").write_text(
            "\n".join(map(str.rstrip, svg.splitlines())) + "\n", encoding="utf-8"
        )

    def close(self) -> None:
        self.tmux("kill-server")


def main() -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        service = stack.enter_context(start_service(folder / "data", pending_seconds=8))
        environment = environment_of(service, folder)
        terminal = stack.enter_context(contextlib.closing(Terminal(folder, environment)))
        project = folder / "digits"
        shutil.copytree(ROOT / "examples" / "digits", project, ignore=shutil.ignore_patterns("__pycache__"))
        (project / "Pulumi.yaml").write_text(
            "name: digits\nruntime: python\nconfig:\n  wmlfl:platform: local\n"
        )
        wmlfl(project, environment, "stack", "init", "dev")
        keys = {name: made_key(service, name) for name in PARTIES}
        terminal.type("cd digits; clear; wmlfl up --yes --skip-preview")
        terminal.shows(r"digits creating \([3-9]s\)")
        terminal.picture("up", "wmlfl up")
        terminal.shows("Duration")
        wmlfl(project, environment, "party", "kit", "--data-handler", "data_handler.py")
        with training(project, environment, keys) as parties:
            terminal.type("clear; wmlfl training watch 'Digits across hospitals'")
            terminal.shows("register")
            with held(parties, until=lambda: rounds_done(service) >= HOLD_AFTER):
                terminal.shows(f"round {HOLD_AFTER}:")
                terminal.picture("training-watch", "wmlfl training watch")
                dashboard(service)
        terminal.shows("completed")
        program = project / "__main__.py"
        changed = program.read_text().replace("Village Clinic", "Valley Clinic").replace("or 10", "or 20")
        program.write_text(changed)
        terminal.type("clear; wmlfl preview --diff")
        terminal.shows("Duration")
        terminal.picture("preview", "wmlfl preview --diff")


@contextlib.contextmanager
def held(processes: list[subprocess.Popen[bytes]], *, until: Callable[[], bool]):
    """Let the processes go on step by step until a condition holds, and stand still until the block ends."""

    def tell(what: signal.Signals) -> None:
        for process in processes:
            process.send_signal(what)

    try:
        while not until():
            tell(signal.SIGCONT)
            time.sleep(0.05)
            tell(signal.SIGSTOP)
            time.sleep(0.2)
        yield
    finally:
        tell(signal.SIGCONT)


def rounds_done(service: LocalService) -> int:
    """Return how many rounds of the newest training were fused and measured."""
    [training] = service.client().list("trainings", service.scope)
    return len(training.entity["status"].get("metrics", []))


def environment_of(service: LocalService, folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
    (folder / "state").mkdir()
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "TERM": "xterm-256color",
        "WMLFL_READY_FILE": str(service.ready_file),
        "WMLFL_ENGINE": "embedded",
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_STACK": "dev",
    }


def wmlfl(folder: Path, environment: dict[str, str], *arguments: str) -> None:
    subprocess.run(["wmlfl", *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def made_key(service: LocalService, name: str) -> str:
    user = service.control.new_user(name)
    member = {"user_id": user["user_id"], "role": "viewer", "project_id": service.ready["project_id"]}
    service.control.call("POST", "/members", json=member)
    return user["apikey"]


@contextlib.contextmanager
def training(project: Path, environment: dict[str, str], keys: dict[str, str]):
    """Let the three parties take part; yields their processes."""
    parties = [
        subprocess.Popen(
            ["wmlfl", "party", "run", f"kits/{name}"],
            cwd=project,
            env={**environment, "WMLFL_APIKEY": key},
            stdout=subprocess.DEVNULL,
        )
        for name, key in keys.items()
    ]
    try:
        yield parties
        for party in parties:
            party.wait(60)
    finally:
        for party in parties:
            party.kill()


def dashboard(service: LocalService) -> None:
    """Take the training's page on a desk, light and dark, and on a phone."""
    options = webdriver.ChromeOptions()
    for option in ("--headless=new", "--no-sandbox", "--ignore-certificate-errors", "--hide-scrollbars"):
        options.add_argument(option)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.get(f"{service.url}/dashboard/")
        wait_until(lambda: driver.find_elements(By.CSS_SELECTOR, "input"))
        driver.find_element(By.CSS_SELECTOR, "input").send_keys(service.ready["apikey"], "\n")
        wait_until(lambda: driver.find_elements(By.PARTIAL_LINK_TEXT, "Digits across hospitals"))
        driver.find_element(By.PARTIAL_LINK_TEXT, "Digits across hospitals").click()
        wait_until(lambda: driver.find_elements(By.CSS_SELECTOR, "figure svg"))
        driver.find_element(By.CSS_SELECTOR, "input[type=checkbox]").click()
        for name, width, scale, scheme in (
            ("training", 1100, 1, "light"),
            ("dark", 1100, 1, "dark"),
            ("phone", 390, 2, "dark"),
        ):
            photograph(driver, IMAGES / f"dashboard-{name}.png", width=width, scale=scale, scheme=scheme)
    finally:
        driver.quit()


def photograph(driver: webdriver.Chrome, file: Path, *, width: int, scale: int, scheme: str) -> None:
    wanted = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
    size = {"width": width, "height": 900, "deviceScaleFactor": scale, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    time.sleep(0.5)  # transitions of colours
    whole = driver.execute_script("return document.documentElement.scrollHeight")
    size["height"] = min(whole, LONGEST)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.save_screenshot(str(file))


if __name__ == "__main__":
    main()
