"""Mutations of what the EBS CSI driver may do."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_ROLE = "services/Resources/EbsCsiPolicy/Properties/PolicyDocument/Statement"
_OF_KEY = "iam/Resources/EbsCsiPolicy/Properties/PolicyDocument/Statement"
_KEY = "iam/Resources/Key/Properties/KeyPolicy/Statement"
_OWN = "the_ebs_csi_driver_touches_encrypted_volumes_of_its_own_in_this_cluster_only"
_WORKERS = "the_ebs_csi_driver_attaches_to_workers_only"
_THROUGH_EC2 = "the_key_serves_the_ebs_csi_driver_through_ec2_only"
_EQUALS = "Condition/StringEquals"

MUTATIONS = [
    Mutation(
        "the_ebs_csi_driver_has_a_role_with_its_setting_only", "services/Resources/EbsCsiPolicy/Type", "Custom::X"
    ),
    *(
        Mutation(_OWN, f"{_ROLE}/{path}", value)
        for path, value in (
            (f"ChangeVolumes/{_EQUALS}/aws:ResourceTag~1ebs.csi.aws.com~1cluster", GONE),
            (f"ChangeVolumes/{_EQUALS}/aws:ResourceTag~1holdfast:cluster", GONE),
            ("ChangeVolumes/Resource/0", "*"),
            (f"CreateVolumes/{_EQUALS}/aws:RequestTag~1holdfast:cluster", {"Ref": "VpcId"}),
            ("CreateVolumes/Condition/Bool/ec2:Encrypted", "false"),
            (f"TagNewVolumes/{_EQUALS}/ec2:CreateAction", GONE),
            ("TagNewVolumes/Action/-", "ec2:DeleteTags"),
        )
    ),
    *(
        Mutation(_WORKERS, f"{_ROLE}/AttachToWorkers/{path}", value)
        for path, value in (
            (f"{_EQUALS}/aws:ResourceTag~1holdfast:role", "control-plane"),
            (f"{_EQUALS}/aws:ResourceTag~1holdfast:cluster", GONE),
            ("Action/-", "ec2:TerminateInstances"),
        )
    ),
    *(
        Mutation(_THROUGH_EC2, f"{policy}/{path}", value)
        for policy in (_OF_KEY, _KEY)
        for path, value in (
            (f"EncryptVolumes/{_EQUALS}/kms:ViaService", GONE),
            (f"EncryptVolumes/{_EQUALS}/kms:ViaService/-", {"Fn::Sub": "ssm.${AWS::Region}.amazonaws.com"}),
            ("LetInstancesDecrypt/Condition/Bool/kms:GrantIsForAWSResource", "false"),
            ("LetInstancesDecrypt/Action/-", "kms:Decrypt"),
        )
    ),
]
