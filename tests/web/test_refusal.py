from __future__ import annotations

import json
import math

import pytest

from entitlements import Decision, EntitlementsUnavailable, FeatureRequired, InvalidSettings, Offer, Reason
from entitlements.requirement import Requirement
from entitlements.terms import Terms, checked_upgrade_url
from entitlements.web.accept import prefers_html
from entitlements.web.refusal import Request, refuse
from entitlements.web.upgrade import local_target, upgrade_link

PRO, BUSINESS = Offer("prod_pro", "Pro"), Offer("prod_business", "Business")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
PRICING = "https://app.example/pricing"


def no(*features, reason=Reason.NOT_ENTITLED, any_of=False, **more):
    need = Requirement(features or ("exports",), any_of=any_of)
    return FeatureRequired(Decision(need, reason, "cus_secret", unlock_with=(PRO, BUSINESS), **more))


def unknown(**more):
    return EntitlementsUnavailable(Decision(Requirement(("exports",)), Reason.UNAVAILABLE, "cus_secret", **more))


def members(response):
    return json.loads(response.body)


def test_a_no_says_what_is_missing_and_what_unlocks_it():
    """An API client gets the whole of RFC 9457: what, why, and the plans that include it, by name."""
    response = refuse(no(), Request(), Terms(upgrade_url=PRICING))
    assert response.status == 402
    assert response.headers == (
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(response.body))),
        ("Cache-Control", "private, no-store"),
        ("Vary", "Accept"),
    )
    assert members(response) == {
        "type": "urn:entitlements:feature-required",
        "title": "Plan upgrade required",
        "status": 402,
        "detail": "“exports” is part of Pro and Business.",
        "feature": "exports",
        "reason": "not_entitled",
        "unlock_with": [{"product": "prod_pro", "name": "Pro"}, {"product": "prod_business", "name": "Business"}],
        "upgrade_url": "https://app.example/pricing?feature=exports",
    }


def test_several_features_are_listed():
    """A gate on several features names each of them, in the body and in the link."""
    both = members(refuse(no("exports", "sso"), Request(), Terms(upgrade_url=PRICING)))
    assert (both["feature"], both["features"]) == ("exports and sso", ["exports", "sso"])
    assert both["upgrade_url"] == f"{PRICING}?feature=exports&feature=sso"
    assert members(refuse(no("exports", "sso", any_of=True), Request()))["feature"] == "exports or sso"


def test_who_never_bought_is_told_what_to_buy():
    """A customer Stripe has never heard of is refused like any other, and told that this is why."""
    response = refuse(no(reason=Reason.NO_CUSTOMER), Request())
    assert (response.status, members(response)["reason"]) == (402, "no_customer")
    assert "upgrade_url" not in members(response)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_browser_on_its_way_to_a_page_is_sent_to_the_upgrade_page(method):
    """Navigation ends where the feature can be bought, which knows what was wanted and where to return to."""
    response = refuse(
        no(), Request(method, BROWSER, "/a report/ü", "year=2024&to=//x"), Terms(upgrade_url=f"{PRICING}?ref=1#plans")
    )
    assert response.status == 303
    assert dict(response.headers)["Location"] == (
        f"{PRICING}?ref=1&feature=exports&next=%2Fa%2520report%2F%25C3%25BC%3Fyear%3D2024%26to%3D%2F%2Fx#plans"
    )
    assert dict(response.headers)["Vary"] == "Accept"
    assert dict(response.headers)["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("request_", "upgrade_url"),
    [
        (Request("POST", BROWSER), PRICING),
        (Request("PUT", BROWSER), PRICING),
        (Request("GET", "*/*"), PRICING),
        (Request("GET", ""), PRICING),
        (Request("GET", "application/json"), PRICING),
        (Request("GET", BROWSER), None),
    ],
)
def test_everything_else_is_answered_402(request_, upgrade_url):
    """Only a GET or HEAD that prefers HTML is redirected, and only if there is a page to go to."""
    assert refuse(no(), request_, Terms(upgrade_url=upgrade_url)).status == 402


