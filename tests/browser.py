"""A headless browser on the built page."""

import base64
import contextlib
import io
import os
import pathlib
import shutil
import subprocess
import threading
import time

import numpy as np
import pytest
from PIL import Image

from hwgan.web import make_server

SITE = pathlib.Path(__file__).parent.parent / "web" / "dist"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
DESKTOP, PHONE = (1360, 960), (390, 844)


def find_browser():
    """The path of a browser and None, or None and why there is none."""
    if not (SITE / "index.html").is_file():
        return None, "web/dist is not built: make web"
    path = next((path for path in filter(None, map(shutil.which, NAMES)) if _runs(path)), None)
    return path, None if path else "no Chromium, and `make test-slow` could not install it"


def _runs(path):
    """Whether a program is a browser, and not one that only tells how to install it."""
    return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def running_browser(path):
    """A browser and the address of the page."""
    playwright = pytest.importorskip("playwright.sync_api")
    with make_server(SITE, 0) as server, playwright.sync_playwright() as driver:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            # A sandbox needs rights that containers lack; the page is our own.
            with driver.chromium.launch(executable_path=path, args=["--no-sandbox"]) as browser:
                yield browser, f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class OpenPage:
    """The page in a tab of its own; whatever it must not do is in `faults`."""

    def __init__(self, browser, url, size=DESKTOP, locale="en-GB", density=1):
        self.url, self.faults = url, []
        self.context = browser.new_context(
            viewport=dict(width=size[0], height=size[1]), locale=locale, device_scale_factor=density
        )
        self.tab = self.context.new_page()
        self.tab.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("requestfailed", lambda request: self.faults.append(f"failed: {request.url}"))
        self.tab.on("request", self._check_origin)

    def _check_origin(self, request):
        if not request.url.startswith((self.url, "blob:", "data:")):
            self.faults.append(f"request to {request.url}")

    def open(self, hash=""):
        """Opens the page and waits for its first text."""
        self.tab.goto(self.url + hash)
        self.wait("document.getElementById('pages').getAttribute('aria-busy') === 'false'")
        return self

    def wait(self, condition, seconds=180):
        """Waits until a condition holds; Playwright's own waiting uses eval, which the page forbids.

        Long, because the time belongs to the machine: 500 words took more than 20 s on two slow, busy cores. A page that
        hangs fails all the same; how fast it is, is the benchmark's business.
        """
        end = time.monotonic() + seconds
        while not self.tab.evaluate(condition):
            assert time.monotonic() < end, f"not within {seconds} s: {condition}"
            self.tab.wait_for_timeout(30)

    def wait_written(self):
        """Waits until what was changed is written and drawn."""
        self.tab.wait_for_timeout(60)
        self.wait("document.getElementById('pages').getAttribute('aria-busy') === 'false'")
        self.tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def address(self):
        """The address, once it holds what was changed."""
        self.tab.wait_for_timeout(400)
        return self.tab.url

    def picture(self):
        """The first page as it is drawn, [height, width, 3]."""
        self.wait_written()
        data = self.tab.evaluate("document.querySelector('#pages canvas').toDataURL().split(',')[1]")
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            return np.asarray(image.convert("RGB"))

    def save_screenshot(self, name):
        """Keeps a screenshot for the documents, where HWGAN_SCREENSHOTS names a folder for them."""
        if folder := os.environ.get("HWGAN_SCREENSHOTS"):
            with Image.open(io.BytesIO(self.tab.screenshot())) as image:
                colors = image.convert("RGB").quantize(192, dither=Image.Dither.NONE)
            colors.save(pathlib.Path(folder) / name, optimize=True)
