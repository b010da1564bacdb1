"""Asks the server everything that its OpenAPI document promises, with schemathesis.

Starts the server in local mode on free ports, with new data for each person; signs in as a student, as a tutor and as an admin.

    python -m venv v && v/bin/pip install -r api-tests/requirements.txt
    v/bin/python api-tests/run.py [--max-examples 300] [--seed 7] [--only student]
"""

import argparse
import contextlib
import datetime
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
import urllib.parse
import urllib.request

from sign_in import sign_in

HERE = pathlib.Path(__file__).resolve().parent
# Whom schemathesis speaks as, and somebody who must not see what is theirs.
PEOPLE = {
    "student": ("mia@example.com", "lucas@example.com"),
    "tutor": ("amara@example.com", "lena@example.com"),
    "admin": ("admin@example.com", "mia@example.com"),
}


# Operations after which somebody is signed in no longer.
ENDING = (
    "^(sign_out|end_sessions?|end_user_sessions|suspend_user|set_roles|accept_invitation|delete_guardianship|erase_me|erase_user)$"
)


def two_free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


@contextlib.contextmanager
def server(api: str, log: pathlib.Path):
    """A server in local mode, with new data; its address."""
    port, google_port = two_free_ports()
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="api-tests-", ignore_cleanup_errors=True) as data, log.open("w") as output:
        os.chmod(data, 0o755)  # as root, PostgreSQL runs as another user, who must get through
        settings = {"BIND": f"127.0.0.1:{port}", "LOCAL_GOOGLE_PORT": str(google_port), "DATA_DIR": f"{data}/data"}
        settings["RATE_LIMITS"] = "off"  # nobody asks as often as this does
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "PORT", "K_SERVICE")}
        process = subprocess.Popen([api], env=kept | settings, stdout=output, stderr=output)
        try:
            wait_until_ready(process, address, log)
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def wait_until_ready(process: subprocess.Popen, address: str, log: pathlib.Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            sys.exit(f"the server ended:\n{log.read_text()}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=2):
            return
        time.sleep(0.1)
    sys.exit(f"the server does not get ready:\n{log.read_text()}")


def ask(who: str, api: str, out: pathlib.Path, options: list[str]) -> bool:
    """Whether all checks pass for this person."""
    out.mkdir(parents=True, exist_ok=True)
    for file in ("schemathesis.toml", "hooks.py"):
        shutil.copy(HERE / file, out)
    me, somebody_else = PEOPLE[who]
    passed = True
    with server(api, out / "server.log") as address:
        # Once: an admin leaves a centre behind in which nobody has a slot.
        write_dictionaries(out, a_slot(address, sign_in(address, me), without=sign_in(address, somebody_else)))
        # What ends sessions has one of its own, at the end.
        for what in (["--exclude-operation-id-regex", ENDING], ["--include-operation-id-regex", ENDING]):
            mine, theirs = sign_in(address, me), sign_in(address, somebody_else)
            write_users(out / "users.json", me=mine, somebody_else=theirs)
            print(f"=== as a {who}: {' '.join(what)}", flush=True)
            run = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run"]
            run += [f"{address}/openapi.json", "--report", "junit", "--report-dir", ".", *what, *options]
            passed &= subprocess.run(run, cwd=out).returncode == 0
    return passed


def write_users(path: pathlib.Path, **sessions: str) -> None:
    """Credentials in the form of Web Fuzzing Commons."""

    def user(name: str, session: str) -> dict:
        return {"name": name, "fixedHeaders": [{"name": "Cookie", "value": f"session={session}"}]}

    path.touch(mode=0o600)
    path.write_text(json.dumps({"auth": [user(*item) for item in sessions.items()]}))


def write_dictionaries(directory: pathlib.Path, slot: dict[str, str]) -> None:
    """One word for each field, in libFuzzer's form."""
    for name, word in slot.items():
        (directory / f"{name}.dict").write_text(f'"{word}"\n')


def a_slot(address: str, session: str, without: str) -> dict[str, str]:
    """A slot that this person could book in two weeks, with anybody but the person `without`, and ids of what there is."""

    def get(path: str, session: str = session, **query: object) -> dict:
        url = f"{address}{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, headers={"Cookie": f"session={session}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    start = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(days=14)
    window = {"from": start.isoformat(), "to": (start + datetime.timedelta(days=7)).isoformat()}
    own = get("/v1/me")["tutor_id"]
    left_out = {own, get("/v1/me", without)["tutor_id"]}
    calendar = get("/v1/holiday-calendars")["items"][0]["id"]
    for tutor in get("/v1/tutors")["items"]:
        for offer in tutor["offers"] if tutor["id"] not in left_out else []:
            minutes = offer["lesson_minutes"][0]
            slots = get(f"/v1/tutors/{tutor['id']}/slots", minutes=minutes, **window)["items"]
            if slots:
                what = {"tutor": tutor["id"], "subject": offer["subject"]["slug"], "level": offer["level"]}
                when = {"start": slots[0]["start"], "end": slots[0]["end"]}
                return what | when | window | {"own": own or tutor["id"], "calendar": calendar}
    sys.exit("nobody has a slot in the demo data")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--api", default=os.environ.get("API_BIN", str(HERE.parent / "target/debug/api")))
    arguments.add_argument("--out", type=pathlib.Path, default=HERE.parent / "target/api-tests")
    arguments.add_argument("--only", choices=PEOPLE)
    known, options = arguments.parse_known_args()
    people = [known.only] if known.only else list(PEOPLE)
    outcomes = [ask(who, known.api, known.out.resolve() / who, options) for who in people]
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    main()
