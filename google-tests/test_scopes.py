"""Each method is open to the scopes that Google's document names for it, and to no others."""

import pytest
from conftest import PREFIX, document, event, person, refusal, service
from googleapiclient.errors import HttpError

# With it Google tells only when the events are, which the stand-in does not do: it refuses.
NOT_SERVED = {PREFIX + "calendar.events.freebusy"}

BODY = {"id": "nobody", "resourceId": "nothing"}
WINDOW = {"timeMin": "2027-03-01T00:00:00Z", "timeMax": "2027-03-02T00:00:00Z", "items": []}

REQUESTS = {
    "calendarList.list": lambda it: it.calendarList().list(),
    "calendarList.get": lambda it: it.calendarList().get(calendarId="primary"),
    "calendars.get": lambda it: it.calendars().get(calendarId="primary"),
    "calendars.insert": lambda it: it.calendars().insert(body={"summary": "Courses"}),
    "calendars.patch": lambda it: it.calendars().patch(calendarId="nobody@example.com", body={}),
    "calendars.delete": lambda it: it.calendars().delete(calendarId="nobody@example.com"),
    "events.list": lambda it: it.events().list(calendarId="primary"),
    "events.get": lambda it: it.events().get(calendarId="primary", eventId="nothing"),
    "events.instances": lambda it: it.events().instances(calendarId="primary", eventId="nothing"),
    "events.insert": lambda it: it.events().insert(calendarId="primary", body=event()),
    "events.import": lambda it: it.events().import_(calendarId="primary", body=event(iCalUID="one@example.com")),
    "events.patch": lambda it: it.events().patch(calendarId="primary", eventId="nothing", body={}),
    "events.update": lambda it: it.events().update(calendarId="primary", eventId="nothing", body=event()),
    "events.delete": lambda it: it.events().delete(calendarId="primary", eventId="nothing"),
    "events.move": lambda it: it.events().move(calendarId="primary", eventId="nothing", destination="primary"),
    "events.watch": lambda it: it.events().watch(calendarId="primary", body={}),
    "freebusy.query": lambda it: it.freebusy().query(body=WINDOW),
    "channels.stop": lambda it: it.channels().stop(body=BODY),
}


def is_open(scope, request):
    try:
        request(service(person("tutor"), [scope])).execute()
    except HttpError as error:
        return error.resp.status != 403 or b"insufficientPermissions" not in error.content
    return True


@pytest.mark.parametrize("method", REQUESTS)
def test_a_method_is_open_to_its_scopes_and_to_no_others(method):
    google = document()
    resource, name = method.split(".")
    named = set(google["resources"][resource]["methods"][name]["scopes"])
    for scope in sorted(set(google["auth"]["oauth2"]["scopes"]) - NOT_SERVED):
        assert is_open(scope.removeprefix(PREFIX), REQUESTS[method]) == (scope in named), scope


def test_the_refusal_is_what_google_says():
    lesser = service(person("tutor"), ["calendar.events"])
    assert refusal(lesser.freebusy().query(body=WINDOW)) == (403, "insufficientPermissions")
    assert refusal(lesser.calendarList().list()) == (403, "insufficientPermissions")
