"""Idempotency keys: a retried POST happens once."""

from __future__ import annotations

import threading

import pytest
import stripe


def post(wire, key, path="/v1/customers", **form):
    return wire("POST", path, data=form, headers={"Idempotency-Key": key})


def test_the_same_key_and_body_replay_the_first_answer(wire):
    """The second answer is the first, marked as replayed, and nothing was made twice."""
    first, second = post(wire, "k1", email="a"), post(wire, "k1", email="a")
    assert second.body == first.body
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]
    assert (first.headers["Idempotency-Key"], second.headers["Idempotency-Key"]) == ("k1", "k1")
    assert len(wire("GET", "/v1/customers").body["data"]) == 1
    assert len(wire("GET", "/v1/events?type=customer.created").body["data"]) == 1


def test_the_same_key_for_something_else_is_refused(wire):
    """Another body under a used key is an idempotency error, with Stripe's words."""
    post(wire, "k1", email="a")
    refused = post(wire, "k1", email="b")
    assert (refused.status, refused.body["error"]) == (
        400,
        {
            "type": "idempotency_error",
            "message": "Keys for idempotent requests can only be used with the same parameters they were first used "
            "with. Try using a key other than 'k1' if you meant to execute a different request.",
        },
    )


def test_a_key_belongs_to_its_path(wire):
    """The same key on another path is another request."""
    assert post(wire, "k1", email="a").status == 200
    assert post(wire, "k1", "/v1/products", name="a").status == 200


def test_a_refusal_is_not_remembered(wire):
    """A key whose first use was refused is free for the corrected request."""
    assert post(wire, "k1", nonsense="a").status == 400
    assert post(wire, "k1", email="a").status == 200


def test_reads_take_no_notice_of_keys(wire):
    """GET and DELETE ignore the header."""
    headers = {"Idempotency-Key": "k1"}
    assert wire("GET", "/v1/customers?limit=1", headers=headers).status == 200
    assert wire("GET", "/v1/customers?limit=2", headers=headers).status == 200


def test_a_key_longer_than_255_is_refused(wire):
    """The longest key has 255 characters."""
    assert post(wire, "k" * 255).status == 200
    assert post(wire, "k" * 256).status == 400


def test_a_key_is_forgotten_after_a_day(wire, emulator):
    """Past 24 hours the key is new again, once another request has swept it out."""
    first = post(wire, "k1", email="a")
    emulator.advance(seconds=86_401)
    post(wire, "k2", email="c")
    assert post(wire, "k1", email="a").body["id"] != first.body["id"]


def test_a_key_in_use_is_a_conflict(wire, emulator):
    """While the first request is on its way a second with its key is told so: 409."""
    hang = emulator.faults.hang("POST", "/v1/customers", times=1)
    answers = []
    first = threading.Thread(target=lambda: answers.append(post(wire, "k1", email="a")))
    first.start()
    while not hang.holding:
        first.join(0.001)
    conflict = post(wire, "k1", email="a")
    hang.release()
    first.join()
    assert (conflict.status, conflict.body["error"]["code"]) == (409, "idempotency_key_in_use")
    assert [answer.status for answer in answers] == [200]


def test_an_answer_lost_after_the_deed_is_given_to_the_retry(emulator, client):
    """The official client retries with the same key, and the customer is made once (R53)."""
    emulator.faults.reset("POST", "/v1/customers", times=1, when="after")
    customer = client.customers.create({"email": "a"}, {"max_network_retries": 2})
    assert [one.id for one in client.customers.list().data] == [customer.id]
    assert emulator.count("POST", "/v1/customers") == 2


def test_a_failure_after_the_deed_is_repeated_to_the_retry(emulator, client):
    """Stripe keeps a 500 under its key like any other result: the retry sees it again, and the deed is done once."""
    emulator.faults.status(500, "POST", "/v1/customers", times=1, when="after")
    with pytest.raises(stripe.APIError):
        client.customers.create({"email": "a"}, {"max_network_retries": 1})
    assert [one.email for one in client.customers.list().data] == ["a"]
    assert emulator.count("POST", "/v1/customers") == 2
