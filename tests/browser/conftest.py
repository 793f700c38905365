"""A private JupyterLab and a headless Chromium to look at it with."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from kit.cli.setup import chromium

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items):
    if chromium() is None:
        print("\nNO CHROMIUM: the browser tests are skipped; install it, or set CHROMIUM")
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no Chromium; install it, or set CHROMIUM"))


class Lab:
    """A running JupyterLab: `root` is served, `url(path)` opens a notebook."""

    def __init__(self, home):
        self.root, self.home = home / "root", home
        self.root.mkdir()
        self.token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self):
        config = self.home / "config" / "labconfig"
        config.mkdir(parents=True)
        # No pop-up about news, and every cell in the page (a windowed notebook drops those off screen).
        news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (config / "page_config.json").write_text(json.dumps(news))
        settings = self.home / "settings" / "@jupyterlab" / "notebook-extension"
        settings.mkdir(parents=True)
        (settings / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0"]
        command += [f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.root}"]
        command += [
            "--LabApp.expose_app_in_browser=True"
        ]  # window.jupyterapp, as JupyterLab's own tests use it
        command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
        with open(self.home / "lab.log", "wb") as log:
            self.process = subprocess.Popen(
                command, env=self.environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.wait()

    def environment(self):
        private = {
            "JUPYTER_CONFIG_DIR": self.home / "config",
            "JUPYTERLAB_SETTINGS_DIR": self.home / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": self.home / "workspaces",
            "JUPYTER_RUNTIME_DIR": self.home / "run",
            "IPYTHONDIR": self.home / "ipython",
            "KIT_HOME": self.home / "record",
        }
        kept = {k: v for k, v in os.environ.items() if k != "KIT_STRICT"}
        # A person is sitting in front of this one, although the folders' names speak of pytest.
        live = {"KIT_STATIC": "0", "OMP_NUM_THREADS": "1"}
        return {**kept, **{name: str(path) for name, path in private.items()}, **live}

    def wait(self):
        deadline = time.monotonic() + 90
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    "JupyterLab did not start:\n" + (self.home / "lab.log").read_text()[-3000:]
                )
            with contextlib.suppress(OSError):
                url = f"http://127.0.0.1:{self.port}/api/status?token={self.token}"
                urllib.request.urlopen(url, timeout=2).close()
                return
            time.sleep(0.2)

    def stop(self):
        for kind, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
                return

    def url(self, name):
        return f"http://127.0.0.1:{self.port}/lab/tree/{name}?token={self.token}&reset"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    started = Lab(tmp_path_factory.mktemp("lab"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
        yield opened
        opened.close()
