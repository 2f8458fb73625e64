"""A static source keeps the contract of every source, and says what is wrong with what was written down."""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace

import pytest
from controlled import Ask

from entitlements import Entitlements, InvalidInput, InvalidSettings, Offer, StripeError, UnknownFeature
from entitlements.clocks import Deadline
from entitlements.testing import SourceContract, StaticSource

SHOP = """
[customers]
cus_1 = ["exports", "sso"]
cus_2 = { products = ["pro"], features = ["beta"] }
cus_3 = []

[products.pro]
name = "Pro"
features = ["exports", "sso"]
price = 2900

[products.pro_plus]
features = ["sso"]

[features]
exports = "Data exports"
later = "What comes next"
"""


class StaticWorld:
    """A static source, told by the contract what is so; memory doesn't hang."""

    def __init__(self) -> None:
        self.source = StaticSource()
        self.hold = self.source.hold

    def fail(self) -> None:
        self.source.failing = StripeError("told to fail", status=503)

    def hang(self) -> None:
        pass

    def heal(self) -> None:
        self.source.failing = None


class TestStatic(SourceContract):
    """The static source is a source like any other."""

    @pytest.fixture
    def world(self):
        """Keep the truth in the source itself."""
        return StaticWorld()


def held(source, *customers):
    return {customer: set(source.fetch(customer, Deadline.after(1)).features) for customer in customers}


@pytest.fixture(name="shop")
def _shop(tmp_path):
    path = tmp_path / "shop.toml"
    path.write_text(SHOP)
    return StaticSource.from_toml(path)


def test_a_file_says_who_holds_what_by_feature_and_by_product(shop):
    """All of what the documented shape can say."""
    assert held(shop, "cus_1", "cus_2", "cus_3") == {
        "cus_1": {"exports", "sso"},
        "cus_2": {"exports", "sso", "beta"},
        "cus_3": set(),
    }
    assert shop.fetch("cus_3", Deadline.after(1)).known
    assert not shop.fetch("cus_4", Deadline.after(1)).known


def test_a_file_with_products_is_a_catalogue_too(shop):
    """Refusals say what would unlock the feature; every key that is named anywhere is known."""
    contents = shop.catalog()
    pro, plus = Offer("prod_pro", "Pro"), Offer("prod_pro_plus", "Pro plus")
    assert contents.keys == {"exports", "sso", "beta", "later"}
    assert contents.offers == {"exports": (pro,), "sso": (pro, plus)}
    with Entitlements(source=shop, strict=True) as ents:
        assert ents.check("cus_3", "exports").unlock_with == (pro,)
        assert not ents.has_feature("cus_3", "later")
        with pytest.raises(UnknownFeature, match="did you mean 'exports'"):
            ents.has_feature("cus_3", "export")


def test_without_products_there_is_no_catalogue():
    """And then no key is unknown, however strict the instance."""
    source = StaticSource({"cus_1": ["exports"]})
    assert source.catalog is None
    with Entitlements(source=source, strict=True) as ents:
        assert ents.check("cus_1", "sso").unlock_with == ()


def test_a_dict_says_the_same_as_a_file(shop):
    """What can be written in one can be written in the other."""
    source = StaticSource(
        {"cus_1": ("exports", "sso"), "cus_2": {"products": ["pro"], "features": {"beta"}}, "cus_3": []},
        products={"pro": {"name": "Pro", "features": ["exports", "sso"]}, "pro_plus": {"features": ["sso"]}},
        features={"exports": "Data exports", "later": "What comes next"},
    )
    assert held(source, "cus_1", "cus_2", "cus_3") == held(shop, "cus_1", "cus_2", "cus_3")
    assert source.catalog() == shop.catalog()


def test_the_emulator_s_catalogue_is_read_as_it_is():
    """One file does for both, and both name the products alike."""
    from entitlements.emulator import StripeEmulator

    catalog = {"features": {"sso": "Sign-on"}, "products": {"team": {"features": ["sso"], "price": 900}}}
    with StripeEmulator(catalog=catalog) as stripe:
        product = stripe.request("GET", "/v1/products/prod_team")
    offers = StaticSource(**catalog).catalog().offers
    assert offers == {"sso": (Offer(product["id"], product["name"]),)}


