"""Chromium without a screen, for tests of what people open in a browser."""

import shutil
from contextlib import contextmanager

import pytest
from selenium import webdriver

__all__ = ["chromium", "needs_chromium"]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are not on PATH"
)


@contextmanager
def chromium():
    """Start Chromium and yield its driver."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # Root, as in containers, may not use the sandbox.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.accept_insecure_certs = True
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()
