from __future__ import annotations

import gc
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from wsgiref.util import FileWrapper

import pytest
from web_shelf import Shelf
from web_wsgi import Visit, call, checked

from entitlements import (
    Decision,
    Entitlements,
    EntitlementsUnavailable,
    FeatureRequired,
    InvalidInput,
    InvalidSettings,
    NotConfigured,
    Offer,
    Reason,
    requires_feature,
)
from entitlements.bound import bound_view
from entitlements.requirement import Requirement
from entitlements.web.wsgi import EntitlementsMiddleware

HTML = "text/html,*/*;q=0.8"
PRIVATE = "private, no-store"
PLAIN = [("Content-Type", "text/plain")]


@requires_feature("exports")
def exports(environ, start_response):
    start_response("200 OK", list(PLAIN))
    return [b"exported"]


def opened(environ, start_response):
    start_response("200 OK", list(PLAIN))
    return [b"open to all"]


@requires_feature("exports")
def allowed_to_export():
    return b"exported"


def streamed(environ, start_response):
    """Ask when the body is made, long after the call returned."""
    start_response("200 OK", list(PLAIN))
    return (step() for step in [lambda: b"begun, ", allowed_to_export])


def generated(environ, start_response):
    allowed_to_export()
    start_response("200 OK", list(PLAIN))
    yield b"exported"


def refused_at_first_step(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "8")])
    return (allowed_to_export() for _ in range(1))


def refused_after_an_empty_chunk(environ, start_response):
    start_response("200 OK", list(PLAIN))
    yield b""
    yield allowed_to_export()


def refused_after_writing(environ, start_response):
    write = start_response("200 OK", list(PLAIN))
    write(b"begun, ")
    return [allowed_to_export()]


def failing(environ, start_response):
    allowed_to_export()
    raise ZeroDivisionError


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"}, cus_2=set())


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf) as ents:
        yield ents


@pytest.fixture
def served(ents):
    def serve(app, customer="cus_1", **options):
        return EntitlementsMiddleware(app, ents, lambda environ: customer, **options)

    return serve


# --- four answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", [exports, generated, streamed, refused_at_first_step])
def test_who_has_the_feature_gets_the_page(served, app):
    """A gate within the middleware asks about the request's customer and lets who may pass, whatever makes the body."""
    reply = call(served(checked(app)))
    assert (reply.status, reply.body[-8:]) == (200, b"exported")


def test_who_lacks_it_is_told_so(served):
    """An API client that may not gets 402 in the form of RFC 9457."""
    reply = call(served(checked(exports), "cus_2", upgrade_url="/pricing"))
    assert reply.problem == {
        "type": "urn:entitlements:feature-required",
        "title": "Plan upgrade required",
        "status": 402,
        "detail": "“exports” is not part of the current plan.",
        "feature": "exports",
        "reason": "not_entitled",
        "unlock_with": [],
        "upgrade_url": "/pricing?feature=exports",
    }
    assert (reply.status, reply.headers["cache-control"], reply.headers["vary"]) == (402, PRIVATE, "Accept")


def test_what_unlocks_it_is_named(served):
    """Whatever decision the application raises is the one that is told, offers and all."""

    def app(environ, start_response):
        need = Requirement(("sso",))
        raise FeatureRequired(Decision(need, Reason.NOT_ENTITLED, "cus_2", unlock_with=(Offer("prod_1", "Pro"),)))

    assert call(served(app)).problem["unlock_with"] == [{"product": "prod_1", "name": "Pro"}]


def test_a_browser_is_sent_to_the_upgrade_page(served):
    """A person who opens a page is sent to where it can be bought, and back to the same page from there."""
    app = served(checked(exports), "cus_2", upgrade_url="/pricing")
    reply = call(app, path="/m\xc3\xbcller", query="y=1", accept=HTML, SCRIPT_NAME="/shop")
    assert (reply.status, reply.headers["location"]) == (
        303,
        "/pricing?feature=exports&next=%2Fshop%2Fm%25C3%25BCller%3Fy%3D1",
    )


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "/\t/evil.example"])
def test_nobody_is_sent_to_another_site(served, path):
    """R17: a path that a browser would read as another host is not returned to."""
    reply = call(served(exports, "cus_2", upgrade_url="/pricing"), path=path, accept=HTML)
    assert reply.headers["location"] == "/pricing?feature=exports"