def test_it_may_be_granted_revoked_and_set():
    """Each changes one customer, and a new one becomes known by it."""
    source = StaticSource({"cus_1": ["sso"]})
    source.grant("cus_1", "exports", "beta")
    source.revoke("cus_1", "beta", "never-held")
    source.grant("cus_2", "exports")
    source.revoke("cus_3", "exports")
    source.hold("cus_4", "exports", "sso")
    source.hold("cus_4", "beta")
    assert held(source, "cus_1", "cus_2", "cus_3", "cus_4") == {
        "cus_1": {"sso", "exports"},
        "cus_2": {"exports"},
        "cus_3": set(),
        "cus_4": {"beta"},
    }
    assert repr(source) == "StaticSource(customers=4)"


def test_a_change_is_noticed_once_the_fence_is_raised():
    """By `invalidate`, or by itself where the source was told whom to tell."""
    source = StaticSource({"cus_1": []})
    with Entitlements(source=source) as ents:
        seen = [ents.has_feature("cus_1", "exports")]
        source.grant("cus_1", "exports")
        seen.append(ents.has_feature("cus_1", "exports"))
        ents.invalidate("cus_1")
        seen.append(ents.has_feature("cus_1", "exports"))
        source.on_change(ents.invalidate)
        source.revoke("cus_1", "exports")
        seen.append(ents.has_feature("cus_1", "exports"))
    assert seen == [False, False, True, False]


def test_whoever_wants_to_know_hears_of_every_change():
    """With the customer's id, after the change was made."""
    source = StaticSource()
    heard: list[object] = []
    source.on_change(lambda customer: heard.append((customer, held(source, customer)[customer])))
    source.hold("cus_1", "sso")
    source.grant("cus_1", "exports")
    source.revoke("cus_1", "sso")
    assert heard == [("cus_1", {"sso"}), ("cus_1", {"sso", "exports"}), ("cus_1", {"exports"})]


def test_changes_from_many_threads_are_all_kept():
    """None is lost to another that was made at the same time."""
    source = StaticSource()
    together = threading.Barrier(4)

    def grant(number):
        together.wait(10)
        for turn in range(300):
            source.grant("cus_1", f"key-{number}-{turn}")

    asks = [Ask(lambda number=number: grant(number)) for number in range(4)]
    assert [ask.answer() for ask in asks] == [None] * 4
    assert len(held(source, "cus_1")["cus_1"]) == 1_200


def test_it_fails_as_it_is_told_to():
    """By the very error, for as long as it stands, the catalogue too; an outage within another ends at its end."""
    source = StaticSource({"cus_1": ["exports"]}, products={"pro": {"features": ["exports"]}})
    outer, inner = StripeError("slow down", status=429), TimeoutError("late")

    def said():
        errors = []
        for ask in (lambda: held(source, "cus_1"), lambda: source.catalog()):
            try:
                ask()
            except (StripeError, TimeoutError) as error:
                errors.append(error)
        return errors

    assert said() == []
    with source.outage(outer):
        assert said() == [outer, outer]
        with source.outage(inner):
            assert said() == [inner, inner]
        assert said() == [outer, outer]
        assert source.failing is outer
    assert (source.failing, said()) == (None, [])
    source.failing = inner
    assert said() == [inner, inner]


def test_an_outage_s_error_does_not_grow():
    """Raised ten times, it has the traceback of the last."""
    source = StaticSource()
    lengths = set()
    with source.outage():
        for _ in range(10):
            with pytest.raises(StripeError, match="told to fail, as in an outage") as caught:
                source.fetch("cus_1", Deadline.after(1))
            lengths.add(len(caught.traceback))
    assert len(lengths) == 1


