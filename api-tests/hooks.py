"""What schemathesis has to be told about this server."""

import itertools
import re

import requests
import schemathesis
from hypothesis import strategies as st

# Reasons for a 422 that no JSON Schema can express. Whatever else is refused, the schema must forbid.
BEYOND_THE_SCHEMA = {
    "all_day",
    "before_first",
    "before_valid_from",
    "beyond_two_years",
    "duplicate",
    "ends_before_start",
    "group_lesson",
    "guests_can_modify",
    "idempotency_key_reused",
    "invalid_grant",
    "length_not_offered",
    "lesson_event",
    "lesson_or_wish",
    "malformed",
    "more_than_capacity",
    "needs_deadline",
    "needs_guardian",
    "needs_minimum",
    "needs_occurrence",
    "needs_policy",
    "needs_subject",
    "not_a_calendar",
    "not_a_challenge",
    "not_a_divisor",
    "not_a_local_path",
    "not_after_from",
    "not_after_start",
    "not_ahead",
    "not_movable",
    "not_allowed",
    "not_before_start",
    "not_offered",
    "not_on_rule",
    "not_organizer",
    "out_of_order",
    "overlaps",
    "paid_with_credit",
    "repeated",
    "same_person",
    "skip_or_times",
    "skipped",
    "some_or_all",
    "span_or_dates",
    "taken",
    "takes_no_guests",
    "too_late_to_move",
    "too_many",
    "too_many_tutors",
    "unbounded",
    "unknown_booking",
    "unknown_calendar",
    "unknown_cursor",
    "unknown_event",
    "unknown_level",
    "unknown_occurrence",
    "unknown_provider",
    "unknown_subject",
    "unknown_time_zone",
    "unknown_tutor",
    "unknown_user",
    "unsupported",
    "window_too_long",
}
# An instant or a date may be out of the years 1970 to 2199, or too long after another: its format bounds neither.
INSTANT_CODES = {"out_of_range", "too_long"}
INSTANTS = ("at", "start", "end", "from", "to", "valid_from", "valid_until", "end_date", "date", "first_date", "last_date", "expires_at", "decides_at")


KEYS = itertools.count()

schemathesis.openapi.format("entity-tags", st.sampled_from(['"3"', '"1", "2"', '*']))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """On plain http, which the local mode speaks, the cookie has no __Host- prefix. ETags have quotes, which
    headers are only given where their format is known."""
    raw_schema["components"]["securitySchemes"]["session"]["name"] = "session"
    for item in raw_schema["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "If-Match":
                    parameter["schema"]["format"] = "entity-tags"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Edits what is there now: "current" stands for the ETag that a reader gets. And no request repeats another one by chance:
    it would be told of what was made then, and may be gone."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key and case.meta and not case.meta.generation.mode.is_negative:
        case.headers["Idempotency-Key"] = f"{next(KEYS)}{key[-200:]}"
    if (case.headers or {}).get("If-Match") == "current":
        headers = {"Cookie": case.headers.get("Cookie", "")}
        # What belongs to a tutor or a calendar has the version of that.
        url = re.sub(r"(/v1/(?:tutors|holiday-calendars)/[^/?]+).*", r"\1", case.as_transport_kwargs()["url"])
        read = requests.get(url, headers=headers, timeout=10)
        case.headers["If-Match"] = read.headers.get("ETag", '"0"')


@schemathesis.check
def schema_forbids_what_is_refused(ctx, response, case):
    """A request that keeps to the schema may be refused only for what a schema can't say."""
    if case.meta is None or case.meta.generation.mode.is_negative or response.status_code != 422:
        return
    for error in response.json().get("errors", []):
        is_instant = error["field"].rpartition(".")[2] in INSTANTS
        # To JSON Schema 69.0 is an integer; whoever writes it to this server is told.
        if error["code"] == "unacceptable" and "without a decimal point" in error["detail"]:
            continue
        # The pattern of a local time lets 30 February through.
        if error["code"] == "unacceptable" and "a local time such as" in error["detail"]:
            continue
        # Who books for others and is no student has to say for whom.
        if error["code"] == "missing" and error["field"] == "student_id":
            continue
        beyond = BEYOND_THE_SCHEMA | INSTANT_CODES if is_instant else BEYOND_THE_SCHEMA
        if error["code"] not in beyond:
            raise AssertionError(f"the schema should forbid it: {error}")
