"""The operations of query logging."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rehearsal.aws.protocol import RequestContext, ServiceError
from rehearsal.aws.regional import not_played
from rehearsal.aws.resolver.api_base import ResolverBase, find, made_before, moment, page
from rehearsal.aws.resolver.model import LogAssociation, LogConfig, new_id

LOG_GROUP = re.compile(r"arn:[\w-]+:logs:(?P<region>[\w-]+):(?P<account>\d+):log-group:(?P<name>[^:*]+)(:\*)?")
CONFIG_FILTERS = {
    "Arn": "Arn",
    "AssociationCount": "AssociationCount",
    "CreationTime": "CreationTime",
    "CreatorRequestId": "CreatorRequestId",
    "Destination": "DestinationArn",
    "DestinationArn": "DestinationArn",
    "Id": "Id",
    "Name": "Name",
    "OwnerId": "OwnerId",
    "ShareStatus": "ShareStatus",
    "Status": "Status",
}
"""The filters of ListResolverQueryLogConfigs, and the field that each looks at (API reference)."""
ASSOCIATION_FILTERS = {
    name: name for name in ("CreationTime", "Error", "Id", "ResolverQueryLogConfigId", "ResourceId", "Status")
}


class QueryLogOperations(ResolverBase):
    """Query logging to log groups; other destinations are not played."""

    def create_resolver_query_log_config(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        configs, destination = self.held(context).configs, request["DestinationArn"]
        group = LOG_GROUP.fullmatch(destination)
        if not group:
            raise not_played(f"the destination {destination}")
        if (group["region"], group["account"]) != (context.region, context.account_id):
            # Route 53 developer guide, "Managing Resolver query logging configurations".
            raise _parameter(f"The destination {destination} is not in this Region and account.")
        if not self._exists(context, group["name"]):
            raise ServiceError("ResourceNotFoundException", f"The destination {destination} does not exist.")
        if made_before(configs, request):
            raise ServiceError("ResourceExistsException", f"CreatorRequestId '{request['CreatorRequestId']}' was used.")
        made = self.make(context, request, "rqlc", "resolver-query-log-config", LogConfig)
        made.owner, made.destination, made.group_name = context.account_id, destination, group["name"]
        configs[made.identity] = made
        return {"ResolverQueryLogConfig": self._shown_config(context, made)}

    def get_resolver_query_log_config(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return {"ResolverQueryLogConfig": self._shown_config(context, self._found_config(context, request))}

    def list_resolver_query_log_configs(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        everything = [self._shown_config(context, each) for each in self.held(context).configs.values()]
        return _listed("ResolverQueryLogConfigs", everything, request, CONFIG_FILTERS)

    def delete_resolver_query_log_config(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        held, found = self.held(context), self._found_config(context, request)
        shown = self._shown_config(context, found)
        if shown["AssociationCount"]:
            # API reference, DeleteResolverQueryLogConfig: first disassociate all VPCs.
            raise _request(f"The query logging configuration '{found.identity}' is associated with VPCs.")
        del held.configs[found.identity]
        held.tags.pop(found.arn, None)
        return {"ResolverQueryLogConfig": {**shown, "Status": "DELETING"}}

    def associate_resolver_query_log_config(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        held, found, vpc_id = self.held(context), self._found_config(context, request), request["ResourceId"]
        self.require_vpc(context, vpc_id, lambda missing: _parameter(f"The VPC '{missing}' does not exist."))
        others = held.logs(vpc_id)
        if found in others:
            raise ServiceError("ResourceExistsException", f"'{found.identity}' is associated with '{vpc_id}'.")
        if others:
            # Once for each type of destination (developer guide, "Configuring logging for DNS Firewall").
            raise _request(f"The queries of the VPC '{vpc_id}' are delivered to a log group by {others[0].identity}.")
        made = LogAssociation(new_id("rqlca"), found.identity, vpc_id, moment())
        held.log_associations[made.identity] = made
        return {"ResolverQueryLogConfigAssociation": self._shown_association(context, made)}

    def get_resolver_query_log_config_association(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        identity = request["ResolverQueryLogConfigAssociationId"]
        made = self.held(context).log_associations.get(identity)
        if made is None:
            raise ServiceError("ResourceNotFoundException", f"The association '{identity}' does not exist.")
        return {"ResolverQueryLogConfigAssociation": self._shown_association(context, made)}

    def list_resolver_query_log_config_associations(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        everything = [self._shown_association(context, each) for each in self.held(context).log_associations.values()]
        return _listed("ResolverQueryLogConfigAssociations", everything, request, ASSOCIATION_FILTERS)

    def disassociate_resolver_query_log_config(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        held, found, vpc_id = self.held(context), self._found_config(context, request), request["ResourceId"]
        for made in list(held.log_associations.values()):
            if (made.config_id, made.vpc_id) == (found.identity, vpc_id):
                shown = self._shown_association(context, made)
                del held.log_associations[made.identity]
                return {"ResolverQueryLogConfigAssociation": {**shown, "Status": "DELETING"}}
        raise ServiceError("ResourceNotFoundException", f"'{found.identity}' is not associated with '{vpc_id}'.")

    def _found_config(self, context: RequestContext, request: Mapping[str, Any]) -> LogConfig:
        return find(self.held(context).configs, request["ResolverQueryLogConfigId"])

    def _shown_config(self, context: RequestContext, config: LogConfig) -> dict[str, Any]:
        associations = self.held(context).log_associations.values()
        return {
            "Id": config.identity,
            "OwnerId": config.owner,
            "Status": "CREATED",
            "ShareStatus": "NOT_SHARED",
            "AssociationCount": sum(each.config_id == config.identity for each in associations),
            "Arn": config.arn,
            "Name": config.name,
            "DestinationArn": config.destination,
            "CreatorRequestId": config.creator,
            "CreationTime": config.created,
        }

    def _shown_association(self, context: RequestContext, made: LogAssociation) -> dict[str, Any]:
        # API reference, ResolverQueryLogConfigAssociation: what Error says of a destination that was deleted.
        delivers = self._exists(context, self.held(context).configs[made.config_id].group_name)
        return {
            "Id": made.identity,
            "ResolverQueryLogConfigId": made.config_id,
            "ResourceId": made.vpc_id,
            "Status": "ACTIVE" if delivers else "FAILED",
            "Error": "NONE" if delivers else "DESTINATION_NOT_FOUND",
            "CreationTime": made.created,
        }

    @staticmethod
    def _exists(context: RequestContext, group_name: str) -> bool:
        from moto.logs.models import logs_backends

        return group_name in logs_backends[context.account_id][context.region].groups


def _parameter(text: str) -> ServiceError:
    return ServiceError("InvalidParameterException", text)


def _request(text: str) -> ServiceError:
    return ServiceError("InvalidRequestException", text)


def _listed(
    member: str, everything: list[dict[str, Any]], request: Mapping[str, Any], filters: Mapping[str, str]
) -> dict[str, Any]:
    if request.get("SortBy"):
        raise not_played("SortBy")
    conditions = [_condition(each, filters) for each in request.get("Filters") or ()]
    chosen = [entry for entry in everything if all(holds(entry) for holds in conditions)]
    shown, following = page(chosen, request)
    return {member: shown, "TotalCount": len(everything), "TotalFilteredCount": len(chosen), **following}


def _condition(given: Mapping[str, Any], filters: Mapping[str, str]) -> Callable[[Mapping[str, Any]], bool]:
    if given.get("Name") not in filters:
        raise _parameter(f"The filter '{given.get('Name')}' is invalid")
    field, values = filters[given["Name"]], frozenset(_texts(given.get("Values") or ()))
    return lambda entry: str(entry[field]) in values


def _texts(values: Iterable[Any]) -> Iterable[str]:
    return (str(value) for value in values)
