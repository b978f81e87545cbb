"""Makes the first platform owner of a hub ready to work: another password, and a second factor.

Prints what to sign in with from then on. The network is the task's own, and so is the hub.
"""

import http.client
import json
import os

from totp import Codes

URL = os.environ["OPTRIA_CHECK_URL"]
PORT = int(URL.rsplit(":", 1)[1])
USER = os.environ["OPTRIA_CHECK_USER"]
ONCE = os.environ["OPTRIA_CHECK_PASSWORD"]
LASTING = "a quiet morning at the dunes"


class Page:
    """A page of a browser: its cookie and its token."""

    def __init__(self):
        self.headers = {"Origin": URL, "Content-Type": "application/json"}

    def post(self, path, body):
        line = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        try:
            line.request("POST", path, json.dumps(body), self.headers)
            answer = line.getresponse()
            text = answer.read().decode()
            assert answer.status == 200, f"{path}: {answer.status} {text}"
            found = json.loads(text)
            if answer.headers["Set-Cookie"]:
                self.headers["Cookie"] = answer.headers["Set-Cookie"].split(";")[0]
            self.headers["X-CSRF-Token"] = found.get("csrf_token") or self.headers["X-CSRF-Token"]
            return found
        finally:
            line.close()


page = Page()
page.post("/api/session", {"username": USER, "password": ONCE})
page.post("/api/session/password", {"current_password": ONCE, "new_password": LASTING})
secret = page.post("/api/session/totp", {})["secret"]
codes = Codes(secret)
page.post("/api/session/totp/confirm", {"code": codes.next()})
print(json.dumps({"password": LASTING, "secret": secret, "step": codes.used}))
