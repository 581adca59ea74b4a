"""The dashboard in a real browser: by keyboard alone, while a training moves, on a phone, in dark mode.

Needs Chromium and its driver (Debian: `chromium`, `chromium-driver`); where they are not, these tests are
skipped.
"""

import threading

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.aggregator.conftest import limits
from tests.aggregator.parties import Party, update_of
from tests.aggregator.trainings import Experiment
from tests.server.samples import made, party_body
from tests.support.browser import chromium, needs_chromium
from tests.support.service import start_service, wait_until

pytestmark = needs_chromium

MARKUP = '<img src=x onerror="window.hacked=1">'
# The least contrast of any text with what is behind it, by the formula of WCAG 2.
LEAST_CONTRAST = """
const parts = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (text) => {
  const [r, g, b] = parts(text).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (item) => {
  for (; item; item = item.parentElement) {
    const color = getComputedStyle(item).backgroundColor;
    if ((parts(color)[3] ?? 1) === 1) return color;
  }
  return "rgb(255, 255, 255)";
};
const found = [...document.querySelectorAll("body *")].filter((item) => item.checkVisibility()
  && [...item.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
const contrast = (item) => {
  const style = getComputedStyle(item);
  const [a, b] = [light(item.namespaceURI.endsWith("svg") ? style.fill : style.color), light(behind(item))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
};
return Math.min(...found.map(contrast));
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with start_service(tmp_path_factory.mktemp("service"), *limits(), pending_seconds=0.05) as service:
        yield service


@pytest.fixture
def trainer(running, tmp_path_factory):
    return running.with_fresh_scopes(tmp_path_factory.mktemp("scopes"))


class Browser:
    """A browser with the dashboard open, driven as somebody without a mouse does."""

    def __init__(self, driver, service):
        self.driver = driver
        self.service = service

    def screen(self, width, height, scheme="light"):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def press(self, *keys):
        for key in keys:
            webdriver.ActionChains(self.driver).send_keys(key).perform()

    def focused(self):
        return self.driver.switch_to.active_element

    def tab_to(self, wanted):
        """Press Tab until the element with this id, link target or text has the focus."""
        for _ in range(60):
            item = self.focused()
            if wanted in {item.get_attribute("id"), item.get_attribute("hash"), item.text}:
                return item
            self.press(Keys.TAB)
        raise AssertionError(f"{wanted} cannot be reached by Tab")

    def text(self, selector="body"):
        """The text that is seen of the first element of a selector; innerText alone gives hidden text too."""
        script = (
            "const item = document.querySelector(arguments[0]);"
            "return item?.checkVisibility() ? item.innerText : ''"
        )
        return self.driver.execute_script(script, selector)

    def shows(self, text, selector="body"):
        wait_until(lambda: text in self.text(selector))

    def sign_in(self, apikey=None):
        self.driver.get(f"{self.service.url}/dashboard/")
        wait_until(lambda: self.focused().get_attribute("id") == "apikey")
        self.press(apikey or self.service.apikey, Keys.ENTER)
        wait_until(lambda: self.driver.find_element(By.ID, "scope").is_displayed())
        # The test's own project is not the first one.
        value = f"project_id {self.service.project_id}"
        script = (
            "const s = document.getElementById('scope'); s.value = arguments[0];"
            "s.dispatchEvent(new Event('change'))"
        )
        self.driver.execute_script(script, value)

    def complaints(self):
        """What the browser complained about, but for the refusal that asks for a sign-in."""
        return [entry for entry in self.driver.get_log("browser") if "api/session" not in entry["message"]]


@pytest.fixture
def browser(trainer):
    with chromium() as driver:
        opened = Browser(driver, trainer)
        opened.screen(1100, 900)
        yield opened
        assert opened.complaints() == []


def trained(experiment, **party):
    """Let the parties of an experiment train it to the end."""
    experiment.reaches("accepting_parties")
    for rts_id in experiment.rts:
        Party(experiment.service, experiment.id, rts_id, **party)
    experiment.reaches("completed")


def test_a_training_moves_before_the_eyes_of_who_has_only_a_keyboard(trainer, browser):
    experiment = Experiment(trainer, name="Ward round", learning={"rounds": 3})
    allowed = threading.Semaphore(0)

    def train(number, given):
        assert allowed.acquire(timeout=60)
        return update_of([number, number])

    browser.sign_in()
    browser.shows("accepting parties", "table")
    browser.tab_to("Ward round")
    browser.press(Keys.ENTER)
    browser.shows("0 of 2", ".facts")
    browser.tab_to("back")
    experiment.reaches("accepting_parties")
    # The parties' marks come and go while the focus stays where it is.
    parties = [
        Party(trainer, experiment.id, rts_id, train=train, evaluate=lambda: {"acc": 0.75})
        for rts_id in experiment.rts
    ]
    browser.shows("2 of 2", ".facts")
    wait_until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".presence.here")) == 2)
    browser.shows("running", ".heading")
    for done in (1, 2):
        for _ in parties:
            allowed.release()
        browser.shows(f"{done} of 3", ".facts")
        assert browser.focused().get_attribute("id") == "back"
    browser.tab_to("chart-acc")
    browser.press(Keys.ARROW_RIGHT)
    browser.shows("Round 1: Fused, mean of all parties 0.75, Party 1 0.75, Party 2 0.75", ".readout")
    for _ in parties:
        allowed.release()
    browser.shows("completed", ".heading")
    browser.shows("is completed", "#spoken")
    assert browser.focused().get_attribute("id") == "chart-acc"
    assert "Cancel training" not in browser.text("main")
    # What the parties measured of their own models is another number.
    assert "0.25" not in browser.text(".legend")
    browser.tab_to("own-models")
    browser.press(Keys.SPACE)
    browser.shows("0.25", ".legend")
    assert "0.75" in browser.text(".legend")


def test_who_skips_to_the_content_goes_on_seeing_what_happens(trainer, browser):
    experiment = Experiment(trainer, name="Skipped to")
    browser.sign_in()
    browser.driver.execute_script("location.hash = arguments[0]", f"#/trainings/{experiment.id}")
    browser.shows("accepting parties", ".heading")
    browser.tab_to("#main")
    browser.press(Keys.ENTER)
    assert browser.focused().get_attribute("id") == "main"
    trained(experiment)
    browser.shows("completed", ".heading")


def test_the_marker_of_a_stack_is_no_tag_for_people(trainer, browser):
    marker = "wmlfl-d302f05f-be6327af-b65f3276f151"
    made(trainer.http(), "remote_training_systems", party_body(trainer, name="Marked", tags=["ward", marker]))
    browser.sign_in()
    browser.driver.execute_script("location.hash = '#/objects'")
    browser.shows("Marked", "main")
    assert "ward" in browser.text("main")
    assert marker not in browser.text("main")


def test_a_training_is_cancelled_by_keyboard_after_a_question(trainer, browser):
    experiment = Experiment(trainer, name="Too early")
    browser.sign_in()
    browser.shows("accepting parties", "table")
    browser.tab_to("Too early")
    browser.press(Keys.ENTER)
    browser.shows("Cancel training")
    browser.tab_to("cancel")
    browser.press(Keys.ENTER)
    browser.shows("Cancel the training “Too early”?", "dialog")
    assert browser.focused().get_attribute("id") == "confirm-no"
    browser.press(Keys.ESCAPE)
    wait_until(lambda: not browser.driver.find_element(By.ID, "confirm").is_displayed())
    assert experiment.state() == "accepting_parties"
    browser.tab_to("cancel")
    browser.press(Keys.ENTER, Keys.TAB)
    assert browser.focused().get_attribute("id") == "confirm-yes"
    browser.press(Keys.ENTER)
    browser.shows("canceled", ".heading")
    experiment.reaches("canceled")


def test_a_viewer_is_offered_nothing_to_change_and_signs_out(trainer, browser):
    experiment = Experiment(trainer, name="Read only")
    viewer = trainer.control.new_user(f"viewer-{experiment.id[:8]}")
    body = {"project_id": trainer.project_id, "user_id": viewer["user_id"], "role": "viewer"}
    trainer.control.call("POST", "/members", json=body)
    browser.sign_in(viewer["apikey"])
    browser.shows("Read only", "table")
    browser.tab_to("Read only")
    browser.press(Keys.ENTER)
    browser.shows("Parties connected")
    assert "Cancel training" not in browser.text("main")
    browser.tab_to("sign-out")
    browser.press(Keys.ENTER)
    browser.shows("API key", "#sign-in")
    assert "Read only" not in browser.text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_on_a_phone_in_light_and_dark(trainer, browser, scheme):
    browser.screen(390, 844, scheme)
    experiment = Experiment(trainer, name="A name that is as long as names become " * 3)
    trained(experiment)
    browser.sign_in()
    for view, sign in (
        (f"trainings/{experiment.id}", "Metrics of the fused model"),
        ("trainings", "completed"),
        ("objects", "Remote training systems"),
        ("requests", "POST /ml/v4/trainings"),
    ):
        browser.driver.execute_script("location.hash = arguments[0]", f"#/{view}")
        browser.shows(sign)
        width = browser.driver.execute_script("return document.documentElement.scrollWidth")
        assert width <= 390, view
        assert browser.driver.execute_script(LEAST_CONTRAST) >= 4.5, view
    back = browser.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, back[4:-1].split(","))) < 64) is (scheme == "dark")


def test_what_users_write_is_text_and_never_markup(trainer, browser):
    # Names with whole tags are refused by the API; tags, and half of one, are not.
    half = MARKUP.removesuffix(">")
    http = trainer.http()
    made(http, "remote_training_systems", party_body(trainer, name=half, tags=[MARKUP], description=half))
    experiment = Experiment(trainer, name=half, description=half, tags=[MARKUP, "a' b\" & c"])
    trained(experiment, evaluate=lambda: {MARKUP: 1.0, "acc": 0.5})
    http("GET", f"/ml/v4/models/{MARKUP}", params={"project_id": trainer.project_id})
    browser.sign_in()
    browser.shows(half, "table")
    for view in (f"trainings/{experiment.id}", "objects", "requests"):
        browser.driver.execute_script("location.hash = arguments[0]", f"#/{view}")
        browser.shows(MARKUP, "main")
        assert browser.driver.find_elements(By.CSS_SELECTOR, "main img") == []
    assert browser.driver.execute_script("return window.hacked") is None
