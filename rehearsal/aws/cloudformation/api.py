"""The CloudFormation service of the local AWS: our own engine behind CloudFormation's API."""

from __future__ import annotations

import logging

from rehearsal.aws.cloudformation import providers
from rehearsal.aws.cloudformation.api_change_sets import ChangeSetOperations
from rehearsal.aws.cloudformation.api_reading import ReadingOperations
from rehearsal.aws.cloudformation.api_templates import TemplateOperations
from rehearsal.aws.cloudformation.custom_resources import RESPONSE_PATH, Responses
from rehearsal.aws.cloudformation.engine import Engine
from rehearsal.aws.cloudformation.facts import StackFacts
from rehearsal.aws.cloudformation.invoked import INVOKED_PATH
from rehearsal.aws.cloudformation.rights import OperatorRights, RightsOfCallers
from rehearsal.aws.resource_facts import STACKS
from rehearsal.aws.server import LocalAws

LOG = logging.getLogger(__name__)


class CloudFormation(TemplateOperations, ReadingOperations, ChangeSetOperations):
    """All operations."""


def service(aws: LocalAws, responses: Responses) -> CloudFormation:
    """The service with every resource type that has a provider."""
    providers.load_all()
    engine = Engine(aws.clock, OperatorRights(aws.client), responses, aws.site)
    return CloudFormation(engine, RightsOfCallers(aws), aws.work)


def start(aws: LocalAws) -> None:
    """Take over CloudFormation in a running local AWS, and tell IAM of its stacks."""
    responses = Responses(lambda: aws.endpoint)
    cloudformation = service(aws, responses)
    aws.register(cloudformation)
    aws.facts.register(STACKS, StackFacts(cloudformation.engine.store, cloudformation.change_sets))
    aws.route(RESPONSE_PATH, responses.handle)
    aws.route(INVOKED_PATH, cloudformation.engine.invoked.answer)
    aws.on_stop(lambda: stop(cloudformation))


def stop(cloudformation: CloudFormation) -> None:
    """End every operation where it stands; nothing is rolled back."""
    engine = cloudformation.engine
    engine.stopping.set()
    with engine.store.changed:
        threads = [stack.thread for stack in engine.store.stacks.values() if stack.thread is not None]
        engine.store.changed.notify_all()
    for thread in threads:
        thread.join(timeout=10)
