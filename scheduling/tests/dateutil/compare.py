"""Compares the occurrences of random series with those that dateutil finds.

    python compare.py PATH/TO/series_from_json [SERIES [SEED]]

dateutil knows nothing of clocks that change, so its rules run on the wall clock; what the clock skips is left out
before anything is counted, and of what it shows twice the first is meant, as RFC 5545 says. Where one BYDAY names
both every day of a kind and a certain one (MO,1TU), dateutil finds what is both, and RFC 5545 means either: it is told
so in words it understands (1MO,2MO,3MO,4MO,5MO,1TU).
"""

import json
import random
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.rrule import rrulestr

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "Asia/Kolkata", "UTC"]
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
MOST = 200


def some(values, least=1, most=3):
    return random.sample(values, random.randint(least, min(most, len(values))))


def random_parts():
    """A rule without its end."""
    freq = random.choice(["DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY"])
    parts = {"FREQ": freq}
    if random.random() < 0.6:
        parts["INTERVAL"] = random.choice([1, 2, 2, 3, 4, 5, 7, 12, 13])
    if random.random() < 0.6:
        days = some(WEEKDAYS)
        if freq == "MONTHLY":
            days = [random.choice(["", "", "1", "2", "+3", "4", "5", "-1", "-2", "-5"]) + day for day in days]
        parts["BYDAY"] = ",".join(days)
    if freq != "WEEKLY" and random.random() < 0.4:
        parts["BYMONTHDAY"] = ",".join(map(str, some([1, 2, 13, 15, 28, 29, 30, 31, -1, -2, -15, -31])))
    if random.random() < 0.4:
        parts["WKST"] = random.choice(WEEKDAYS)
    return parts


def text(parts):
    items = list(parts.items())
    random.shuffle(items)
    return ";".join(f"{name}={value}" for name, value in items)


def for_dateutil(parts):
    parts = dict(parts)
    days = parts.get("BYDAY", "").split(",")
    if any(len(day) > 2 for day in days):
        nth = [day if len(day) > 2 else ",".join(f"{n}{day}" for n in range(1, 6)) for day in days]
        parts["BYDAY"] = ",".join(nth)
    return ";".join(f"{name}={value}" for name, value in parts.items())


def instant(local, zone):
    """When the clock first shows it; none if never."""
    at = local.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)
    return at if at.astimezone(zone).replace(tzinfo=None) == local else None


def found_by_dateutil(parts, start, zone):
    """Those of two years."""
    last = start + relativedelta(months=24)
    until = datetime.combine(last.date(), start.time())
    rule = rrulestr(f"{for_dateutil(parts)};UNTIL={until:%Y%m%dT%H%M%S}", dtstart=start)
    found = [(local, instant(local, zone)) for local in rule]
    return [(local, at) for local, at in found if at]


def expected(parts, start, zone, count, until):
    if instant(start, zone) is None:
        return "skipped"
    found = found_by_dateutil(parts, start, zone)
    if not found or found[0][0] != start:
        return "not_on_rule"
    if until is not None:
        if until.astimezone(zone).date() > (start + relativedelta(months=24)).date():
            return "beyond_two_years"
        found = [it for it in found if it[1] <= until]
        if len(found) > MOST:
            return "too_many"
        return found or "ends_before_start"
    return found[:count] if len(found) >= count else "beyond_two_years"


def random_series():
    zone = ZoneInfo(random.choice(ZONES))
    parts = random_parts()
    start = datetime(2025, 1, 1) + timedelta(days=random.randrange(1500), minutes=random.choice([0, 90, 120, 150, 960, 1425]))
    if random.random() < 0.9:
        # Begin with what is an occurrence, if there is any.
        start = next(islice(rrulestr(f"{for_dateutil(parts)};UNTIL=20300101T000000", dtstart=start), 1), start)
    count, until = None, None
    if random.random() < 0.5:
        count = random.choice([1, 2, 10, 30, 52, 100, 200])
        end = {"COUNT": count}
    else:
        until = (start + timedelta(days=random.randrange(-2, 760), hours=random.randrange(24))).replace(tzinfo=timezone.utc)
        end = {"UNTIL": f"{until:%Y%m%dT%H%M%SZ}"}
    line = {"start": start.isoformat(), "zone": zone.key, "rule": text({**parts, **end})}
    wanted = expected(parts, start, zone, count, until)
    if not isinstance(wanted, str):
        wanted = [[local.isoformat(), int(at.timestamp())] for local, at in wanted]
    return line, wanted


def main():
    program = sys.argv[1]
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(10**6)
    random.seed(seed)
    cases = [random_series() for _ in range(number)]
    lines = "".join(json.dumps(line) + "\n" for line, _ in cases)
    answers = subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    seen, wrong = Counter(), 0
    for (line, wanted), answer in zip(cases, map(json.loads, answers), strict=True):
        seen[wanted if isinstance(wanted, str) else "series"] += 1
        seen["occurrences"] += 0 if isinstance(wanted, str) else len(wanted)
        if answer != wanted:
            wrong += 1
            if wrong <= 5:
                print(f"{line}\n  dateutil: {str(wanted)[:300]}\n  here:     {str(answer)[:300]}")
    print(f"seed {seed}: {number} series, {wrong} differ; {dict(seen)}")
    # Most must be series, or this compares refusals.
    sys.exit(wrong > 0 or seen["series"] < number // 2)


main()
