"""What a cluster costs, by its templates: the committed ones of the examples, and those of drawn configurations."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from deployment import templates
from deployment.cli import BAD_INPUT, DONE, main
from deployment.costs.bill import BILLED, FREE, Bill, Part, bill
from deployment.costs.counted import Tree
from deployment.costs.prices import HOURS, Price, PriceTable, read
from deployment.refusal import Refusal
from generator import image
from generator.config import ClusterConfig
from generator.root import templates as generated
from tests.bench import costs
from tests.strategies import valid_configs
from tests.templates.cluster import EXAMPLES, ROOT
from tests.unit.deployment import trees

PRICES = read(None)
DEFAULT = ROOT / "templates" / "root.json"
# What the stack of images makes costs nothing by itself: its builds and images do, which the page says.
OF_IMAGES = "AWS::ImageBuilder::"


class EveryPrice(dict[str, Price]):
    """A dollar an hour for whatever is asked."""

    def get(self, name: str, default: Any = None) -> Price:
        return Price(name, 1, "hour", "", "")


def of(name: str, **given: str) -> Bill:
    return bill(Tree(trees.example(name), given), PRICES)


def changed(name: str, stack: str, resource: str) -> tuple[Tree, dict[str, Any]]:
    """A tree of its own, and the properties of one of its resources, to change."""
    bodies = copy.deepcopy(trees.example(name))
    properties: dict[str, Any] = bodies[stack]["Resources"][resource]["Properties"]
    return Tree(bodies, {}), properties


def lines(found: Bill) -> dict[str, tuple[float, float]]:
    return {line.what: (line.least, line.most) for line in found.lines}


def test_the_bill_of_the_default_example_by_hand() -> None:
    found = of("default")
    assert lines(found) | {
        "interface endpoints, in each zone": (8 * 3, 8 * 3),
        "fee of the region for Dedicated Instances": (1, 1),
        "control-plane: m7i.large dedicated instances": (3, 3),
        "control-plane: GiB of gp3 volumes": (3 * 70, 3 * 70),
        "general: m7i.large dedicated instances": (2, 10),
        "general: GiB of gp3 volumes": (200, 1000),
        "general: metrics of detailed monitoring": (14, 70),
        "million DNS queries": (5, 13),
        "GB of logs taken in": (0.5 * 6 * 5, 0.5 * 6 * 13),
        "GB of logs kept": pytest.approx(
            (5 * (0.5 * (5 * 90 + 365) * 12 / 365), 13 * (0.5 * (5 * 90 + 365) * 12 / 365))
        ),
    } == lines(found)
    least, most = found.dollars(Part.WORKERS)
    assert least == pytest.approx(2 * (0.1068 * HOURS + 100 * 0.08 + 7 * 0.30))
    assert most == pytest.approx(5 * least)
    assert found.dollars(Part.FIXED)[0] == pytest.approx(
        2 * HOURS + 24 * 0.01 * HOURS + 0.0225 * HOURS + 1.5 + 8 * 0.1 + 3 + 5.693
    )
    assert found.dollars() == pytest.approx([sum(of_part) for of_part in zip(*map(found.dollars, Part), strict=True)])


def test_every_type_in_every_template_is_billed_or_named_as_free() -> None:
    found = {
        resource["Type"]
        for name in EXAMPLES
        for body in trees.example(name).values()
        for resource in body["Resources"].values()
    }
    assert found == BILLED.keys() | FREE.keys()
    assert not BILLED.keys() & FREE.keys()
    made = json.loads(image.templates()["image.json"])["Resources"].values()
    known = BILLED.keys() | FREE.keys()
    assert {each["Type"] for each in made if not each["Type"].startswith(OF_IMAGES)} <= known


def test_a_type_that_nobody_has_looked_at_is_named() -> None:
    tree, _ = changed("default", "Network", "Vpc")
    tree.bodies["Network"]["Resources"]["Nat"] = {"Type": "AWS::EC2::NatGateway"}
    with pytest.raises(Refusal, match=r"^AWS::EC2::NatGateway: nobody has said what it costs; allowed: .+$"):
        bill(tree, PRICES)


# A configuration that fails is told as it was drawn: each that is tried has to be generated.
@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(config=valid_configs())
def test_every_configuration_has_a_bill(config: ClusterConfig) -> None:
    texts = {name: json.loads(text) for name, text in generated(config).items()}
    bodies = {"": texts["root.json"]}
    for name, resource in bodies[""]["Resources"].items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            bodies[name] = texts[resource["Properties"]["TemplateURL"].removeprefix("./")]
    found = bill(Tree(bodies, {}), PriceTable("", "", EveryPrice(), PRICES.assumptions))
    least, most = found.dollars()
    assert 0 < least <= most


@given(
    sizes=st.tuples(*[st.integers(0, 200)] * 4),
    type_of_a_node=st.sampled_from(["m7i.large", "m7i.xlarge", "m7i.2xlarge", "m7i.4xlarge"]),
)
def test_more_nodes_never_cost_less(sizes: tuple[int, ...], type_of_a_node: str) -> None:
    few, more, many, most = sorted(sizes)
    sized = (
        of("default", GeneralMinSize=str(least), GeneralMaxSize=str(at_most), GeneralInstanceType=type_of_a_node)
        for least, at_most in ((few, many), (more, most))
    )
    (low, high), (low_of_more, high_of_more) = (found.dollars() for found in sized)
    assert low <= low_of_more <= high_of_more
    assert low <= high <= high_of_more
    assert (low == low_of_more) == (few == more)


def test_instances_on_hosts_are_not_billed_and_it_is_said() -> None:
    found = of("dedicated-hosts")
    assert found.notes == ("instances of control-plane, licensed: billed by the Dedicated Host, which is not counted",)
    assert [what for what in lines(found) if what.endswith("instances")] == ["general: m7i.large dedicated instances"]


def test_there_is_no_fee_where_nothing_is_dedicated() -> None:
    fee = "fee of the region for Dedicated Instances"
    assert fee not in lines(of("minimal"))
    tree, properties = changed("minimal", "Network", "Vpc")
    properties["InstanceTenancy"] = "dedicated"
    assert lines(bill(tree, PRICES))[fee] == (1, 1), "in a dedicated VPC every instance is one"


def test_what_a_volume_is_given_beyond_what_it_includes_is_billed() -> None:
    tree, properties = changed("default", "Controlplane", "Slot0Template")
    ebs = properties["LaunchTemplateData"]["BlockDeviceMappings"][1]["Ebs"]
    ebs |= {"Iops": 4000, "Throughput": 125}
    found = lines(bill(tree, PRICES))
    assert found["control-plane: IOPS of gp3 volumes"] == (1000, 1000)
    assert "control-plane: MiB/s of gp3 volumes" not in found
    assert found["control-plane: GiB of gp3 volumes"] == (210, 210), "slots that differ are counted together"
    ebs |= {"VolumeType": "io2", "Throughput": 0}
    assert lines(bill(tree, PRICES))["control-plane: IOPS of io2 volumes"] == (4000, 4000)


def test_an_advanced_parameter_is_billed() -> None:
    tree, properties = changed("default", "Services", "TagsSetting")
    assert "advanced SSM parameters" not in lines(bill(tree, PRICES))
    properties |= {"Tier": "Intelligent-Tiering", "Value": "x" * 4096}
    assert "advanced SSM parameters" not in lines(bill(tree, PRICES))
    properties["Value"] += "x"
    assert lines(bill(tree, PRICES))["advanced SSM parameters"] == (1, 1)


def test_what_is_taken_from_the_count_of_requests_is_what_it_gives() -> None:
    at_rest = sum(each.dollars for each in costs.costs())
    assert PRICES.price("function, tables and agents at rest").dollars == round(at_rest, 2)


def test_every_price_says_where_and_when_it_was_read() -> None:
    for price in PRICES.prices.values():
        assert price.source.startswith(("https://aws.amazon.com/", "docs/costs.md#"))
        assert price.date == costs.PRICES_OF
    assert PRICES.region == costs.REGION


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["costs", "--template", str(DEFAULT), *words]) == BAD_INPUT
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert told.out == ""
    return line


def test_a_type_without_a_price_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "--set", "GeneralInstanceType=x2gd.metal")
    assert line.startswith(
        'deployment/costs/prices.json: no price of "x2gd.metal dedicated"; allowed: a row of this name'
    )


@pytest.mark.parametrize(
    ("key", "name", "row"),
    [
        ("prices", "NLCU", {"dollars": -1, "per": "hour", "source": "", "date": ""}),
        ("prices", "NLCU", {"dollars": 1, "per": "day", "source": "", "date": ""}),
        ("prices", "NLCU", {"dollars": "1", "per": "hour", "source": "", "date": ""}),
        ("prices", "NLCU", {"dollars": float("nan"), "per": "hour", "source": "", "date": ""}),
        ("prices", "NLCU", {"dollars": 1}),
        ("prices", "NLCU", 3),
        ("assumed", "NLCUs of a balancer", {"value": True, "means": ""}),
    ],
)
def test_a_row_that_says_no_price_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, key: str, name: str, row: object
) -> None:
    content = json.loads((ROOT / "deployment/costs/prices.json").read_text())
    content[key][name] = row
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(content))
    assert refused(capsys, "--prices", str(file)).startswith(
        f"{file}: {key}: {name}: given {json.dumps(row)}; allowed: "
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", ":1: this is no JSON: "),
        ("[]", ": given no region; allowed: "),
        ('{"region": "x"}', ": prices: given no rows; allowed: "),
        ('{"region": "x", "prices": {}, "assumed": {}}', ': no price of "'),
        (None, ": no such file or directory"),
    ],
)
def test_a_file_of_another_form_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "mine.json"
    if content is not None:
        file.write_text(content)
    assert refused(capsys, "--prices", str(file)).startswith(f"{file}{said}")


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("GeneralMinSize=30", "GeneralMinSize: given 30; allowed: 0 to 9"),
        ("GeneralMinSize=few", "GeneralMinSize: given few; allowed: a whole number"),
        ("GenralMinSize=3", "no such parameter: GenralMinSize; the template has "),
    ],
)
def test_a_value_that_no_deploy_would_take_has_no_price(
    capsys: pytest.CaptureFixture[str], pair: str, said: str
) -> None:
    assert refused(capsys, "--set", pair).startswith(said)


def test_templates_that_are_not_there_say_what_makes_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    absent = tmp_path / "root.json"
    assert main(["costs", "--template", str(absent), "--typed", "CONFIG=a.yaml"]) == BAD_INPUT
    assert capsys.readouterr().err == f"{absent} is not there: make templates CONFIG=a.yaml makes it\n"


def test_the_command_prints_the_bill_with_a_price_table_of_ones_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    content = json.loads((ROOT / "deployment/costs/prices.json").read_text())
    content["region"] = "eu-central-1"
    for row in content["prices"].values():
        row["dollars"] *= 2
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(content))
    params = tmp_path / "params.json"
    params.write_text('{"GeneralMaxSize": 3}')
    words = ["costs", "--template", str(DEFAULT), "--prices", str(file), "--parameters", str(params)]

    assert main([*words, "--json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    least, most = of("default", GeneralMaxSize="3").dollars()
    assert (found["region"], found["prices"]) == ("eu-central-1", str(file))
    assert found["total"] == {"least": pytest.approx(2 * least, abs=0.01), "most": pytest.approx(2 * most, abs=0.01)}
    assert sum(part["most"] for part in found["parts"].values()) == pytest.approx(2 * most, abs=0.03)

    assert main(words) == DONE
    told = capsys.readouterr().out.splitlines()
    assert "eu-central-1" in told[0]
    (everything,) = [line.split() for line in told if line.endswith("  all")]
    assert everything == [f"{2 * least:,.2f}", f"{2 * most:,.2f}", "all"]


def test_the_command_calls_nobody_and_needs_neither_region_nor_credentials(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a session was made")

    monkeypatch.setattr(boto3.session, "Session", refuse)
    monkeypatch.setattr(boto3, "client", refuse)
    assert main(["costs", "--template", str(DEFAULT)]) == DONE
    assert capsys.readouterr().err == ""


def test_the_command_reads_the_folder_of_templates(capsys: pytest.CaptureFixture[str]) -> None:
    assert templates.tree(DEFAULT).keys() == trees.example("default").keys()
    assert main(["costs", "--template", str(DEFAULT)]) == DONE
    assert "not in it: " in capsys.readouterr().out
