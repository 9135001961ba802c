"""Who calls: a throw-away person of the role in ST_ROLE.

Some of what is called ends sessions, takes roles away or deletes people, also
the caller. So each time there is no session, the operator's command makes
somebody new, and they log in.
"""

import itertools
import os
import subprocess

import requests
import schemathesis

PASSWORD = "correct horse battery staple"
COUNT = itertools.count()


@schemathesis.auth(retry_on=[401])
class ThrowAway:
    def get(self, case, context):
        role = os.environ["ST_ROLE"]
        email = f"{role}.{os.getpid()}.{next(COUNT)}@example.com"
        subprocess.run(
            [os.environ["ST_SAYSO"], "user", "create", "--role", role, "--email", email]
            + ["--name", role.title(), "--password-stdin"],
            input=PASSWORD, text=True, check=True, capture_output=True,
        )
        url = os.environ["ST_URL"] + "/api/auth/login"
        answer = requests.post(url, json={"email": email, "password": PASSWORD}, timeout=10)
        answer.raise_for_status()
        return answer.json()["accessToken"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """A key is good for one request.

    In a sequence, the same key sent twice would be answered with what was made
    the first time, which a step between may have deleted. That a repeat is
    answered alike is the conformance test's to show.
    """
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and key and "\"" not in key and len(key) < 200:
        case.headers["Idempotency-Key"] = f"{key}-{next(COUNT)}"
