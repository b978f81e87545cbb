"""How schemathesis signs in to an appliance or a hub: by a session, as the pages do.

A drawn request may end the session (signing out is an operation like any other), so an answer of 401
to a request that carried ours makes the next one sign in again.
"""

import http.client
import json
import os
import threading
import time

import schemathesis
from totp import Codes

URL = os.environ["OPTRIA_CHECK_URL"]
PORT = int(URL.rsplit(":", 1)[1])
COOKIE = os.environ.get("OPTRIA_CHECK_COOKIE", f"optria_{PORT}")
WHO = {"username": os.environ["OPTRIA_CHECK_USER"], "password": os.environ["OPTRIA_CHECK_PASSWORD"]}
# Of a hub: its owner has a second factor.
SECRET = os.environ.get("OPTRIA_CHECK_TOTP")
CODES = SECRET and Codes(SECRET, int(os.environ["OPTRIA_CHECK_TOTP_STEP"]))
# Drawn sign-ins fail, and their address has to wait longer and longer: ours is another one.
ADDRESS = ("127.0.0.2", 0)
PATIENCE_S = 120
LOCK = threading.Lock()
SESSION = {"cookie": "", "csrf": ""}


def ask():
    line = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60, source_address=ADDRESS)
    try:
        headers = {"Origin": URL, "Content-Type": "application/json"}
        who = {**WHO, "code": CODES.next()} if CODES else WHO
        line.request("POST", "/api/session", json.dumps(who), headers)
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        line.close()


def sign_in():
    until = time.monotonic() + PATIENCE_S
    while True:
        status, headers, body = ask()
        if status == 200:
            break
        wait = int(headers.get("Retry-After", PATIENCE_S))
        if status != 429 or time.monotonic() + wait > until:
            # Without a session every answer would be 401, which looks like a pass.
            print(f"\nthe sign-in failed: {status} {body}", flush=True)
            os._exit(70)
        time.sleep(wait)
    name, _, cookie = headers["Set-Cookie"].split(";")[0].partition("=")
    assert name == COOKIE, name
    SESSION["cookie"] = cookie
    SESSION["csrf"] = json.loads(body)["csrf_token"]


@schemathesis.auth(refresh_interval=None)
class Person:
    def get(self, case, context):
        with LOCK:
            if not SESSION["cookie"]:
                sign_in()
            return dict(SESSION)

    def set(self, case, data, context):
        case.cookies[COOKIE] = data["cookie"]
        case.headers["X-CSRF-Token"] = data["csrf"]


@schemathesis.hook
def after_call(context, case, response):
    carried = response.request.headers.get("X-CSRF-Token")
    with LOCK:
        if response.status_code == 401 and carried == SESSION["csrf"]:
            SESSION["cookie"] = ""
