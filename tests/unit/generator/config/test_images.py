"""Which pools may share an image, and the lines that refuse others."""

from __future__ import annotations

import json

import pytest

from generator.config import ConfigError, parse


def text(*pools: dict[str, str]) -> str:
    return json.dumps({"pools": [{"name": f"pool-{index}", "maxSize": 3, **pool} for index, pool in enumerate(pools)]})


def lines(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        parse(text)
    return str(refusal.value).split("\n")


@pytest.mark.parametrize("arm", ["m7g.large", "c6gn.xlarge", "x2gd.large", "im4gn.large", "is4gen.large"])
def test_pools_of_two_architectures_share_no_image(arm: str) -> None:
    pools = ({"instanceType": "m7i.large"}, {"instanceType": arm})
    assert lines(text(*pools)) == [
        f'pools[1].image: given "shared", with {arm} (arm64); allowed: own (pools[0] shares its image, and '
        "m7i.large is x86_64)"
    ]


@pytest.mark.parametrize(
    "other", ["g6.xlarge", "g4dn.xlarge", "m7a.large", "i4i.large", "u-6tb1.metal", "m7i-flex.large"]
)
def test_types_of_the_same_architecture_share_one(other: str) -> None:
    assert len(parse(text({"instanceType": "m7i.large"}, {"instanceType": other})).pools) == 2


def test_all_pools_may_be_of_the_other_architecture() -> None:
    assert len(parse(text({"instanceType": "m7g.large"}, {"instanceType": "t4g.large"})).pools) == 2


def test_a_pool_of_the_other_architecture_has_an_image_of_its_own() -> None:
    pools = (
        {"instanceType": "m7i.large"},
        {"instanceType": "m7g.large", "image": "own"},
        {"instanceType": "r7i.large"},
    )
    assert [pool.image for pool in parse(text(*pools)).pools] == ["shared", "own", "shared"]


def test_no_pool_of_its_own_image_has_a_name_that_takes_the_shared_parameter() -> None:
    assert lines(text({"name": "wor-ker", "image": "own"})) == [
        'pools[0].name: given "wor-ker", with an image of its own; allowed: any other name (WorkerImage is the '
        "parameter of pools that share an image)"
    ]
    assert parse(text({"name": "worker"})).pools
