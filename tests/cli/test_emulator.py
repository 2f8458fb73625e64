"""`entitlements emulator`: a local Stripe in the foreground."""

import re
import signal
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

COMMAND = [sys.executable, "-m", "entitlements", "emulator"]
CATALOG = """
[features]
exports = "Data exports"

[products.pro]
features = ["exports"]
price = 2900
"""


@contextmanager
def emulator(*arguments):
    """Run the command; give what it exports, once it does."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process, dict(exports(process))
        finally:
            process.kill()


def exports(process):
    """Read the lines for a shell, until both that are always there have come."""
    for line in process.stdout:
        if found := re.fullmatch(r"export (\w+)=(\S+)\n", line):
            yield found.groups()
            if found[1] == "STRIPE_WEBHOOK_SECRET" or (
                found[1] == "STRIPE_API_KEY" and "--webhook" not in process.args
            ):
                return


def refused(*arguments):
    """Run the command where it can't, and give its one line."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_what_it_exports_until_it_is_told_to_stop(how, tmp_path):
    """The exported address and key reach the catalogue, and Ctrl-C or SIGTERM ends it with status 0."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(CATALOG)
    with emulator("--catalog", str(catalog)) as (process, env):
        products = requests.get(f"{env['STRIPE_API_BASE']}/v1/products", auth=(env["STRIPE_API_KEY"], ""), timeout=10)
        assert [product["id"] for product in products.json()["data"]] == ["prod_pro"]
        process.send_signal(how)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("Stopped.\n")


def test_what_is_printed_can_be_given_to_a_shell(tmp_path):
    """Besides exports there are only comments, and no line is broken, however narrow the terminal."""
    catalog = tmp_path / ("a" * 100 + ".toml")
    catalog.write_text(CATALOG)
    with emulator("--catalog", str(catalog)) as (process, env):
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    assert env["STRIPE_API_KEY"] == "sk_test_emulator"
    assert all(line.startswith("#") for line in out.splitlines() if line and line != "Stopped.")


def test_a_webhook_is_given_the_secret_to_verify_it_with():
    """With `--webhook` the signing secret is exported too."""
    with emulator("--webhook", "http://127.0.0.1:9/hook") as (_, env):
        assert env["STRIPE_WEBHOOK_SECRET"].startswith("whsec_")


def test_a_database_keeps_what_was_made(tmp_path):
    """What was created in one run is there in the next."""
    db = str(tmp_path / "stripe.sqlite")
    with emulator("--db", db) as (process, env):
        answer = requests.post(f"{env['STRIPE_API_BASE']}/v1/customers", auth=(env["STRIPE_API_KEY"], ""), timeout=10)
        customer = answer.json()["id"]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    with emulator("--db", db) as (_, env):
        url = f"{env['STRIPE_API_BASE']}/v1/customers/{customer}"
        assert requests.get(url, auth=(env["STRIPE_API_KEY"], ""), timeout=10).json()["id"] == customer


def test_a_catalogue_that_breaks_a_rule_is_one_line(tmp_path):
    """A bad catalogue is refused with the entry and the rule."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text("[products.pro]\nfeatures = ['exports']\nprice = 2900\n")
    assert "products.pro.features: 'exports' is not among [features]" in refused("--catalog", str(catalog))


def test_a_catalogue_that_is_not_there_is_one_line(tmp_path):
    """A missing file is named."""
    assert f"can't read the catalogue {tmp_path}/none.toml" in refused("--catalog", str(tmp_path / "none.toml"))


def test_a_live_key_is_refused_and_not_repeated():
    """The emulator wants no live key, and prints none."""
    told = refused("--api-key", "sk_live_1234567890")
    assert "live key" in told
    assert "1234567890" not in told


def test_a_port_in_use_is_one_line():
    """Somebody else's port is named, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"can't listen on 127.0.0.1:{port}" in refused("--port", str(port))


def test_another_programs_database_is_left_alone(tmp_path):
    """A database that isn't the emulator's is refused and stays as it was."""
    db = tmp_path / "theirs.sqlite"
    connection = sqlite3.connect(db)
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    connection.close()
    before = db.read_bytes()
    assert "database of another program" in refused("--port", "0", "--db", str(db))
    assert db.read_bytes() == before


def test_a_webhook_that_stripe_would_refuse_is_one_line():
    """A bad URL is refused at the start, not at the first event."""
    assert "nonsense" in refused("--port", "0", "--webhook", "nonsense")


def test_a_key_of_another_kind_is_refused():
    """A publishable key opens nothing, and is said to be none at the start rather than at every request."""
    assert "give a test key" in refused("--api-key", "pk_test_1234567890")


def test_realistic_keeps_stripe_s_limits():
    """With --realistic a burst beyond Stripe's rate meets 429, with the reason; without it, none does."""
    for options, limited in ((("--realistic",), True), ((), False)):
        with emulator(*options) as (_, env), ThreadPoolExecutor(20) as crowd:
            answers = list(crowd.map(lambda _, env=env: answer(env), range(100)))
        refusals = [reply for reply in answers if reply is not None and reply.status_code == 429]
        assert bool(refusals) is limited
        assert all(reply.headers["Stripe-Rate-Limited-Reason"] for reply in refusals)


def answer(env):
    """Ask for the products; `None` if the connection failed, as a realistic one does now and then."""
    try:
        return requests.get(f"{env['STRIPE_API_BASE']}/v1/products", auth=(env["STRIPE_API_KEY"], ""), timeout=30)
    except requests.ConnectionError:
        return None
