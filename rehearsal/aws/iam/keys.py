"""The condition keys that are computed here. A policy that asks for any other cannot be judged, and that is said.

Keys that end in `/` or `:` stand for all that begin with them.
"""

from __future__ import annotations

GLOBAL = frozenset(
    """
    aws:CalledVia aws:CalledViaFirst aws:CalledViaLast aws:CurrentTime aws:EC2InstanceSourcePrivateIPv4
    aws:EC2InstanceSourceVPC aws:EpochTime aws:PrincipalAccount aws:PrincipalArn aws:PrincipalIsAWSService
    aws:PrincipalOrgID aws:PrincipalOrgPaths aws:PrincipalServiceName aws:PrincipalTag/ aws:PrincipalType
    aws:RequestedRegion aws:ResourceAccount aws:ResourceOrgID aws:ResourceOrgPaths aws:SecureTransport aws:SourceAccount
    aws:SourceArn aws:SourceIp aws:SourceOrgID aws:SourceVpc aws:SourceVpce aws:UserAgent aws:ViaAWSService
    aws:VpcSourceIp aws:userid aws:username ec2:SourceInstanceARN
    """.split()
)
"""Keys that a request to any service may carry. The account is in no organization, so keys about one have no value."""

OF_SERVICES = frozenset(
    """
    autoscaling:ResourceTag/ aws:RequestTag/ aws:ResourceTag/ aws:TagKeys cloudformation:ChangeSetName
    cloudformation:RoleArn cloudformation:TemplateUrl cloudwatch:namespace dynamodb:LeadingKeys ec2:CreateAction
    ec2:Encrypted ec2:ResourceTag/ iam:PassedToService iam:PermissionsBoundary iam:PolicyARN kms:CallerAccount
    kms:EncryptionContext: kms:EncryptionContextKeys kms:GrantIsForAWSResource kms:ViaService s3:ExistingObjectTag/
    s3:ResourceAccount s3:VersionId s3:delimiter s3:max-keys s3:prefix s3:x-amz-acl
    s3:x-amz-server-side-encryption s3:x-amz-server-side-encryption-aws-kms-key-id ssm:Overwrite ssm:Recursive
    ssm:SessionDocumentAccessCheck ssm:resourceTag/ ssm:resourceTag/aws:ssmmessages:session-id
    ssm:resourceTag/aws:ssmmessages:target-id sts:ExternalId sts:RoleSessionName
    """.split()
)
"""Keys that a request carries only where AWS's list says so, by action and by type of resource."""

KNOWN = GLOBAL | OF_SERVICES