def test_a_mount_does_not_hide_where_the_request_came_from(served):
    """What routers do to their environ changes neither the method nor the address that the refusal goes by."""

    def mounting(environ, start_response):
        environ.update(REQUEST_METHOD="POST", PATH_INFO="/elsewhere", QUERY_STRING="x=1")
        return exports(environ, start_response)

    reply = call(served(mounting, "cus_2", upgrade_url="/pricing"), path="/here", accept=HTML)
    assert reply.headers["location"] == "/pricing?feature=exports&next=%2Fhere"


def test_a_form_is_answered_not_redirected(served):
    """R18: a POST by a browser gets 402: what it carried would be lost on the way."""
    reply = call(served(checked(exports), "cus_2", upgrade_url="/pricing"), method="POST", accept=HTML)
    assert (reply.status, reply.problem["reason"]) == (402, "not_entitled")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "DELETE", "PATCH", "PROPFIND"])
def test_no_method_passes_the_gate(served, method):
    """R18: whatever the verb, the gated body doesn't run."""
    ran = []
    gated = requires_feature("exports")(lambda environ, start_response: ran.append(1))
    reply = call(served(gated, "cus_2"), method=method, valid=method != "PROPFIND")
    assert (reply.status, ran) == (402, [])


def test_head_has_no_body_and_the_length_of_one(served):
    """HEAD is answered with the headers of GET."""
    get, head = (call(served(checked(exports), "cus_2"), method=method) for method in ("GET", "HEAD"))
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


def test_nobody_is_not_a_customer(served, shelf):
    """A callback that returns None means that nobody is signed in: 403, nothing to buy, nobody asked."""
    reply = call(served(checked(exports), None, upgrade_url="/pricing"), accept=HTML)
    assert (reply.status, reply.problem["reason"]) == (403, "anonymous")
    assert "unlock_with" not in reply.problem
    assert "location" not in reply.headers
    assert shelf.fetches == []


def test_who_never_bought_is_refused_without_asking(served, shelf):
    """An account without a Stripe customer is not entitled, and Stripe isn't asked about it."""
    reply = call(served(checked(exports), SimpleNamespace(stripe_customer_id=None)))
    assert (reply.status, reply.problem["reason"], reply.problem["unlock_with"]) == (402, "no_customer", [])
    assert shelf.fetches == []


@pytest.mark.parametrize("accept", ["", HTML])
def test_an_outage_is_not_a_no(served, shelf, accept):
    """R21: when it can't be told the answer is 503 with Retry-After, and nobody is sent to buy anything."""
    shelf.failing = True
    reply = call(served(checked(exports), upgrade_url="/pricing"), accept=accept)
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert reply.headers["cache-control"] == PRIVATE
    assert "location" not in reply.headers
    assert b"pricing" not in reply.body


def test_a_customer_may_be_any_object_that_has_an_id(served):
    """The application's own account object will do."""
    assert call(served(exports, SimpleNamespace(stripe_customer_id="cus_1"))).status == 200


# --- the view --------------------------------------------------------------------------------------------------------


def test_the_view_is_in_the_environ(served):
    """Templates find the request's view where they find everything else."""

    def app(environ, start_response):
        assert environ["entitlements.view"] is bound_view()
        start_response("200 OK", list(PLAIN))
        return [b"yes" if "exports" in environ["entitlements.view"] else b"no"]

    assert [call(served(app, customer)).body for customer in ("cus_1", "cus_2", None)] == [b"yes", b"no", b"no"]


def test_nothing_is_fetched_unless_something_is_asked(served, shelf):
    """A page that asks nothing costs Stripe nothing, even while Stripe is down."""
    shelf.failing = True
    assert call(served(checked(opened))).body == b"open to all"
    assert shelf.fetches == []


def test_one_request_sees_one_truth(served, shelf, ents):
    """What the first question found holds for the request, whatever happens meanwhile; the next request sees news."""

    def app(environ, start_response):
        start_response("200 OK", list(PLAIN))
        yield str("exports" in environ["entitlements.view"]).encode()
        shelf.held["cus_1"] = frozenset()
        ents.invalidate("cus_1")
        yield str("exports" in environ["entitlements.view"]).encode()

    assert [call(served(app)).body for _ in range(2)] == [b"TrueTrue", b"FalseFalse"]


