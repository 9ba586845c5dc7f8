"""The operations on what images are made from and go to: components, recipes, configurations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from rehearsal.aws.imagebuilder.api_base import BuilderBase, arn, exists, find, invalid, made, moment, needed
from rehearsal.aws.imagebuilder.model import Body
from rehearsal.aws.protocol import RequestContext, ServiceError
from rehearsal.aws.regional import not_played

MAX_DATA_CHARACTERS = 16_000
"""Of a component's `data` (API reference, CreateComponent)."""
COMPONENT_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
RECIPE_VERSION = re.compile(r"(?:[0-9]+|x)\.(?:[0-9]+|x)\.(?:[0-9]+|x)")
MAX_PLACE = 2**30 - 1


class ConfigurationOperations(BuilderBase):
    """What is made is there at once."""

    # components
    def create_component(self, context: RequestContext, request: dict[str, Any]) -> Body:
        data = _document(request)
        version = request["semanticVersion"]
        if not COMPONENT_VERSION.fullmatch(version) or any(int(place) > MAX_PLACE for place in version.split(".")):
            raise ServiceError("InvalidVersionNumberException", f"The version '{version}' is invalid.")
        components, start = self.held(context).components, arn(context, "component", request["name"], version)
        builds = [each for each in components.values() if each["arn"].startswith(f"{start}/")]
        if builds and builds[-1]["data"] == data:
            raise ServiceError("ResourceInUseException", f"The component '{start}' exists with the same content.")
        made_arn = f"{start}/{len(builds) + 1}"
        components[made_arn] = {
            **_kept(request, "name", "description", "changeDescription", "platform", "tags"),
            "arn": made_arn,
            "version": version,
            "type": "TEST" if _phases(data) == ["test"] else "BUILD",
            "owner": context.account_id,
            "data": data,
            "encrypted": True,
            "dateCreated": moment(self.aws.clock),
        }
        return made(context, request, "componentBuildVersionArn", made_arn)

    def get_component(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return {"component": find(self.held(context).components, request["componentBuildVersionArn"])}

    def delete_component(self, context: RequestContext, request: dict[str, Any]) -> Body:
        held, wanted = self.held(context), request["componentBuildVersionArn"]
        find(held.components, wanted)
        for recipe in held.recipes.values():
            if any(each["componentArn"] == wanted for each in recipe.get("components") or []):
                raise needed(wanted, recipe["arn"])
        del held.components[wanted]
        return {"requestId": context.request_id, "componentBuildVersionArn": wanted}

    # recipes
    def create_image_recipe(self, context: RequestContext, request: dict[str, Any]) -> Body:
        held = self.held(context)
        for each in request.get("components") or []:
            find(held.components, each["componentArn"])
        version = self._version(context, request)
        made_arn = arn(context, "image-recipe", request["name"], version)
        if made_arn in held.recipes:
            raise exists(made_arn)
        held.recipes[made_arn] = {
            **_kept(request, "name", "description", "components", "parentImage", "blockDeviceMappings", "tags"),
            **_kept(request, "workingDirectory", "additionalInstanceConfiguration", "amiTags"),
            "arn": made_arn,
            "version": version,
            "type": "AMI",
            "platform": "Linux",
            "owner": context.account_id,
            "dateCreated": moment(self.aws.clock),
        }
        return made(context, request, "imageRecipeArn", made_arn)

    def get_image_recipe(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return {"imageRecipe": find(self.held(context).recipes, request["imageRecipeArn"])}

    def delete_image_recipe(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return self._delete(context, "recipes", "imageRecipeArn", request)

    # infrastructure
    def create_infrastructure_configuration(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return self._create(
            context, "infrastructures", "infrastructure-configuration", "infrastructureConfigurationArn", request
        )

    def update_infrastructure_configuration(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return self._update(context, "infrastructures", "infrastructureConfigurationArn", request)

    def get_infrastructure_configuration(self, context: RequestContext, request: dict[str, Any]) -> Body:
        found = find(self.held(context).infrastructures, request["infrastructureConfigurationArn"])
        return {"infrastructureConfiguration": found}

    def delete_infrastructure_configuration(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return self._delete(context, "infrastructures", "infrastructureConfigurationArn", request)

    # distribution
    def create_distribution_configuration(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return self._create(
            context, "distributions", "distribution-configuration", "distributionConfigurationArn", request
        )

    def update_distribution_configuration(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return self._update(context, "distributions", "distributionConfigurationArn", request)

    def get_distribution_configuration(self, context: RequestContext, request: dict[str, Any]) -> Body:
        found = find(self.held(context).distributions, request["distributionConfigurationArn"])
        return {"distributionConfiguration": found}

    def delete_distribution_configuration(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return self._delete(context, "distributions", "distributionConfigurationArn", request)

    def _version(self, context: RequestContext, request: Mapping[str, Any]) -> str:
        """That of the request, or for `1.0.x` the next one (user guide, "Semantic versioning in Image Builder")."""
        wanted: str = request["semanticVersion"]
        if not RECIPE_VERSION.fullmatch(wanted):
            raise ServiceError("InvalidVersionNumberException", f"The version '{wanted}' is invalid.")
        if "x" not in wanted:
            return wanted
        fixed = wanted.removesuffix("x")
        if "x" in fixed:
            raise not_played(f"The version '{wanted}'")
        start = arn(context, "image-recipe", request["name"], fixed)
        last = [int(each.removeprefix(start)) for each in self.held(context).recipes if each.startswith(start)]
        return f"{fixed}{max(last, default=-1) + 1}"


def _kept(request: Mapping[str, Any], *names: str) -> Body:
    return {name: request[name] for name in names if request.get(name) is not None}


def _document(request: Mapping[str, Any]) -> str:
    if request.get("uri") is not None:
        raise not_played("A component from S3")
    data: str = request.get("data") or ""
    if not data or len(data) > MAX_DATA_CHARACTERS:
        raise invalid(f"The component data has {len(data)} characters; 1 to {MAX_DATA_CHARACTERS} are allowed.")
    if not _phases(data):
        raise invalid("The component data is no document with phases.")
    return data


def _phases(data: str) -> list[str]:
    try:
        document = yaml.safe_load(data)
        return [str(phase["name"]) for phase in document["phases"] if phase["steps"]]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise invalid(f"The component data is invalid: {error}") from error
