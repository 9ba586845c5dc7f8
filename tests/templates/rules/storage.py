"""The cluster table and the bucket of backups: nothing public, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

from coordination.names import START_RESOURCE_TYPE, UPDATE_CHECK_RESOURCE_TYPE
from tests.templates.cluster import Cluster
from tests.templates.rules.rule import rule

# Custom resources that stand for nothing that could be left behind.
STANDING_FOR_NOTHING = (START_RESOURCE_TYPE, UPDATE_CHECK_RESOURCE_TYPE)
# Resources whose loss loses a cluster; they stay when the stack goes.
RETAINED = {
    "iam/Key": "AWS::KMS::Key",
    "database/Table": "AWS::DynamoDB::Table",
    "database/BackupBucket": "AWS::S3::Bucket",
}


@rule
def exactly_key_table_and_bucket_outlive_the_stack(cluster: Cluster) -> Iterator[str]:
    """RetainExceptOnCreate: a first deploy that rolls back leaves nothing behind."""
    retaining = set()
    for resource in cluster.resources():
        policies = (resource.body.get("DeletionPolicy"), resource.body.get("UpdateReplacePolicy"))
        if policies == (None, None) or resource.type in STANDING_FOR_NOTHING:
            continue
        retaining.add(str(resource))
        if policies != ("RetainExceptOnCreate", "Retain"):
            yield f"{resource}: DeletionPolicy and UpdateReplacePolicy are {policies}"
        if RETAINED.get(str(resource)) != resource.type:
            yield f"{resource}: is kept when the stack goes, and is not one of {sorted(RETAINED)}"
    for missing in sorted(RETAINED.keys() - retaining):
        yield f"{missing}: would be deleted with the stack"


@rule
def the_deletion_of_what_stands_for_nothing_asks_nobody(cluster: Cluster) -> Iterator[str]:
    """A function that is broken would be waited for."""
    for resource in (each for kind in STANDING_FOR_NOTHING for each in cluster.resources(kind)):
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.body.get(policy) != "Retain":
                yield f"{resource}: {policy} is {resource.body.get(policy)}"


@rule
def the_bucket_is_private_and_keeps_versions(cluster: Cluster) -> Iterator[str]:
    for bucket in cluster.resources("AWS::S3::Bucket"):
        blocked = bucket.properties.get("PublicAccessBlockConfiguration", {})
        for block in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
            if blocked.get(block) is not True:
                yield f"{bucket}: {block} is off"
        if bucket.properties.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{bucket}: ACLs are possible"
        if bucket.properties.get("VersioningConfiguration") != {"Status": "Enabled"}:
            yield f"{bucket}: keeps no versions"


@rule
def the_bucket_lets_every_tier_and_every_unfinished_upload_end(cluster: Cluster) -> Iterator[str]:
    for bucket in cluster.resources("AWS::S3::Bucket"):
        rules = bucket.properties.get("LifecycleConfiguration", {}).get("Rules", [])
        if any(entry["Status"] != "Enabled" for entry in rules):
            yield f"{bucket}: a lifecycle rule is off"
        days = {entry["Prefix"]: entry["ExpirationInDays"] for entry in rules if "ExpirationInDays" in entry}
        if days != {"recent/": 1, "hourly/": 7, "daily/": 90}:
            yield f"{bucket}: tiers are {days}"
        for entry in rules:
            if "ExpirationInDays" in entry and "NoncurrentDays" not in entry.get("NoncurrentVersionExpiration", {}):
                yield f"{bucket}: deleted versions below {entry['Prefix']} stay for ever"
        if not any("AbortIncompleteMultipartUpload" in entry and "Prefix" not in entry for entry in rules):
            yield f"{bucket}: unfinished uploads stay for ever"


@rule
def the_table_can_be_restored_streams_both_images_and_can_be_rolled_back(cluster: Cluster) -> Iterator[str]:
    for table in cluster.resources("AWS::DynamoDB::Table"):
        if table.logical_id == "AccessTable":
            # What is in it ends within minutes, and nobody looks back.
            continue
        if table.properties.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            yield f"{table}: has no point-in-time recovery"
        if table.properties.get("StreamSpecification") != {"StreamViewType": "NEW_AND_OLD_IMAGES"}:
            yield f"{table}: streams something else"
        if table.properties.get("DeletionProtectionEnabled"):
            # The function switches it on once the root stack is CREATE_COMPLETE.
            yield f"{table}: a first deploy that fails could not roll back"


@rule
def the_tables_key_is_id_alone_for_iam_compares_leading_keys_with_it(cluster: Cluster) -> Iterator[str]:
    """`dynamodb:LeadingKeys` holds the partition key only, and for a request to an index that of the index."""
    for table in cluster.resources("AWS::DynamoDB::Table"):
        if table.properties.get("KeySchema") != [{"AttributeName": "Id", "KeyType": "HASH"}]:
            yield f"{table}: has another key"
        if table.properties.get("AttributeDefinitions") != [{"AttributeName": "Id", "AttributeType": "S"}]:
            yield f"{table}: has attributes of another key"
        for indexes in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            if indexes in table.properties:
                yield f"{table}: has {indexes}"


@rule
def every_log_group_ends_its_logs_after_the_days_that_were_chosen(cluster: Cluster) -> Iterator[str]:
    for group in cluster.resources("AWS::Logs::LogGroup"):
        days = cluster.resolve(group.layer, group.properties.get("RetentionInDays"))
        of_people = group.logical_id in ("AuditLogGroup", "SessionLogGroup")
        wanted = "AuditLogRetentionDays" if of_people else "LogRetentionDays"
        if days.expression != {"Ref": wanted}:
            yield f"{group}: RetentionInDays is {days.expression}"
