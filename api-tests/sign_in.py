"""Signs in at a local server as one of the demo people, by the account chooser of the stand-in for Google."""

import http.cookiejar
import re
import sys
import urllib.parse
import urllib.request


def sign_in(server: str, email: str) -> str:
    """The value of the session cookie."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with browser.open(f"{server}/v1/auth/sign-in?return_to=/livez", timeout=10) as chooser:
        page, address = chooser.read().decode(), chooser.url
    flow = re.search(r'name="flow" value="([^"]+)"', page)
    action = re.search(r'<form method="post" action="([^"]+)"', page)
    if not flow or not action:
        raise RuntimeError(f"{address} is not the account chooser")
    form = urllib.parse.urlencode({"flow": flow[1], "email": email}).encode()
    with browser.open(urllib.parse.urljoin(address, action[1]), form, timeout=10) as done:
        if not done.url.endswith("/livez"):
            raise RuntimeError(f"the sign-in as {email} ended at {done.url}")
    return next(cookie.value for cookie in jar if cookie.name == "session")


if __name__ == "__main__":
    print(sign_in(*sys.argv[1:]))
