"""The operations on pipelines, on the images that they make, and on how far an image has come."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from rehearsal.aws.imagebuilder.api_base import BuilderBase, arn, exists, find, invalid, made, missing, moment, page
from rehearsal.aws.imagebuilder.builds import Build, Failure
from rehearsal.aws.imagebuilder.model import TERMINAL, Body, ImageBuild, Workflow
from rehearsal.aws.imagebuilder.schedules import Schedules
from rehearsal.aws.protocol import RequestContext, ServiceError
from rehearsal.aws.regional import not_played
from rehearsal.aws.server import LocalAws

PARTS = {
    "imageRecipeArn": "recipes",
    "infrastructureConfigurationArn": "infrastructures",
    "distributionConfigurationArn": "distributions",
}
"""What a pipeline names, and where it is kept."""
NOT_PLAYED = ("containerRecipeArn", "workflows", "executionRole", "imageScanningConfiguration")


class ImageOperations(BuilderBase):
    """Builds that are asked for run, and those whose time has come."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__(aws)
        self.failures: list[Failure] = []
        """What fails in every build until it is taken back."""
        self._schedules = Schedules(aws, self._begin)

    # pipelines
    def create_image_pipeline(self, context: RequestContext, request: dict[str, Any]) -> Body:
        held = self.held(context)
        self._check_parts(context, request)
        self._schedules.check(request.get("schedule"))
        made_arn = arn(context, "image-pipeline", request["name"])
        if made_arn in held.pipelines:
            raise exists(made_arn)
        held.pipelines[made_arn] = {
            "enhancedImageMetadataEnabled": True,
            "status": "ENABLED",
            **{name: value for name, value in request.items() if name != "clientToken"},
            "arn": made_arn,
            "platform": "Linux",
            "dateCreated": moment(self.aws.clock),
        }
        self._schedules.arm(context.region, held, made_arn)
        return made(context, request, "imagePipelineArn", made_arn)

    def update_image_pipeline(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Everything but name, ARN and tags is replaced (API reference, UpdateImagePipeline)."""
        held = self.held(context)
        before = find(held.pipelines, request["imagePipelineArn"])
        self._check_parts(context, request)
        self._schedules.check(request.get("schedule"))
        changed = {name: value for name, value in request.items() if name not in ("clientToken", "imagePipelineArn")}
        kept = {name: before[name] for name in ("arn", "name", "platform", "dateCreated", "tags") if name in before}
        held.pipelines[before["arn"]] = {"status": "ENABLED", **changed, **kept, "dateUpdated": moment(self.aws.clock)}
        self._schedules.arm(context.region, held, before["arn"])
        return made(context, request, "imagePipelineArn", before["arn"])

    def get_image_pipeline(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return {"imagePipeline": find(self.held(context).pipelines, request["imagePipelineArn"])}

    def delete_image_pipeline(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """A build that runs goes on."""
        held, wanted = self.held(context), request["imagePipelineArn"]
        find(held.pipelines, wanted)
        del held.pipelines[wanted]
        self._schedules.disarm(wanted)
        return {"requestId": context.request_id, "imagePipelineArn": wanted}

    def list_image_pipeline_images(self, context: RequestContext, request: dict[str, Any]) -> Body:
        held, wanted = self.held(context), request["imagePipelineArn"]
        find(held.pipelines, wanted)
        images = [each.summary() for each in held.images.values() if each.pipeline["arn"] == wanted]
        shown, following = page(images, request)
        return {"requestId": context.request_id, "imageSummaryList": shown, **following}

    # images
    def start_image_pipeline_execution(self, context: RequestContext, request: dict[str, Any]) -> Body:
        held = self.held(context)
        before = held.started.get(request["clientToken"])
        if before is not None:
            return made(context, request, "imageBuildVersionArn", before)
        pipeline = find(held.pipelines, request["imagePipelineArn"])
        image = self._begin(context.region, pipeline, request.get("tags") or {}, "USER_INITIATED")
        held.started[request["clientToken"]] = image.arn
        return made(context, request, "imageBuildVersionArn", image.arn)

    def _begin(self, region: str, pipeline: Body, tags: Mapping[str, str], kind: str) -> ImageBuild:
        """A build of a pipeline. Hold the service's lock."""
        held = self.in_region(region)
        recipe = held.recipes[pipeline["imageRecipeArn"]]
        version = recipe["arn"].replace(":image-recipe/", ":image/")
        numbers = [int(each.rpartition("/")[2]) for each in held.numbered if each.startswith(f"{version}/")]
        image = ImageBuild(
            arn=f"{version}/{max(numbers, default=0) + 1}",
            pipeline=copy.deepcopy(pipeline),
            recipe=copy.deepcopy(recipe),
            infrastructure=copy.deepcopy(held.infrastructures[pipeline["infrastructureConfigurationArn"]]),
            distribution=copy.deepcopy(held.distributions.get(pipeline.get("distributionConfigurationArn") or "")),
            created=moment(self.aws.clock),
            tags=dict(tags),
            kind=kind,
        )
        held.images[image.arn] = image
        held.numbered.add(image.arn)
        Build(self.aws, region, image, held.components, lambda: self.failures).start()
        return image

    def get_image(self, context: RequestContext, request: dict[str, Any]) -> Body:
        image = find(self.held(context).images, request["imageBuildVersionArn"])
        return {"requestId": context.request_id, "image": image.described()}

    def cancel_image_creation(self, context: RequestContext, request: dict[str, Any]) -> Body:
        image = find(self.held(context).images, request["imageBuildVersionArn"])
        if image.state["status"] in TERMINAL:
            raise invalid(f"The image is {image.state['status']}, and its creation cannot be cancelled.")
        image.stopped.set()
        return made(context, request, "imageBuildVersionArn", image.arn)

    def delete_image(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Its AMIs stay."""
        held, wanted = self.held(context), request["imageBuildVersionArn"]
        if find(held.images, wanted).state["status"] not in TERMINAL:
            raise ServiceError("ResourceDependencyException", f"The image '{wanted}' is being built.")
        del held.images[wanted]
        return {"requestId": context.request_id, "imageBuildVersionArn": wanted}

    # workflows
    def list_workflow_executions(self, context: RequestContext, request: dict[str, Any]) -> Body:
        image = find(self.held(context).images, request["imageBuildVersionArn"])
        shown, following = page([each.described() for each in image.workflows], request)
        reason = {"message": image.state["reason"]} if image.state.get("reason") else {}
        return {"workflowExecutions": shown, "imageBuildVersionArn": image.arn, **reason, **following}

    def list_workflow_step_executions(self, context: RequestContext, request: dict[str, Any]) -> Body:
        image, workflow = self._workflow(context, request["workflowExecutionId"])
        shown, following = page([each.described() for each in workflow.steps], request)
        return {
            "steps": shown,
            "workflowBuildVersionArn": workflow.arn,
            "workflowExecutionId": workflow.identity,
            "imageBuildVersionArn": image.arn,
            **following,
        }

    # tags
    def tag_resource(self, context: RequestContext, request: dict[str, Any]) -> Body:
        self._tags(context, request).update(request["tags"])
        return {}

    def untag_resource(self, context: RequestContext, request: dict[str, Any]) -> Body:
        tags = self._tags(context, request)
        for key in request["tagKeys"]:
            tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return {"tags": self._tags(context, request)}

    def _tags(self, context: RequestContext, request: dict[str, Any]) -> dict[str, str]:
        tags = self.held(context).tags_of(request["resourceArn"])
        if tags is None:
            raise missing(request["resourceArn"])
        return tags

    def _workflow(self, context: RequestContext, identity: str) -> tuple[ImageBuild, Workflow]:
        for image in self.held(context).images.values():
            for workflow in image.workflows:
                if workflow.identity == identity:
                    return image, workflow
        raise missing(identity)

    def _check_parts(self, context: RequestContext, request: dict[str, Any]) -> None:
        for name in NOT_PLAYED:
            if request.get(name):
                raise not_played(name)
        for name, store in PARTS.items():
            if request.get(name):
                find(getattr(self.held(context), store), request[name])