@pytest.mark.parametrize("accept", ["", BROWSER])
def test_nobody_is_sent_a_bill(accept):
    """Whoever isn't signed in gets 403, with nothing to buy and nowhere to be sent."""
    response = refuse(no(reason=Reason.ANONYMOUS), Request(accept=accept), Terms(upgrade_url=PRICING))
    assert response.status == 403
    assert members(response) == {
        "type": "urn:entitlements:anonymous",
        "title": "Nobody is signed in",
        "status": 403,
        "detail": "Nobody is signed in, so “exports” can't be granted.",
        "feature": "exports",
        "reason": "anonymous",
    }
    assert ("Cache-Control", "private, no-store") in response.headers


def test_not_knowing_is_never_an_upsell():
    """Cannot tell is 503 with the time to come back, whoever asks, and says nothing of plans or of what went wrong."""
    error = unknown(retry_after=2.1, unlock_with=(PRO,), detail="Stripe said: internal")
    response = refuse(error, Request(), Terms(upgrade_url=PRICING))
    assert response.status == 503
    assert dict(response.headers)["Retry-After"] == "3"
    assert members(response) == {
        "type": "urn:entitlements:unavailable",
        "title": "We could not confirm your plan",
        "status": 503,
        "detail": "We could not confirm access to “exports” just now. Please try again.",
        "feature": "exports",
        "reason": "unavailable",
    }
    page = refuse(error, Request(accept=BROWSER), Terms(upgrade_url=PRICING))
    assert (page.status, dict(page.headers)["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert b"We could not confirm your plan" in page.body
    assert b"Pro" not in page.body
    assert b"internal" not in page.body
    assert "Location" not in dict(page.headers)


def test_not_knowing_raised_as_a_no_is_still_not_knowing():
    """R21: whichever error carries it, a decision that can't tell never becomes an invitation to buy."""
    mislabelled = FeatureRequired(unknown().decision)
    assert refuse(mislabelled, Request(accept=BROWSER), Terms(upgrade_url=PRICING)).status == 503


def test_a_change_that_could_not_be_spread_is_503():
    """An error without a question, as `refresh` may raise it, has a response too, and shows nothing of the inside."""
    response = refuse(EntitlementsUnavailable(message="redis://10.0.0.1 is down"), Request())
    assert (response.status, dict(response.headers)["Retry-After"]) == (503, "1")
    assert members(response)["detail"] == "We could not confirm your plan just now. Please try again."


@pytest.mark.parametrize(
    ("seconds", "header"),
    [(None, "1"), (0.0, "1"), (-5.0, "1"), (0.2, "1"), (1.0, "1"), (1.1, "2"), (math.nan, "1"), (math.inf, "3600")],
)
def test_retry_after_is_whole_seconds_and_at_least_one(seconds, header):
    """A client is always told a number it can obey."""
    error = EntitlementsUnavailable(unknown().decision, retry_after=seconds)
    assert dict(refuse(error, Request()).headers)["Retry-After"] == header


@pytest.mark.parametrize("error", [no(), no(reason=Reason.ANONYMOUS), no(reason=Reason.NO_CUSTOMER), unknown()])
@pytest.mark.parametrize("accept", ["", BROWSER])
def test_no_response_names_the_customer(error, accept):
    """Whatever is refused, to whom and how: no customer id leaves."""
    response = refuse(error, Request(accept=accept), Terms(upgrade_url=PRICING))
    assert b"cus_" not in response.body
    assert "cus_" not in str(response.headers)


@pytest.mark.parametrize("error", [no(), no(reason=Reason.ANONYMOUS), unknown()])
@pytest.mark.parametrize("accept", ["", BROWSER])
def test_head_has_the_headers_of_get_and_no_body(error, accept):
    """HEAD tells the length of the body that GET would have had."""
    get = refuse(error, Request("GET", accept), Terms(upgrade_url=PRICING))
    head = refuse(error, Request("HEAD", accept), Terms(upgrade_url=PRICING))
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


def test_a_page_shows_a_key_as_text():
    """A lookup key with markup in it stays text in the page that names it."""
    need = Requirement(("<script>",))
    error = EntitlementsUnavailable(Decision(need, Reason.UNAVAILABLE))
    assert b"<script>" not in refuse(error, Request(accept=BROWSER)).body


def test_a_name_that_utf8_cannot_hold_is_still_answered():
    """A product whose name came as a lone surrogate doesn't turn 402 into 500."""
    decision = Decision(Requirement(("exports",)), Reason.NOT_ENTITLED, unlock_with=(Offer("prod_1", "Pro\ud800"),))
    assert members(refuse(FeatureRequired(decision), Request()))["unlock_with"][0]["name"] == "Pro?"


# --- Accept ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML", True),
        ("text/*", True),
        ("text/html;level=1;q=0.3", True),
        ("application/json;q=0.5, text/html", True),
        ("application/json;q=0.5 , text/html ; q=0.6", True),
        ("*/*;q=0.8, text/html", True),
        ("text/html, application/json;q=0", True),
        ("text/html;q=0.9, application/json;q=0.5, text/html;q=0.1", True),
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/json", False),
        ("application/problem+json, text/html;q=0.9", False),
        ("application/*, text/html;q=0.9", False),
        ("text/html, application/json", False),
        ("text/html;q=0, */*", False),
        ("text/*, text/html;q=0", False),
        ("text/html;q=1.5, application/json", False),
        ("text/html;q=nan", False),
        ("text/html;q=inf, application/json", False),
        ("text/html;q=1e9, application/json;q=0.1", False),
        ("text/html;q=", False),
        (",;,=;q", False),
    ],
)
def test_html_is_preferred_only_if_it_is_wanted_more(accept, html):
    """The Accept header is read by its qualities and the most specific range; a tie is for JSON."""
    assert prefers_html(accept) is html