def test_an_outage_leaves_those_in_who_were_seen_before():
    """What an instance remembers it goes on answering; whoever it doesn't remember it can't tell of."""
    source = StaticSource({"cus_1": ["exports"], "cus_2": ["exports"]})
    with Entitlements(source=source) as ents:
        assert ents.has_feature("cus_1", "exports")
        with source.outage():
            assert ents.has_feature("cus_1", "exports")
            assert ents.check("cus_2", "exports").reason == "unavailable"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda source: source.grant("cus_1"), "grant names no feature: name some, or say hold(customer)"),
        (lambda source: source.revoke("cus_1"), "revoke names no feature"),
        (lambda source: source.grant("cus 1", "exports"), "customer id 'cus 1' holds whitespace"),
        (lambda source: source.hold("cus_1", "exports "), "feature key 'exports ' begins or ends with whitespace"),
        (lambda source: source.revoke("cus_1", 3), "feature key 3 is not a string"),
        (lambda source: source.grant(SimpleNamespace(), "exports"), "is not a string; pass Stripe's id"),
        (lambda source: source.on_change("cus_1"), "on_change('cus_1'): give a function, such as ents.invalidate"),
        (lambda source: setattr(source, "failing", "down"), "failing is 'down': assign an error"),
        (lambda source: source.outage("down").__enter__(), "failing is 'down': assign an error"),
        (lambda source: setattr(source, "failing", StripeError), "assign an error"),
    ],
)
def test_a_change_that_can_t_be_right_changes_nothing(change, message):
    """The message names the value, the rule and the next step."""
    source = StaticSource({"cus_1": ["sso"]})
    with pytest.raises(InvalidInput, match=re.escape(message)):
        change(source)
    assert (held(source, "cus_1"), source.failing) == ({"cus_1": {"sso"}}, None)


WRONG = {
    "customers = 3": "customers is 3: give a table",
    "customers.cus_1 = 'exports'": "customers.cus_1 is 'exports': give a list of lookup keys, or a table with products",
    "customers.cus_1 = [3]": "customers.cus_1: feature key 3 is not a string",
    "customers.'' = []": "customers: customer id '' is empty",
    "customers.cus_1 = {product = ['pro']}": "customers.cus_1 has 'product', which means nothing here: give features,",
    "customers.cus_1 = {products = ['pro']}": "customers.cus_1.products has 'pro', which is no product here: add [prod",
    "customers.cus_1 = {products = 'pro'}": "customers.cus_1.products is 'pro': give a list of names of products",
    "customers.cus_1 = {features = 'sso'}": "customers.cus_1.features is 'sso': give a list of lookup keys",
    "products.pro = ['sso']": "products.pro is ['sso']: give a table",
    "products.pro = {feature = ['sso']}": "products.pro has 'feature', which means nothing here: give currency,",
    "products.pro = {name = ' '}": "products.pro.name is ' ': give a text that isn't empty",
    "products.pro = {features = [' sso']}": "products.pro.features: feature key ' sso' begins or ends with whitespace",
    "features = ['sso']": "features is ['sso']: give a table",
    "features.' sso' = 'Sign-on'": "features: feature key ' sso' begins or ends with whitespace",
    "plans.pro = 1": "the file has 'plans', which means nothing here: give customers, features, products",
    "customers": "is no TOML:",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items(), ids=WRONG)
def test_a_file_that_can_t_be_right_says_where_and_why(tmp_path, text, message):
    """The message names the file, the entry, the value, the rule and the next step."""
    path = tmp_path / "plans.toml"
    path.write_text(text)
    with pytest.raises(InvalidSettings, match=re.escape(message)) as caught:
        StaticSource.from_toml(path)
    assert str(caught.value).startswith(str(path))


def test_a_file_that_is_not_there_is_named(tmp_path):
    """With what the system says of it."""
    with pytest.raises(InvalidSettings, match=r"none\.toml can't be read: No such file or directory; name a TOML file"):
        StaticSource.from_toml(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidSettings, match=r"bytes\.toml is no TOML"):
        StaticSource.from_toml(str(tmp_path / "bytes.toml"))


def test_a_dict_that_can_t_be_right_says_where():
    """As of a file, but for its name."""
    with pytest.raises(InvalidSettings, match=r"^customers\.cus_1 is None: give a list of lookup keys"):
        StaticSource({"cus_1": None})
    with pytest.raises(InvalidSettings, match=r"^customers is \['cus_1'\]: give a table, which in Python is a dict"):
        StaticSource(["cus_1"])
