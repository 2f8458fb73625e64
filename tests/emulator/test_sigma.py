"""Scheduled queries and files: what a query left, and how it is fetched."""

from __future__ import annotations

import csv
import io
import json

import pytest
import requests
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from entitlements.emulator import ApiError, Clock, StripeEmulator
from entitlements.emulator.wire.uploads import parse_upload

AT = 1_750_000_000  # 2025-06-15 15:06:40 UTC
DAY = 86_400
CSV = '\ufeffcustomer,plan\ncus_1,"pro, yearly"\ncus_2,\n'


@pytest.fixture
def emulator():
    with StripeEmulator(clock=Clock(AT), retries=(0.01,)) as emulator:
        yield emulator


@pytest.fixture
def fetch(session, emulator):
    """Fetch a file by its url, with the key as a bearer token or as the user of basic auth."""

    def get(url, key="sk_test_123", auth=None):
        headers = {} if auth or not key else {"Authorization": f"Bearer {key}"}
        return session.get(url, headers=headers, auth=auth)

    return get


def test_a_run_its_file_and_its_event_come_together(client, emulator, receiver, fetch):
    """A finished query is in the list, in an event that is delivered, and its file is fetched from the url it names."""
    emulator.webhook(receiver.url, ["sigma.scheduled_query_run.created"])
    run_id = emulator.scheduled_query_run(title="Untitled", sql="select * from plans", csv=CSV)
    run = client.sigma.scheduled_query_runs.retrieve(run_id).to_dict()
    file = run["file"]
    assert run == {
        "id": run_id,
        "object": "scheduled_query_run",
        "created": AT,
        "data_load_time": AT - AT % DAY,
        "error": None,
        "file": file,
        "livemode": False,
        "result_available_until": AT + 7 * DAY,
        "sql": "select * from plans",
        "status": "completed",
        "title": "Untitled",
    }
    assert file == {
        "id": file["id"],
        "object": "file",
        "created": AT,
        "expires_at": AT + 7 * DAY,
        "filename": "Untitled_20250615.csv",
        "links": {"object": "list", "data": [], "has_more": False, "url": f"/v1/file_links?file={file['id']}"},
        "purpose": "sigma_scheduled_query",
        "size": len(CSV.encode()),
        "title": "Untitled for 2025-06-15",
        "type": "csv",
        "url": f"{emulator.url}/v1/files/{file['id']}/contents",
    }
    assert [one.to_dict() for one in client.sigma.scheduled_query_runs.list().data] == [run]
    assert client.files.retrieve(file["id"]).to_dict() == file
    event = json.loads(receiver.wait_for(1)[0].body)
    assert (event["type"], event["data"]) == ("sigma.scheduled_query_run.created", {"object": run})
    assert event["request"] == {"id": None, "idempotency_key": None}
    answer = fetch(event["data"]["object"]["file"]["url"])
    assert (answer.status_code, answer.content) == (200, CSV.encode())
    assert answer.headers["Content-Type"].partition(";")[0] == "text/csv"
    assert list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[1] == ["cus_1", "pro, yearly"]


def test_contents_take_the_key_either_way_and_nothing_less(emulator, fetch):
    """Basic auth with the secret key works as a bearer token does; without a key, or with a live one, it is 401."""
    emulator.scheduled_query_run(title="Plans", sql="select 1", csv=b"a\n1\n")
    url = emulator.request("GET", "/v1/files")["data"][0]["url"]
    assert fetch(url, auth=("sk_test_123", "")).content == b"a\n1\n"
    for key in (None, "sk_live_1"):
        refused = fetch(url, key)
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, "invalid_request_error")
    missing = fetch(f"{emulator.url}/v1/files/file_x/contents")
    assert (missing.status_code, missing.headers["Content-Type"]) == (404, "application/json")
    assert missing.json()["error"]["message"] == "No such file: 'file_x'"


def test_a_result_can_be_fetched_until_it_expires(emulator, fetch):
    """After `result_available_until` the run still tells of its file, but its contents are gone."""
    run = emulator.scheduled_query_run(title="Plans", sql="select 1", csv="a\n", available_for=60)
    url = emulator.request("GET", f"/v1/sigma/scheduled_query_runs/{run}")["file"]["url"]
    emulator.advance(seconds=59)
    assert fetch(url).status_code == 200
    emulator.advance(seconds=1)
    assert fetch(url).status_code == 404
    assert emulator.request("GET", f"/v1/sigma/scheduled_query_runs/{run}")["file"]["url"] == url