@pytest.mark.parametrize("who", ["", 7, object(), "cus 1"])
def test_what_is_no_customer_is_an_error_not_a_guess(served, shelf, who):
    """R35, R11: a callback that returns nonsense is a bug to be seen, before anything is asked about anybody."""
    with pytest.raises(InvalidInput, match="customer"):
        call(served(opened, who))
    assert shelf.fetches == []


def test_settings_are_checked_when_they_are_given(ents):
    """A middleware that can't work says so at start."""

    async def later(environ):
        return "cus_1"

    for given in [
        (opened, None, lambda environ: None),
        (opened, "sk_test_123", lambda environ: None),
        (opened, ents, "cus_1"),
        (opened, ents, later),
    ]:
        with pytest.raises(InvalidSettings):
            EntitlementsMiddleware(*given)
    with pytest.raises(InvalidSettings):
        EntitlementsMiddleware(opened, ents, lambda environ: None, upgrade_url="//evil.example")


# --- bound, and always unbound ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", [exports, streamed, generated, failing, refused_after_writing, refused_at_first_step])
@pytest.mark.parametrize("customer", ["cus_1", "cus_2", None])
def test_a_reused_thread_sees_nothing_of_the_request_before(served, app, customer):
    """R36, M22: on a pool of one thread, whatever a request did, the code that runs next has no customer."""
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(call, served(app, customer))
        request.exception()
        assert pool.submit(bound_view).result() is None
        with pytest.raises(NotConfigured):
            pool.submit(allowed_to_export).result()


def test_between_two_chunks_the_thread_is_free(served):
    """R36: a server that serves others while a stream waits doesn't serve them as this customer."""
    visit = Visit(served(checked(streamed)))
    visit.begin()
    assert bound_view() is None
    assert next(visit.body) == b"begun, "
    assert bound_view() is None
    assert next(visit.body) == b"exported"
    assert (list(visit.body), bound_view()) == ([], None)
    visit.end()


def test_streams_that_take_turns_keep_to_their_own_customers(served):
    """R19: two streams interleaved on one thread are answered each for its own customer."""
    one, two = (Visit(served(checked(app), who)) for app, who in [(streamed, "cus_1"), (streamed, "cus_2")])
    one.begin()
    two.begin()
    assert (next(one.body), next(two.body)) == (b"begun, ", b"begun, ")
    assert next(one.body) == b"exported"
    two.write(b"begun, ")
    with pytest.raises(FeatureRequired):
        next(two.body)
    one.end()
    two.end()


def test_close_sees_the_view_and_happens_once(served):
    """R36: what a body does when it is closed is done for its customer, once, and leaves nothing behind."""
    closed = []

    class Body:
        def __iter__(self):
            return iter([b"some", b"thing"])

        def close(self):
            closed.append(bound_view())

    def app(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return Body()

    visit = Visit(served(checked(app)))
    visit.begin()
    next(visit.body)
    visit.end()
    assert closed == [visit.environ["entitlements.view"]]
    assert bound_view() is None


def test_a_failure_in_close_unbinds_too(served):
    """R36: even the last thing that can fail leaves no customer on the thread."""

    def app(environ, start_response):
        start_response("200 OK", list(PLAIN))
        try:
            yield b"some"
            yield b"thing"
        finally:
            allowed_to_export()
            raise ZeroDivisionError

    visit = Visit(served(app), valid=False)
    visit.begin()
    next(visit.body)
    with pytest.raises(ZeroDivisionError):
        visit.end()
    assert bound_view() is None


def test_a_nested_middleware_gives_the_outer_view_back(served):
    """A part of the site with customers of its own doesn't change whose the rest of the request is."""
    seen = []

    def outer(environ, start_response):
        body = served(opened, "cus_2")(environ, start_response)
        seen.append(bound_view().stripe_customer_id)
        return body

    call(served(outer, "cus_1"))
    assert seen == ["cus_1"]


def test_threads_do_not_see_each_other(served):
    """R36: requests at the same time on several threads are answered each for its own customer."""
    barrier = threading.Barrier(8)

    def app(environ, start_response):
        barrier.wait(timeout=10)
        return exports(environ, start_response)

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(call, served(app, f"cus_{1 + i % 2}")) for i in range(8)]
        assert [each.result().status for each in calls] == [200, 402] * 4


