"""The image stack: a pipeline of EC2 Image Builder that makes the AMIs of a cluster's nodes. It stands beside clusters.

The template is the same for every configuration, and it has no default for what the account has: VPC and subnet.
"""

from __future__ import annotations

from troposphere import Equals, If, Not, NoValue, Output, Partition, Ref, StackName, Sub, Template
from troposphere import imagebuilder as ib
from troposphere.logs import LogGroup

from coordination.names import IMAGE_METADATA, IMAGE_TAG, UNLOCKED, ImageOutput
from generator import rendering
from generator.image import components, distribution, instances, old_images, recipe, rules
from generator.image.distribution import part
from generator.image.parameters import MAX_COPIES, ImageParameters, declare

FILE = "image.json"
"""The template's file, beside those of a cluster."""

# Below this Image Builder's service-linked role writes logs, and nowhere else.
_LOGS = "/aws/imagebuilder"


def templates() -> dict[str, str]:
    """File name -> JSON text; the same bytes always."""
    return {FILE: rendering.text(build())}


def build() -> Template:
    """The template. Raises ValueError for a component that CloudFormation would not take."""
    made_of = components.read()
    template = Template(
        Description="Machine images for Kubernetes nodes on EC2: a pipeline of EC2 Image Builder",
        Metadata={IMAGE_METADATA: {UNLOCKED: made_of.unlocked}},
    )
    template.set_version("2010-09-09")
    given = declare(template, made_of.minors, recipe.ARCHITECTURES, made_of.parameters)
    rules.add(template)
    _add_conditions(template, given)

    chosen = components.add(template, made_of, given)
    logs = _log_group(template, given, "BuildLogGroup", f"{_LOGS}/${{AWS::StackName}}")
    pipeline_logs = _log_group(template, given, "PipelineLogGroup", f"{_LOGS}/pipeline/${{AWS::StackName}}")
    pipeline = template.add_resource(
        ib.ImagePipeline(
            "Pipeline",
            Name=StackName,
            Description="Builds, tests and distributes the image",
            ImageRecipeArn=Ref(recipe.add(template, given, chosen)),
            InfrastructureConfigurationArn=Ref(instances.add(template, given, chosen, logs)),
            DistributionConfigurationArn=Ref(distribution.add(template, given)),
            ImageTestsConfiguration=ib.ImageTestsConfiguration(ImageTestsEnabled=True),
            # A list of packages by Image Builder would take more rights on the instance.
            EnhancedImageMetadataEnabled=False,
            LoggingConfiguration=ib.PipelineLoggingConfiguration(
                ImageLogGroupName=Ref(logs), PipelineLogGroupName=Ref(pipeline_logs)
            ),
            Schedule=_schedule(given),
            Status="ENABLED",
            # Of the images that the schedule makes; whoever else starts a build names its tags.
            ImageTags={IMAGE_TAG: StackName},
        )
    )
    old_images.add(template, given)
    for output, description, value in (
        (ImageOutput.PIPELINE, "ARN of the pipeline that builds images", Ref(pipeline)),
        (
            ImageOutput.PARAMETER,
            "Name of the SSM parameter with the ID of the newest AMI",
            distribution.parameter_name(),
        ),
    ):
        template.add_output(Output(output.value, Description=description, Value=value))
    return template


def _add_conditions(template: Template, given: ImageParameters) -> None:
    for name, value in (
        ("HasBaseImage", given.base_image),
        ("HasInstanceType", given.instance_type),
        ("HasKey", given.key_arn),
        ("HasAccounts", given.account_ids),
        ("HasOrganizations", given.organization_arns),
        ("HasSchedule", given.schedule),
        ("HasLogBucket", given.log_bucket),
        ("HasPermissionsBoundary", given.permissions_boundary_arn),
    ):
        template.add_condition(name, Not(Equals(value, "")))
    for name, word, wanted in (
        ("IsArm", given.architecture, "arm64"),
        ("OnlyChanges", given.only_changes, "true"),
        ("DeletesOldImages", given.deletes, "true"),
    ):
        template.add_condition(name, Equals(word, wanted))
    template.add_condition("IsChina", Equals(Partition, "aws-cn"))
    registry = given.of_components[instances.REGISTRY]
    template.add_condition("HasRegistry", Not(Equals(registry, instances.INTERNET)))
    for number in range(MAX_COPIES):
        template.add_condition(f"HasCopy{number + 1}", Not(Equals(part(given.copy_regions, number), "")))
        template.add_condition(f"HasCopyKey{number + 1}", Not(Equals(part(given.copy_key_arns, number), "")))


def _schedule(given: ImageParameters) -> If:
    schedule = ib.Schedule(
        ScheduleExpression=given.schedule,
        PipelineExecutionStartCondition=If(
            "OnlyChanges", "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE", "EXPRESSION_MATCH_ONLY"
        ),
    )
    return If("HasSchedule", schedule, NoValue)


def _log_group(template: Template, given: ImageParameters, name: str, group_name: str) -> LogGroup:
    """Image Builder looks for it by its name; made here, its logs end some day."""
    return template.add_resource(LogGroup(name, LogGroupName=Sub(group_name), RetentionInDays=given.log_retention_days))
