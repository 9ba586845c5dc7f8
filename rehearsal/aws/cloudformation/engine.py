"""What all stack operations share: the stacks, the clock, clients, and the providers of resource types."""

from __future__ import annotations

import copy
import logging
import threading

from botocore.exceptions import ClientError

from rehearsal.aws.clock import Clock
from rehearsal.aws.cloudformation.account import Account
from rehearsal.aws.cloudformation.custom_resources import CustomResource, Responses, is_custom
from rehearsal.aws.cloudformation.evaluation import Evaluation, LiveView
from rehearsal.aws.cloudformation.invoked import Handler, Invocation, Invocations
from rehearsal.aws.cloudformation.model import Resource, Run, Stack, Target
from rehearsal.aws.cloudformation.provider import Context, Provider, ProviderError, provider_for
from rehearsal.aws.cloudformation.rights import Rights
from rehearsal.aws.cloudformation.signals import Signals
from rehearsal.aws.cloudformation.store import Store, stack_tags
from rehearsal.aws.protocol import ServiceError
from rehearsal.aws.site import Site

LOG = logging.getLogger(__name__)


class Engine:
    """The machine room. Everything is done with some `rights`: `acting` gives the same engine with others."""

    def __init__(
        self,
        clock: Clock,
        rights: Rights,
        responses: Responses,
        site: Site = Site(),  # noqa: B008 - it cannot change
    ) -> None:
        self.clock = clock
        self.site = site
        self.store = Store(clock)
        self.signals = Signals()
        self.responses = responses
        self.stopping = threading.Event()
        self.invoked = Invocations()
        self.rights = rights

    def acting(self, rights: Rights) -> Engine:
        """The same engine, which acts with other rights."""
        found = copy.copy(self)
        found.rights = rights
        return found

    def account(self, region: str) -> Account:
        """The account's APIs in a region."""
        return Account(self.rights.client, region)

    def provider(self, type_name: str) -> Provider:
        """The provider of a resource type. Raises ProviderError naming the type where there is none."""
        if is_custom(type_name):
            return CustomResource(type_name, self.responses)
        try:
            return provider_for(type_name)
        except KeyError as error:
            raise ProviderError(str(error.args[0])) from None

    def invoke(self, handler: Handler, type_name: str) -> None:
        """Note that a handler of a type is invoked now, by these rights."""
        self.invoked.note(Invocation(self.rights.identity, type_name, handler))

    def evaluation(self, stack: Stack, target: Target) -> Evaluation:
        """A target on a stack as it is now."""
        return Evaluation(stack, target, LiveView(lambda: stack.resources), self.account(stack.region))

    def context(
        self,
        stack: Stack,
        resource: Resource,
        run: Run,
        evaluation: Evaluation | None = None,
        *,
        rolls_back: bool = False,
    ) -> Context:
        """What a provider gets to know; without evaluation, as for deletes, there are no policies.

        What `rolls_back` has the policies of the template that the stack goes back to.
        """
        if rolls_back and stack.stable is not None:
            evaluation = self.evaluation(stack, stack.stable.target)
        name = resource.logical_id

        def initiated(physical_id: str) -> None:
            self.store.set_resource(
                stack, resource, resource.status, f"Resource {_gerund(resource.status)} Initiated", physical_id
            )

        return Context(
            region=stack.region,
            account_id=stack.account_id,
            partition=stack.partition,
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_id=name,
            tags=stack_tags(stack, name, resource.tags),
            clock=self.clock,
            site=self.site,
            client_for=lambda service: self.rights.client(service, stack.region),
            creation_policy=evaluation.policy(name, "CreationPolicy") if evaluation else None,
            update_policy=evaluation.policy(name, "UpdatePolicy") if evaluation else None,
            cancelled=lambda: run.cancelled or self.stopping.is_set(),
            report_initiated=initiated,
            rolls_back=rolls_back,
            tell=lambda text: self.store.set_resource(stack, resource, resource.status, text),
            signals=lambda: self.signals.open(stack.stack_id, name),
        )


def _gerund(status: str) -> str:
    return {"CREATE": "creation", "UPDATE": "creation", "DELETE": "deletion"}[status.split("_")[0]]


def reason_of(error: Exception) -> str:
    """An exception as a resource's failure reason; one that nobody expected is logged as well."""
    if isinstance(error, ClientError):
        answer = error.response["Error"]
        metadata = error.response.get("ResponseMetadata", {})
        return (
            f"{answer.get('Message') or answer.get('Code')} (Operation: {error.operation_name}; "
            f"Status Code: {metadata.get('HTTPStatusCode')}; Error Code: {answer.get('Code')}; "
            f"Request ID: {metadata.get('RequestId')})"
        )
    if isinstance(error, (ProviderError, ServiceError)):
        return str(error)
    LOG.error("a resource failed by a fault of the local AWS", exc_info=error)
    return f"Internal failure of the local AWS: {type(error).__name__}: {error}"