# --- where to --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/x",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "evil.example",
        "",
        "*",
        "/" + "x" * 3000,
    ],
)
def test_what_could_lead_elsewhere_is_not_returned_to(path):
    """An open redirect needs another host in `next`: a path that any browser might read so isn't passed on."""
    assert local_target(path, "") is None
    location = dict(refuse(no(), Request("GET", BROWSER, path), Terms(upgrade_url="/pricing")).headers)["Location"]
    assert location == "/pricing?feature=exports"


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        ("/", "", "/"),
        ("/a//b", "", "/a//b"),
        ("/@evil.example", "", "/%40evil.example"),
        ("/x", "next=https://evil.example/", "/x?next=https://evil.example/"),
        ("/x", "a=%2F&b=ü\r\n", "/x?a=%2F&b=%C3%BC%0D%0A"),
        ("/x?y#z", "", "/x%3Fy%23z"),
        ("/\ufffd", "", "/%EF%BF%BD"),
    ],
)
def test_a_path_of_this_site_is_written_as_it_was(path, query, target):
    """What was asked for is kept, path and query, and nothing in it can end the header."""
    assert local_target(path, query) == target


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("/pricing", "/pricing?feature=a+b"),
        ("/pricing?", "/pricing?feature=a+b"),
        ("/pricing?x=1", "/pricing?x=1&feature=a+b"),
        ("/pricing?x=1&", "/pricing?x=1&feature=a+b"),
        ("/pricing#top", "/pricing?feature=a+b#top"),
        ("/", "/?feature=a+b"),
    ],
)
def test_a_link_keeps_what_the_address_has(url, link):
    """The feature joins whatever query and fragment the upgrade page's address has."""
    assert upgrade_link(checked_upgrade_url(url), ["a b"]) == link


@pytest.mark.parametrize(
    "url",
    [
        *("", "pricing", "//pricing", "/\\x", "javascript:alert(1)", "ftp://x/", "https://", "https:///x"),
        *("https://x/\r\nA: b", "https://x/ü", "/a b", '/a"', 5, b"/x"),
    ],
)
def test_an_upgrade_url_that_is_none_is_refused(url):
    """What can't stand in a Location header, or leads nowhere, is refused when it is given, not when it is needed."""
    with pytest.raises(InvalidSettings, match="upgrade_url"):
        checked_upgrade_url(url)
