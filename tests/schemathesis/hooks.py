"""Who calls, and what a request must know that no schema can say.

Who calls is a throw-away person of the role in ST_ROLE. Some of what is called ends sessions, takes roles away or deletes people, also
the caller. So each time there is no session, the operator's command makes
somebody new, and they log in.
"""

import itertools
import os
import subprocess
import uuid

import requests
import schemathesis

PASSWORD = "correct horse battery staple"
COUNT = itertools.count()
# What bodies may say and need not.
MAY_NAME_ONE = {"categoryId", "channelId", "managerId", "parentId", "threadId", "userId"}
MAY_NAME_SOME = {"assignedTo", "members"}


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
    renew_key(case)
    if case.meta and case.meta.generation.mode.is_positive:
        place_in_history(case)
        give_the_password(case)
        leave_made_up_ids(case)


def renew_key(case):
    """A key is good for one request.

    In a sequence, the same key sent twice would be answered with what was made
    the first time, which a step between may have deleted. That a repeat is
    answered alike is the conformance test's to show.
    """
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and key and "\"" not in key and len(key) < 200:
        case.headers["Idempotency-Key"] = f"{key}-{next(COUNT)}"


def place_in_history(case):
    """A place in the log is one that the server has told.

    Only it knows the name of its history, and how far that goes; made up, both
    are refused with 410, as they should be. What is wrong by its form stays so.
    """
    query = case.query or {}
    is_asked = case.operation.definition.raw.get("operationId") == "list_events"
    if not is_asked or not {"epoch", "after"} <= query.keys():
        return
    url = os.environ["ST_URL"] + "/api/events"
    answer = requests.get(url, headers=dict(case.headers or {}), timeout=10)
    if answer.ok:
        told = answer.json()
        query["epoch"], query["after"] = told["epoch"], int(query["after"]) % (told["head"] + 1)


def give_the_password(case):
    """A token and a second factor are made by whoever knows the password.

    One that is made up is refused, and then there is no token that a next step
    could be about.
    """
    asked = case.operation.definition.raw.get("operationId") in {"create_token", "start_totp"}
    if asked and isinstance(case.body, dict) and "password" in case.body:
        case.body = {**case.body, "password": PASSWORD}


def leave_made_up_ids(case):
    """In a sequence, what is made names nothing that there is not.

    A category, a channel or a person that may be named is nearly always one
    that is made up, and then nothing is made that a next step could be about.
    What is refused for it, the other phases try.
    """
    if case.meta.phase.name.value != "stateful" or not isinstance(case.body, dict):
        return
    case.body = dict(case.body)
    for name in MAY_NAME_ONE & case.body.keys():
        if is_made_up(case.body[name]):
            del case.body[name]
    for name in MAY_NAME_SOME & case.body.keys():
        if isinstance(case.body[name], list):
            case.body[name] = [one for one in case.body[name] if not is_made_up(one)]


def is_made_up(value):
    """Whether an id, or what has one, is not the server's: its own are of version 7."""
    if isinstance(value, dict):
        value = value.get("userId")
    try:
        return uuid.UUID(value).version != 7
    except (AttributeError, TypeError, ValueError):
        return False