def test_an_executor_is_not_given_a_customer_by_accident(served):
    """R37: work handed to another thread has no view there, and says so instead of asking about somebody else."""

    def app(environ, start_response):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(allowed_to_export).result()
        return []

    with pytest.raises(NotConfigured):
        call(served(app), valid=False)


# --- refused on the way ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", [generated, refused_at_first_step, refused_after_an_empty_chunk])
def test_a_refusal_before_the_first_byte_becomes_the_response(served, app):
    """R19: a body that is refused when it is made is still 402, not a 200 that breaks off."""
    reply = call(served(checked(app), "cus_2"))
    assert (reply.status, reply.problem["reason"]) == (402, "not_entitled")


@pytest.mark.parametrize("app", [streamed, refused_after_writing])
def test_a_refusal_after_the_first_byte_is_raised_to_the_server(served, app):
    """R19: once headers are out the server is told, so that it breaks the connection rather than ending it well."""
    with pytest.raises(FeatureRequired):
        call(served(checked(app), "cus_2"))


def test_cannot_tell_on_the_way_is_503(served):
    """An error without a question, as `refresh` may raise it, becomes a response as well."""

    def app(environ, start_response):
        raise EntitlementsUnavailable(message="half a fence", retry_after=7)

    reply = call(served(app))
    assert (reply.status, reply.headers["retry-after"]) == (503, "7")
    assert b"fence" not in reply.body


