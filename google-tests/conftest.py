"""The stand-in for Google, asked by Google's own client, by the methods and scopes of Google's own discovery document."""

import datetime as dt
import json
import os
import uuid
from importlib import resources

import httplib2
import pytest
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError

ADDRESS = os.environ["GOOGLE_URL"].rstrip("/")
PREFIX = "https://www.googleapis.com/auth/"


def document():
    """Google's description of its Calendar API."""
    cached = resources.files("googleapiclient") / "discovery_cache" / "documents" / "calendar.v3.json"
    return json.loads(cached.read_text())


def control(command, **body):
    """What the control plane of the stand-in answers."""
    http = httplib2.Http(timeout=20)
    answer, text = http.request(f"{ADDRESS}/_control/{command}", "POST", body=json.dumps(body))
    assert answer.status == 200, text
    return json.loads(text)


def service(email, scopes=None):
    """Google's client for a person who has granted these scopes, or all."""
    wanted = {} if scopes is None else {"scopes": [PREFIX + scope for scope in scopes]}
    token = control("mint", email=email, **wanted)["access_token"]
    described = document()
    described["rootUrl"] = ADDRESS + "/"
    described["baseUrl"] = described["rootUrl"] + described["servicePath"]
    # With nothing but a token it never refreshes by itself.
    http = AuthorizedHttp(Credentials(token), http=httplib2.Http(timeout=20), refresh_status_codes=())
    return build_from_document(described, http=http)


def person(name):
    """The address of somebody whom nobody else uses."""
    return f"{name}-{uuid.uuid4().hex[:8]}@example.com"


def event(hours=1, **more):
    """An event of an hour, so many hours from now."""
    start = dt.datetime.now(dt.timezone.utc).replace(microsecond=0) + dt.timedelta(hours=hours)
    end = start + dt.timedelta(hours=1)
    return {
        "summary": "Office hours",
        "start": {"dateTime": start.isoformat(), "timeZone": "Europe/Berlin"},
        "end": {"dateTime": end.isoformat(), "timeZone": "Europe/Berlin"},
        **more,
    }


def refusal(request):
    """The status of a refusal, and its reason."""
    with pytest.raises(HttpError) as refused:
        request.execute()
    error = json.loads(refused.value.content)["error"]
    return refused.value.resp.status, error["errors"][0]["reason"]


@pytest.fixture
def tutor():
    """Google's client for a tutor."""
    return service(person("tutor"))
