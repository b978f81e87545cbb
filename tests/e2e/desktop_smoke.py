#!/usr/bin/env python3
"""Opens the desktop window on a virtual display under the bare locale LANG=C and walks through it.

One window attaches to an appliance that already runs: sign in, switch the language, see that the page
can call nothing in the program and can't leave its origin. A second one finds nothing running and
starts the appliance itself. In the third walk one of the two is killed.

Needs OPTRIA_BIN and OPTRIA_DESKTOP_BIN (paths), Xvfb, dbus-run-session, WebKitWebDriver.
Speaks plain WebDriver, so it needs no package beyond Python itself. A driver that dies on the way says
nothing about the window: the walk is then begun again with a new driver, three times at most. A claim
that does not hold ends the test at once.
"""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
USER, PASSWORD = "smoke.admin", "Kestrel-Valve-4471-Harbour"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, probe, seconds=60, alive=None):
    """Returns the first true answer of `probe`; fails loudly when there is none in time."""
    until = time.monotonic() + seconds
    last = None
    while time.monotonic() < until:
        if alive is not None and alive.poll() is not None:
            raise AssertionError(f"{what}: the process ended with {alive.returncode}")
        try:
            last = probe()
            if last:
                return last
        except (OSError, KeyError, WebDriverError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s (last: {last!r})")


class WebDriverError(Exception):
    """The driver answered with an error."""


class DriverBroke(Exception):
    """The driver gave no answer at all, or lost the window it drove."""


def call_http(method, url, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    if data is not None:
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read().decode()
        return answer.status, json.loads(text) if text.startswith(("{", "[")) else text


class Window:
    """One WebDriver session, that is: one running window."""

    def __init__(self, driver, data_dir):
        self.driver = driver
        options = {"binary": os.environ["OPTRIA_DESKTOP_BIN"], "args": ["--data-dir", str(data_dir)]}
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        self.id = self._call("POST", "/session", wanted)["sessionId"]

    def _call(self, method, path, body=None):
        try:
            return call_http(method, self.driver + path, body)[1]["value"]
        except urllib.error.HTTPError as error:
            answer = error.read().decode()[:400]
            if "invalid session id" in answer:
                raise DriverBroke(f"{method} {path}: it no longer holds the window") from None
            raise WebDriverError(answer) from None
        except (OSError, http.client.HTTPException) as error:
            raise DriverBroke(f"{method} {path}: {error!r}") from None

    def call(self, method, path, body=None):
        return self._call(method, f"/session/{self.id}{path}", body)

    def script(self, text, *args):
        return self.call("POST", "/execute/sync", {"script": text, "args": list(args)})

    def settled(self, text):
        """The value of a promise, or the message it was rejected with.

        Asked for again and again: a script that waits inside the page is lost when the page changes.
        """
        self.script(f"window.settled = null; ({text}).then(v => {{ window.settled = ['value', v] }}, e => {{ window.settled = ['error', String(e)] }});")
        return wait_for("a promise of the page", lambda: self.script("return window.settled"))

    @property
    def url(self):
        return self.call("GET", "/url")

    def find(self, css):
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def wait(self, css, seconds=60):
        return wait_for(f"element {css}", lambda: self.find(css), seconds)

    def click(self, css):
        element = self.wait(css)
        self.call("POST", f"/element/{element}/click", {})

    def type(self, css, text):
        element = self.wait(css)
        self.call("POST", f"/element/{element}/value", {"text": text})

    def close(self):
        with contextlib.suppress(DriverBroke, WebDriverError):
            self.call("DELETE", "")


def check(claim, truth):
    print(f"  {'ok' if truth else 'FAILED'}: {claim}")
    if not truth:
        raise AssertionError(claim)


@contextlib.contextmanager
def process(args, **kwargs):
    """A process in a group of its own; the whole group is gone afterwards."""
    child = subprocess.Popen(args, start_new_session=True, **kwargs)
    try:
        yield child
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, sign)
            try:
                child.wait(10)
                break
            except subprocess.TimeoutExpired:
                continue
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


@contextlib.contextmanager
def display():
    """A virtual display whose number the server picks, so that runs can't collide."""
    read, write = os.pipe()
    args = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1440x1000x24", "-nolisten", "tcp"]
    with process(args, pass_fds=(write,), stderr=subprocess.DEVNULL):
        os.close(write)
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        if not number:
            raise AssertionError("Xvfb did not start")
        yield f":{number}"


@contextlib.contextmanager
def web_driver(folder):
    port = free_port()
    env = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
    env.pop("LANGUAGE", None)
    env.update(
        LANG="C", HOME=str(folder), GDK_BACKEND="x11", LIBGL_ALWAYS_SOFTWARE="1", WEBKIT_DISABLE_DMABUF_RENDERER="1",
        # Without these the window does not let itself be driven.
        TAURI_AUTOMATION="true", TAURI_WEBVIEW_AUTOMATION="true",
    )
    with display() as number:
        env["DISPLAY"] = number
        args = ["dbus-run-session", "--", shutil.which("WebKitWebDriver") or "WebKitWebDriver", f"--port={port}"]
        with process(args, env=env) as child:
            url = f"http://127.0.0.1:{port}"
            wait_for("WebKitWebDriver", lambda: call_http("GET", f"{url}/status")[0] == 200, alive=child)
            yield url


def is_ready(url):
    return call_http("GET", f"{url}/health/ready")[0] == 200


def attaches(driver, folder):
    """An appliance runs already; the window finds it through the data folder."""
    port = free_port()
    url, data = f"http://127.0.0.1:{port}", folder / "attached"
    with process([os.environ["OPTRIA_BIN"], "serve", "--data-dir", str(data), "--port", str(port)]) as service:
        wait_for("the appliance", lambda: is_ready(url), alive=service)
        administrator = {
            "tenant": {"en": "Smoke", "ar": "دخان"}, "username": USER, "name": "Smoke", "password": PASSWORD
        }
        check("the first administrator is created", call_http("POST", f"{url}/api/setup", administrator, {"Origin": url})[0] == 201)
        window = Window(driver, data)
        try:
            wait_for("the sign-in page", lambda: window.url.startswith(url))
            check("the window attached to the running appliance", True)
            window.wait("input[autocomplete='username']")
            direction = "return document.documentElement.dir + ' ' + document.documentElement.lang"
            check("it opens in Arabic, right to left, under LANG=C", window.script(direction) == "rtl ar")
            check("the hand-off token is gone from the address", "handoff" not in window.url)
            check("the hand-off alone signs nobody in", window.settled("fetch('/api/session').then(r => r.status)") == ["value", 401])
            window.type("input[autocomplete='username']", USER)
            window.type("input[autocomplete='current-password']", PASSWORD)
            window.click("button[type='submit']")
            window.wait("header button[lang='en']")
            check("signing in leads to the pages", window.settled("fetch('/api/session').then(r => r.status)") == ["value", 200])
            check("the session cookie is out of reach of scripts", window.script("return document.cookie") == "")
            window.click("header button[lang='en']")
            wait_for("left to right", lambda: window.script(direction) == "ltr en")
            window.wait("header button[lang='ar']")
            check("the language switch turns the page around", True)
            called = window.settled("window.__TAURI_INTERNALS__ ? window.__TAURI_INTERNALS__.invoke('plugin:window|close') : Promise.reject('absent')")
            check("the page can call nothing in the program", called[0] == "error")
            stays_on_its_origin(window, url)
        finally:
            window.close()
        check("closing the window leaves the appliance running", is_ready(url))


def stays_on_its_origin(window, url):
    """Another server of this machine, on another port, may not take over the window."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        other.settimeout(3)
        elsewhere = f"http://127.0.0.1:{other.getsockname()[1]}/"
        window.script("setTimeout(to => { location.href = to }, 0, arguments[0])", elsewhere)
        try:
            other.accept()
            left = True
        except TimeoutError:
            left = False
    check("the window can't be led to another origin", not left and window.url.startswith(url))


def starts_by_itself(driver, folder):
    """Nothing runs; the window brings the appliance along and takes it away again."""
    data = folder / "own"
    window = Window(driver, data)
    try:
        wait_for("the first-start page", lambda: window.url.startswith("http://127.0.0.1:"))
        window.wait("input[autocomplete='new-password']")
        origin = window.script("return location.origin")
        check("without a running appliance the window starts its own", is_ready(origin))
    finally:
        window.close()

    def is_gone():
        try:
            return not is_ready(origin)
        except urllib.error.URLError:
            return True

    wait_for("the appliance to end with its window", is_gone)
    check("closing the window ends its appliance", True)


def owner(data):
    """The process that holds the data folder."""
    return json.loads((data / "appliance.lock").read_text())["pid"]


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def outlives_neither(driver, folder):
    """Window and appliance are two processes; what becomes of the one when the other is killed."""
    data = folder / "killed"
    window = Window(driver, data)
    try:
        wait_for("the first-start page", lambda: window.url.startswith("http://127.0.0.1:"))
        os.kill(owner(data), signal.SIGKILL)
        said = "return document.getElementById('en')?.textContent ?? ''"
        wait_for("the window to say so", lambda: "has stopped" in window.script(said))
        check("a window whose appliance died says so, and where to look", str(data / "logs") in window.script(said))
    finally:
        window.close()
    window = Window(driver, data)
    try:
        wait_for("the first-start page", lambda: window.url.startswith("http://127.0.0.1:"))
        appliance = owner(data)
        parent = int(pathlib.Path(f"/proc/{appliance}/stat").read_text().rsplit(")", 1)[1].split()[1])
        os.kill(parent, signal.SIGKILL)
        wait_for("the appliance to end", lambda: not is_running(appliance))
        check("an appliance whose window died ends too", True)
    finally:
        window.close()


def walk(steps):
    """Runs the steps with a driver and a folder of their own; a driver that broke is replaced."""
    for attempt in (1, 2, 3):
        with tempfile.TemporaryDirectory(prefix="optria-desktop-") as temporary:
            folder = pathlib.Path(temporary)
            try:
                with web_driver(folder) as driver:
                    return steps(driver, folder)
            except DriverBroke as error:
                print(f"  the driver broke ({error}); attempt {attempt} of 3")
    raise AssertionError("no driver lived long enough")


def main():
    walk(attaches)
    walk(starts_by_itself)
    walk(outlives_neither)
    print("desktop window: passed")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"desktop window: FAILED: {error}")
