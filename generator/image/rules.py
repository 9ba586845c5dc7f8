"""The image stack's Rules: what CloudFormation checks of parameters together, before it makes anything."""

from __future__ import annotations

from typing import Any

from troposphere import Template

_Function = dict[str, Any]
_SHARED_WITH = ("LaunchAccountIds", "LaunchOrganizationArns")


def add(template: Template) -> None:
    """A shared image has a key that can be shared, and so has a copy.

    Of one subnet no rule says in which VPC it is: Fn::EachMemberEquals wants a list of them.
    """
    shared = {"Fn::Or": [_given(name) for name in _SHARED_WITH]}
    # EBS's own key of an account serves nobody else.
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html
    text = "KmsKeyArn is needed where the image is shared: other accounts cannot use the account's own key of EBS"
    template.add_rule("SharedWithKey", {"RuleCondition": shared, **_rule(_given("KmsKeyArn"), text)})
    text = "CopyKmsKeyArns is needed where copies are shared: other accounts cannot use the account's own keys of EBS"
    copied = {"Fn::And": [shared, _given("CopyRegions")]}
    template.add_rule("CopiesSharedWithKeys", {"RuleCondition": copied, **_rule(_given("CopyKmsKeyArns"), text)})


def _rule(function: _Function, text: str) -> dict[str, Any]:
    return {"Assertions": [{"Assert": function, "AssertDescription": text}]}


def _given(name: str) -> _Function:
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}
