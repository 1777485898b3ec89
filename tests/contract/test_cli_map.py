"""`relay map` on a real store with the stand-in ONTRAPORT: set, list, unset, report."""

import json

import pytest
from click.testing import CliRunner

from app.cli.calls import CommandCall
from app.cli.main import main
from tasks.item_polling import poll_items
from tests.contract.shops import ShopAt, item

pytestmark = pytest.mark.server

ACCOUNT = "ontraport:DEMO"


@pytest.fixture
def relay(services, environment, tmp_path, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments, code=0):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == code, done.output
        return done.output

    return run


def listed(relay, *options):
    return {row["item_id"]: row for row in json.loads(relay("map", "list", "--json", *options))}


def kinds(relay, code):
    return sorted(
        (one["kind"], tuple(one["items"])) for one in json.loads(relay("map", "report", "--json", code=code))
    )


def test_an_item_without_a_mapping_is_called_as_it_is(relay, services, sandbox):
    ShopAt(sandbox).fill(items=[item(1)])
    poll_items(services, services.settings.merchants["DEMO"])
    assert listed(relay)["ITEM-0001"] == {
        "item_id": "ITEM-0001", "product_name": "ITEM-0001", "origin": "default", "product_id": "",
    }  # fmt: skip
    assert kinds(relay, 0) == [("no-product", ("ITEM-0001",)), ("unmapped", ("ITEM-0001",))]


def test_set_finds_the_product_by_its_name(relay, services):
    made = services.ontraport[ACCOUNT].create_product({"name": "Chew bone", "price": "9.99"}, CommandCall())
    assert f"product {made}" in relay("map", "set", "BONE", "Chew bone")
    assert listed(relay)["BONE"]["product_id"] == made
    assert services.rules(ACCOUNT).products["BONE"] == "Chew bone"
    assert services.ledger.products(ACCOUNT, ["BONE"]) == {"BONE": made}


def test_set_goes_on_without_a_product(relay, services):
    assert "renamed, or made, at first use" in relay("map", "set", "BONE", "Unheard of")
    assert services.ledger.products(ACCOUNT, ["BONE"]) == {}


def test_set_goes_on_without_ontraport(relay, services, sandbox):
    sandbox.faults({"match": {"path": "/Products"}, "times": 1, "do": {"kind": "answer", "status": 500}})
    assert "asked in vain" in relay("map", "set", "BONE", "Chew bone")
    assert listed(relay)["BONE"]["product_name"] == "Chew bone"


def test_an_id_can_be_given(relay, services):
    relay("map", "set", "BONE", "Chew bone", "--id", "77")
    assert services.ledger.products(ACCOUNT, ["BONE"]) == {"BONE": "77"}
    relay("map", "set", "BONE", "Chew bone", "--id", "x7", code=2)


def test_a_change_makes_the_item_go_out_again(relay, services):
    services.client.hset(
        f"l:{ACCOUNT}:item:BONE", mapping={"w:item": "hash", "v:item": "5", "x:product": "41"}
    )
    relay("map", "set", "BONE", "Chew bone")
    assert services.ledger.read(f"l:{ACCOUNT}:item:BONE") == {"x:product": "41"}
    assert services.polling.asked_again("DEMO") == ["BONE"]


def test_unset_goes_back_to_the_file(relay, services):
    relay("map", "set", "BONE", "Chew bone", "--id", "77")
    assert "is 'BONE' again" in relay("map", "unset", "BONE")
    assert listed(relay) == {}
    relay("map", "unset", "BONE", code=1)


def test_what_is_set_goes_before_the_file(relay, services, tmp_path, monkeypatch):
    config = tmp_path / "relay.toml"
    config.write_text('[merchants.DEMO.products]\nBONE = "From the file"\nLEASH = "Leash"\n')
    monkeypatch.setenv("RELAY_CONFIG", str(config))
    relay("map", "set", "BONE", "By hand")
    found = listed(relay)
    assert {key: (row["product_name"], row["origin"]) for key, row in found.items()} == {
        "BONE": ("By hand", "set"),
        "LEASH": ("Leash", "file"),
    }


def test_two_items_of_one_product_are_wrong(relay, services):
    relay("map", "set", "BONE", "Bone", "--id", "77")
    relay("map", "set", "BONE-XL", "Large bone", "--id", "77")
    relay("map", "set", "OTHER", "large BONE", "--id", "78")
    found = kinds(relay, 1)
    assert ("one-product-id", ("BONE", "BONE-XL")) in found
    assert ("one-product-name", ("BONE-XL", "OTHER")) in found
    assert "wrong" in relay("map", "report", code=1)


def test_a_mapping_of_no_item_is_told(relay, services, sandbox):
    ShopAt(sandbox).fill(items=[item(1)])
    poll_items(services, services.settings.merchants["DEMO"])
    relay("map", "set", "GONE", "Gone", "--id", "5")
    assert ("no-item", ("GONE",)) in kinds(relay, 0)


def test_products_of_the_relay_itself_are_no_items(relay, services):
    services.client.hset(f"p:{ACCOUNT}", mapping={"ultracart-relay-shipping": "1", "BONE": "2"})
    assert list(listed(relay)) == ["BONE"]