@pytest.mark.parametrize("status", ["failed", "canceled", "timed_out"])
def test_a_run_that_did_not_complete_has_an_error_and_no_file(client, emulator, status):
    """A query that came to nothing says why."""
    emulator.scheduled_query_run(title="Plans", sql="select", status=status)
    run = client.sigma.scheduled_query_runs.list().data[0]
    assert (run.status, run.file, bool(run.error.message)) == (status, None, True)
    emulator.scheduled_query_run(title="Plans", sql="select", status=status, error="tables which do not exist: [x]")
    assert client.sigma.scheduled_query_runs.list().data[0].error.message == "tables which do not exist: [x]"
    assert client.files.list().data == []


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "done", "csv": "a"},
        {"csv": None},
        {"status": "failed", "csv": "a"},
        {"csv": "a", "error": "no"},
    ],
)
def test_a_run_that_contradicts_itself_is_refused(emulator, fields):
    """A completed run has a result, another has an error, and there are four statuses."""
    with pytest.raises(ValueError, match=r"status=|error="):
        emulator.scheduled_query_run(title="Plans", sql="select 1", **fields)
    assert emulator.request("GET", "/v1/events")["data"] == []


def test_an_upload_is_kept_byte_by_byte(client, emulator, fetch):
    """What is uploaded is what is fetched, whatever its bytes, and its creation is told."""
    body = bytes(range(256)) * 40 + b"\r\n--boundary\r\n\x00"
    paper = io.BytesIO(body)
    paper.name = "odd name.PDF"
    file = client.files.create({"file": paper, "purpose": "dispute_evidence"})
    assert (file.filename, file.type, file.size, file.expires_at) == ("odd name.PDF", "pdf", len(body), None)
    answer = fetch(file.url)
    assert (answer.content, answer.headers["Content-Type"]) == (body, "application/pdf")
    event = client.events.list({"type": "file.created"}).data[0]
    assert event.data.object.to_dict() == file.to_dict()
    emulator.scheduled_query_run(title="Plans", sql="select 1", csv="a\n")
    assert [one.id for one in client.files.list({"purpose": "dispute_evidence"}).data] == [file.id]
    assert len(client.files.list({"created": {"gte": AT}}).data) == 2


@pytest.mark.parametrize(
    ("options", "code", "param"),
    [
        ({"data": {"purpose": "dispute_evidence"}}, "parameter_missing", "file"),
        ({"data": {"purpose": "dispute_evidence", "file": "text"}}, None, "file"),
        ({"files": {"file": ("a.csv", b"a")}}, "parameter_missing", "purpose"),
        ({"files": {"file": ("a.csv", b"")}, "data": {"purpose": "dispute_evidence"}}, None, "file"),
        ({"files": {"file": ("a.csv", b"a")}, "data": {"purpose": "sigma_scheduled_query"}}, None, "purpose"),
        ({"files": {"file": ("a.csv", b"a"), "other": ("b", b"b")}}, "parameter_unknown", "other"),
        (
            {
                "files": {"file": ("a.csv", b"a")},
                "data": {"purpose": "dispute_evidence", "file_link_data[create]": "true"},
            },
            None,
            "file_link_data",
        ),
    ],
)
def test_a_bad_upload_is_refused(wire, emulator, options, code, param):
    """What an upload lacks or has too much of is named, and nothing is kept."""
    answer = wire("POST", "/v1/files", **options)
    error = answer.body["error"]
    assert (answer.status, error.get("code"), error.get("param")) == (400, code, param)
    assert emulator.request("GET", "/v1/files")["data"] == []


def test_an_upload_is_made_once_for_one_idempotency_key(wire, emulator):
    """The same file under the same key is replayed; another file is refused."""

    def upload(body):
        files, data = {"file": ("a.csv", body)}, {"purpose": "dispute_evidence"}
        return wire("POST", "/v1/files", files=files, data=data, headers={"Idempotency-Key": "k"})

    first = upload(b"one")
    assert upload(b"one").body == first.body
    assert upload(b"two").body["error"]["type"] == "idempotency_error"
    assert len(emulator.request("GET", "/v1/files")["data"]) == 1


@settings(max_examples=200)
@given(body=st.binary(max_size=300), boundary=st.text(max_size=8))
def test_no_multipart_body_crashes(body, boundary):
    """A form that can't be read is refused as bad, never with a crash."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    for form in (body, head + body, head + body + b"\r\n--x--\r\n"):
        for content_type in (f"multipart/form-data; boundary={boundary}", "multipart/form-data; boundary=x"):
            try:
                parse_upload(content_type, form)
            except ApiError as error:
                assert error.status == 400  # noqa: PT017 - either outcome is right


def test_a_file_stays_in_its_account(emulator, connect):
    """Another account's key finds neither the file nor its contents."""
    team = emulator.account("acct_team")
    emulator.scheduled_query_run(title="Plans", sql="select 1", csv="a\n")
    url = emulator.request("GET", "/v1/files")["data"][0]["url"]
    assert requests.get(url, auth=(team, ""), timeout=5).status_code == 404
    with pytest.raises(stripe.InvalidRequestError, match="No such file"):
        connect(emulator, team).files.retrieve(url.split("/")[-2])
