"""What becomes of events, of their copies and of their guests."""

from conftest import control, event, person, refusal, service


def emails(found):
    return sorted(guest["email"] for guest in found.get("attendees", []))


def all_of(tutor, calendar="primary", **more):
    """All events of a calendar, and the token that tells what changes from then on."""
    found = tutor.events().list(calendarId=calendar, singleEvents=True, **more).execute()
    return found["items"], found["nextSyncToken"]


def changes(tutor, token, calendar="primary"):
    return tutor.events().list(calendarId=calendar, singleEvents=True, syncToken=token).execute()["items"]


def test_an_event_that_is_moved_is_organized_by_the_other_calendar(tutor):
    courses = tutor.calendars().insert(body={"summary": "Courses"}).execute()["id"]
    guest = person("guest")
    control("mint", email=guest)
    made = tutor.events().insert(calendarId="primary", body=event(attendees=[{"email": guest}])).execute()
    _, here = all_of(tutor)
    _, there = all_of(tutor, courses)
    moved = tutor.events().move(calendarId="primary", eventId=made["id"], destination=courses).execute()
    assert moved["id"] == made["id"]
    assert moved["organizer"]["email"] == courses
    assert moved["organizer"]["self"] is True
    gone = changes(tutor, here)
    assert [(it["id"], it["status"]) for it in gone] == [(made["id"], "cancelled")]
    assert [it["id"] for it in changes(tutor, there, courses)] == [made["id"]]
    assert tutor.events().get(calendarId="primary", eventId=made["id"]).execute()["status"] == "cancelled"
    kept = service(guest).events().get(calendarId="primary", eventId=made["id"]).execute()
    assert kept["status"] == "confirmed"
    assert kept["organizer"]["email"] == courses


def test_an_event_is_moved_only_by_its_organizer_and_to_where_there_is_a_calendar(tutor):
    guest = person("guest")
    guests = service(guest)
    made = tutor.events().insert(calendarId="primary", body=event(attendees=[{"email": guest}])).execute()
    other = guests.calendars().insert(body={"summary": "Other"}).execute()["id"]
    for calendar, status in [("nobody@example.com", 404), (other, 404)]:
        request = tutor.events().move(calendarId="primary", eventId=made["id"], destination=calendar)
        assert refusal(request)[0] == status
    request = guests.events().move(calendarId="primary", eventId=made["id"], destination=other)
    assert refusal(request)[0] == 403
    request = tutor.events().move(calendarId="primary", eventId="nothing", destination="primary")
    assert refusal(request) == (404, "notFound")


def test_of_more_guests_than_are_asked_for_none_but_oneself_is_told(tutor):
    me = tutor.calendars().get(calendarId="primary").execute()["id"]
    guests = [{"email": person("guest")} for _ in range(3)] + [{"email": me}]
    made = tutor.events().insert(calendarId="primary", body=event(attendees=guests)).execute()
    found, _ = all_of(tutor, maxAttendees=2)
    assert emails(found[0]) == [me]
    assert found[0]["attendeesOmitted"] is True
    found, _ = all_of(tutor, maxAttendees=4)
    assert len(found[0]["attendees"]) == 4
    assert "attendeesOmitted" not in found[0]
    assert emails(tutor.events().get(calendarId="primary", eventId=made["id"]).execute()) == sorted(
        guest["email"] for guest in guests
    )


def test_only_the_fields_that_are_asked_for_are_told(tutor):
    private = {"lesson": "7"}
    tutor.events().insert(
        calendarId="primary", body=event(extendedProperties={"private": private, "shared": {"a": "b"}})
    ).execute()
    fields = "nextSyncToken,items(id,start,extendedProperties/private)"
    found, _ = all_of(tutor, fields=fields)
    assert set(found[0]) == {"id", "start", "extendedProperties"}
    assert found[0]["extendedProperties"] == {"private": private}
    request = tutor.events().list(calendarId="primary", fields="items(")
    assert refusal(request)[0] == 400


def test_a_link_to_meet_may_come_later(tutor):
    asked = {"createRequest": {"requestId": "one", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}

    def insert():
        return (
            tutor.events()
            .insert(calendarId="primary", conferenceDataVersion=1, body=event(conferenceData=asked))
            .execute()
        )

    def status(made):
        found = tutor.events().get(calendarId="primary", eventId=made["id"]).execute()
        return found["conferenceData"]["createRequest"]["status"]["statusCode"], "hangoutLink" in found

    control("meets", new="pending")
    try:
        for succeed, expected in [(True, ("success", True)), (False, ("failure", False))]:
            made = insert()
            assert status(made) == ("pending", False)
            control("meets", settle=succeed)
            assert status(made) == expected
    finally:
        control("meets", new="at_once")


def test_guests_change_an_event_only_where_they_may(tutor):
    guest = person("guest")
    guests = service(guest)
    made = tutor.events().insert(calendarId="primary", body=event(attendees=[{"email": guest}])).execute()
    rename = guests.events().patch(calendarId="primary", eventId=made["id"], body={"summary": "Ours"})
    assert refusal(rename) == (403, "forbiddenForNonOrganizer")
    may = {"guestsCanModify": True}
    tutor.events().patch(calendarId="primary", eventId=made["id"], body=may).execute()
    rename = guests.events().patch(calendarId="primary", eventId=made["id"], body={"summary": "Ours"})
    rename.execute()
    found = tutor.events().get(calendarId="primary", eventId=made["id"]).execute()
    assert found["summary"] == "Ours"


def test_a_guest_who_is_taken_off_the_list_has_no_copy_any_more(tutor):
    guest = person("guest")
    guests = service(guest)
    made = tutor.events().insert(calendarId="primary", body=event(attendees=[{"email": guest}])).execute()
    copy = guests.events().get(calendarId="primary", eventId=made["id"]).execute()
    assert "self" not in copy["organizer"]
    tutor.events().patch(calendarId="primary", eventId=made["id"], body={"attendees": []}).execute()
    copy = guests.events().get(calendarId="primary", eventId=made["id"]).execute()
    assert copy["status"] == "cancelled"


def test_what_was_changed_meanwhile_is_neither_changed_nor_deleted(tutor):
    made = tutor.events().insert(calendarId="primary", body=event()).execute()
    tutor.events().patch(calendarId="primary", eventId=made["id"], body={"location": "Library"}).execute()
    for request in [
        tutor.events().patch(calendarId="primary", eventId=made["id"], body={"summary": "Late"}),
        tutor.events().delete(calendarId="primary", eventId=made["id"]),
    ]:
        request.headers["If-Match"] = made["etag"]
        assert refusal(request) == (412, "conditionNotMet")
    found = tutor.events().get(calendarId="primary", eventId=made["id"]).execute()
    assert (found["summary"], found["status"]) == ("Office hours", "confirmed")
