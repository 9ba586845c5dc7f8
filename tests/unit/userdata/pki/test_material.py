"""Sets of keys as items and back: several certificates and keys stand beside each other, and what is wrong is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from userdata.pki import material
from userdata.pki.issuing import new_authority, new_encryption_key, new_key, new_pki, public_key
from userdata.pki.material import MAX_ITEM_BYTES, Authority, MaterialError, Pki, ServiceAccountKeys

NOW = datetime.now(UTC)
PKI = new_pki(NOW)


def rotating(pki: Pki) -> Pki:
    """A set in which everything is there twice, the new one first."""
    added = new_pki(NOW)

    def both(new: Authority, old: Authority) -> Authority:
        return Authority(new.certificates + old.certificates, new.keys + old.keys)

    return Pki(
        cluster=both(added.cluster, pki.cluster),
        etcd=both(added.etcd, pki.etcd),
        front_proxy=both(added.front_proxy, pki.front_proxy),
        service_accounts=ServiceAccountKeys(
            private=added.service_accounts.private + pki.service_accounts.private,
            public=added.service_accounts.public + pki.service_accounts.public,
        ),
        encryption=(new_encryption_key("key2"), *pki.encryption),
    )


def test_a_set_comes_back_as_it_was() -> None:
    assert material.pki(material.items(PKI)) == PKI


def test_a_set_in_which_everything_is_there_twice_comes_back_in_the_same_order() -> None:
    twice = rotating(PKI)
    assert material.pki(material.items(twice)) == twice


def test_four_generations_fit_into_the_items() -> None:
    sizes = {name: len(content) for name, content in material.items(rotating(rotating(rotating(PKI)))).items()}
    assert max(sizes.values()) <= MAX_ITEM_BYTES, sizes


def test_more_than_a_parameter_holds_is_refused_by_name() -> None:
    many = tuple(new_key() for _ in range(18))
    too_much = replace(PKI, service_accounts=replace(PKI.service_accounts, private=many))
    with pytest.raises(MaterialError, match=r"service-accounts has \d+ bytes, allowed: 4096"):
        material.items(too_much)


@pytest.mark.parametrize("item", material.ITEMS)
def test_a_missing_item_is_named(item: str) -> None:
    without = {name: content for name, content in material.items(PKI).items() if name != item}
    with pytest.raises(MaterialError, match=f"^{item} is missing$"):
        material.pki(without)


@pytest.mark.parametrize(
    ("item", "content", "problem"),
    [
        ("ca", PKI.cluster.bundle, "ca holds no PRIVATE KEY"),
        ("etcd-ca", PKI.etcd.keys[0], "etcd-ca holds no CERTIFICATE"),
        ("front-proxy-ca", "", "front-proxy-ca holds no CERTIFICATE"),
        ("service-accounts", PKI.service_accounts.private[0], "service-accounts holds no PUBLIC KEY"),
        ("encryption", "", "encryption holds no key"),
        ("encryption", "key1 tooshort\n", "line 1 is not a name and a key of 32 bytes"),
    ],
)
def test_an_item_with_less_than_it_needs_is_named(item: str, content: str, problem: str) -> None:
    with pytest.raises(MaterialError, match=problem) as raised:
        material.pki({**material.items(PKI), item: content})
    assert "tooshort" not in str(raised.value)


def test_half_a_block_is_no_block() -> None:
    certificate = PKI.cluster.certificates[0]
    with pytest.raises(MaterialError, match="ca holds no CERTIFICATE"):
        material.pki({**material.items(PKI), "ca": certificate[:-10] + PKI.cluster.keys[0]})


def test_no_representation_shows_a_secret() -> None:
    shown = repr(PKI)
    assert "PRIVATE" not in shown
    assert PKI.encryption[0].secret not in shown


def test_two_sets_have_nothing_in_common() -> None:
    other = new_pki(NOW)
    assert not set(material.items(PKI).values()) & set(material.items(other).values())


def test_the_public_key_of_tokens_belongs_to_the_private_one() -> None:
    assert PKI.service_accounts.public == (public_key(PKI.service_accounts.private[0]),)


def test_a_bundle_begins_with_the_certificate_that_signs() -> None:
    old, new = new_authority("kubernetes", NOW), new_authority("kubernetes", NOW)
    both = Authority(new.certificates + old.certificates, new.keys)
    assert both.bundle.startswith(new.certificates[0])