def test_the_body_refused_is_closed(served):
    """PEP 3333: a body that became a refusal is closed like any other."""
    closed = []

    class Body:
        def __iter__(self):
            return self

        def __next__(self):
            return allowed_to_export()

        def close(self):
            closed.append(1)

    def app(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return Body()

    assert call(served(checked(app), "cus_2")).status == 402
    assert closed == [1]


@pytest.mark.parametrize("late", [False, True])
def test_tasks_of_an_application_are_refused_as_it_is(served, late):
    """A group of tasks that were all refused is a refusal; one in which something else failed is that failure."""

    def app(*errors):
        def asking(environ, start_response):
            refusals = []
            with pytest.raises(FeatureRequired) as refusal:
                allowed_to_export()
            refusals.append(refusal.value)
            raise ExceptionGroup("tasks", [*refusals, *errors])
            yield b""

        def at_once(environ, start_response):
            return list(asking(environ, start_response))

        return served(asking if late else at_once, "cus_2")

    assert call(app()).problem["reason"] == "not_entitled"
    with pytest.raises(ExceptionGroup):
        call(app(ZeroDivisionError()))


def test_other_errors_are_the_servers(served):
    """What the library didn't raise, it doesn't answer."""
    with pytest.raises(ZeroDivisionError):
        call(served(failing))


def test_an_application_may_replace_what_it_began_to_say(served):
    """PEP 3333: `start_response` with exc_info replaces the headers while it can, and raises when it can't."""

    def app(environ, start_response):
        failure = (ZeroDivisionError, ZeroDivisionError(), None)
        start_response("200 OK", list(PLAIN))
        start_response("500 Oops", list(PLAIN), failure)
        yield b"sorry"
        start_response("500 Oops", list(PLAIN), failure)

    visit = Visit(served(checked(app)))
    visit.begin()
    with pytest.raises(ZeroDivisionError):
        visit.send()
    visit.end()
    assert (visit.reply().status, visit.sent) == (500, b"sorry")


def test_starting_twice_is_the_applications_mistake(served):
    """PEP 3333: a second `start_response` without exc_info is an error here as at any server."""

    def app(environ, start_response):
        start_response("200 OK", list(PLAIN))
        start_response("200 OK", list(PLAIN))

    with pytest.raises(AssertionError, match="PEP 3333"):
        call(served(app), valid=False)


# --- what the server may still do for itself -------------------------------------------------------------------------


def test_a_file_reaches_the_server_as_the_file_it_is(served):
    """A `wsgi.file_wrapper` comes through untouched, headers first, so that the kernel may send it."""
    file = FileWrapper(io.BytesIO(b"a large file"))

    def app(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return file

    visit = Visit(served(app), valid=False)
    visit.begin()
    assert visit.result is file
    assert len(visit.heads) == 1


@pytest.mark.parametrize("body", [[b"one", b"two"], (b"one", b"two")])
def test_a_list_reaches_the_server_as_the_list_it_is(served, body):
    """A body that is made already is counted by the server as before."""

    def app(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return body

    visit = Visit(served(app), valid=False)
    visit.begin()
    assert visit.result is body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_empty_body_still_has_headers(served, method):
    """A stream without a chunk sends its headers all the same."""

    def app(environ, start_response):
        start_response("204 No Content", [])
        return iter(())

    assert call(served(checked(app)), method=method).status == 204


def test_written_bytes_come_first(served):
    """The `write` of old applications works, and sends the headers as it should."""

    def app(environ, start_response):
        write = start_response("200 OK", list(PLAIN))
        write(b"one ")
        write(b"two ")
        return [b"three"]

    assert call(served(checked(app))).body == b"one two three"


def test_an_abandoned_stream_leaves_nothing_behind(served):
    """R36: a stream that a server forgets, unclosed, doesn't come back for a later request."""
    visit = Visit(served(streamed), valid=False)
    visit.begin()
    next(visit.body)
    del visit
    gc.collect()
    assert bound_view() is None


# --- caches ----------------------------------------------------------------------------------------------------------


def template(environ, start_response):
    start_response("200 OK", list(PLAIN))
    yield b"yes" if "exports" in environ["entitlements.view"] else b"no"


def asking(environ, start_response):
    environ["entitlements.view"].require("exports")
    start_response("200 OK", list(PLAIN))
    return [b"exported"]


@requires_feature("exports")
def own_rules(environ, start_response):
    start_response("200 OK", [*PLAIN, ("cache-CONTROL", "private, max-age=60")])
    return [b"exported"]


@pytest.mark.parametrize(
    ("app", "customer", "rule"),
    [
        (exports, "cus_1", PRIVATE),
        (exports, "cus_2", PRIVATE),
        (exports, None, PRIVATE),
        (template, "cus_1", PRIVATE),
        (template, "cus_2", PRIVATE),
        (template, None, PRIVATE),
        (template, SimpleNamespace(stripe_customer_id=None), PRIVATE),
        (asking, "cus_1", PRIVATE),
        (generated, "cus_1", PRIVATE),
        (refused_at_first_step, "cus_1", PRIVATE),
        (own_rules, "cus_1", "private, max-age=60"),
        (own_rules, "cus_2", PRIVATE),
        (opened, "cus_1", None),
        (opened, None, None),
    ],
)
def test_what_depends_on_an_answer_is_kept_out_of_caches(served, app, customer, rule):
    """R47: a response whose making asked the view is private unless it says otherwise; others are left alone."""
    assert (
        call(served(app if app in (template, asking) else checked(app), customer)).headers.get("cache-control") == rule
    )


# --- what an application says of its refusals ------------------------------------------------------------------------


@requires_feature("exports", status=451)
def exports_with_a_status(environ, start_response):
    """Not to be reached by who may not."""


@requires_feature("exports", hide=True)
def exports_hidden(environ, start_response):
    """Not to be reached by who may not."""


@requires_feature("exports", hide=False)
def exports_shown(environ, start_response):
    """Not to be reached by who may not."""


@pytest.mark.parametrize(
    ("app", "said", "status"),
    [
        (exports, {"status": 403}, 403),
        (exports, {"status": 499}, 499),  # in no list of HTTP's, and still 400 to 499
        (exports_with_a_status, {"status": 403}, 451),
        (exports_with_a_status, {"hide": True}, 451),
        (exports, {"hide": True}, 404),
        (exports_hidden, {}, 404),
        (exports_hidden, {"status": 403}, 404),
        (exports_shown, {"hide": True}, 402),
        (exports, {"hide": False}, 402),
    ],
)
def test_a_no_has_the_status_that_the_gate_or_else_the_application_says(served, app, said, status):
    """`status=` and `hide=` are the application's, unless the gate that refuses says otherwise."""
    reply = call(served(checked(app), "cus_2", **said))
    assert (reply.status, reply.headers["cache-control"]) == (status, PRIVATE)
    assert (b"exports" in reply.body) is (status != 404)


@pytest.mark.parametrize("said", [{"status": 418}, {"hide": True}])
def test_only_a_no_is_shown_otherwise(served, shelf, said):
    """Nobody signed in stays 403, and cannot tell 503, whatever is said of a no."""
    assert call(served(checked(exports), None, **said)).status == 403
    shelf.failing = True
    assert call(served(checked(exports), "cus_3", **said)).status == 503


def test_what_is_hidden_says_nothing_of_why(served):
    """A hidden no names no feature, no reason and no page that sells, and sends nobody there."""
    reply = call(served(checked(exports), "cus_2", hide=True, upgrade_url="/pricing"), accept=HTML)
    assert reply.problem == {"type": "about:blank", "title": "Not Found", "status": 404}
    assert set(reply.headers) == {"content-type", "content-length", "cache-control"}


def own_words(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<p>please ", b"ask us</p>"]


@pytest.mark.parametrize("app", [exports, exports_hidden, generated, refused_at_first_step])
def test_an_application_answers_in_its_own_words(served, app):
    """A handler is given the refusal and the environ, and the application that it returns answers, privately."""
    seen = []

    def handler(error, environ):
        seen.append((type(error), error.decision.reason, environ["PATH_INFO"]))
        return own_words

    reply = call(served(checked(app), "cus_2", handler=handler), path="/report")
    assert seen == [(FeatureRequired, "not_entitled", "/report")]
    assert (reply.status, reply.headers, reply.body) == (
        200,
        {"content-type": "text/html", "cache-control": PRIVATE},
        b"<p>please ask us</p>",
    )


def test_a_handler_may_leave_some_to_us(served, shelf):
    """A handler that returns None for a refusal has the usual answer given."""

    def handler(error, environ):
        return own_words if isinstance(error, EntitlementsUnavailable) else None

    app = served(checked(exports), "cus_2", handler=handler)
    assert call(app).problem["reason"] == "not_entitled"
    shelf.failing = True
    assert call(served(checked(exports), "cus_3", handler=handler)).body == b"<p>please ask us</p>"


def test_a_handler_is_not_asked_when_nothing_is_refused(served):
    """Who may is not seen by the handler."""
    assert call(served(checked(exports), handler=lambda error, environ: 1 / 0)).status == 200


def test_a_handler_s_own_rules_for_caches_stand(served):
    """R47: an own answer that says something of caches is sent as it is."""

    def cached(environ, start_response):
        start_response("402 Payment Required", [("Content-Type", "text/plain"), ("cache-control", "max-age=5")])
        return [b"no"]

    assert call(served(checked(exports), "cus_2", handler=lambda *_: cached)).headers["cache-control"] == "max-age=5"


def test_a_handler_s_answer_is_read_to_its_end_and_closed(served):
    """PEP 3333: the body of an own answer is closed, also when making it fails."""
    closed = []

    class Body:
        def __init__(self, steps):
            self.steps = steps

        def __iter__(self):
            return (step() for step in self.steps)

        def close(self):
            closed.append(1)

    def answering(*steps):
        def own(environ, start_response):
            start_response("402 Payment Required", list(PLAIN))
            return Body(steps)

        return served(checked(exports), "cus_2", handler=lambda *_: own)

    assert call(answering(lambda: b"no")).body == b"no"
    with pytest.raises(ZeroDivisionError):
        call(answering(lambda: b"no", lambda: 1 / 0))
    assert closed == [1, 1]


def test_a_handler_comes_too_late_for_what_was_sent(served):
    """R19: once a byte is out no handler is asked: the server is told, and breaks the connection."""
    with pytest.raises(FeatureRequired):
        call(served(checked(streamed), "cus_2", handler=lambda error, environ: 1 / 0))


def test_a_handler_that_fails_admits_nobody(served):
    """An error in a handler goes to the server as any other does."""
    with pytest.raises(ZeroDivisionError):
        call(served(exports, "cus_2", handler=lambda error, environ: 1 / 0))


def test_what_is_said_of_refusals_is_checked_when_it_is_said(served):
    """A status that is no refusal's, two that contradict each other, a handler that can't be called or is async."""

    async def later(error, environ):
        return None

    for said in ({"status": 200}, {"status": 403, "hide": True}, {"hide": 1}, {"handler": "no"}, {"handler": later}):
        with pytest.raises(InvalidSettings):
            served(opened, **said)
