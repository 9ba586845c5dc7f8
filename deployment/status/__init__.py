"""`make status` and `make follow`: a cluster as its table, Auto Scaling and CloudFormation tell of it.

No API server and no instance is asked, so both work while none answers. What they may be allowed, and nothing else:

- `cloudformation:DescribeStacks`, `cloudformation:DescribeStackResource` and, for `make follow`,
  `cloudformation:DescribeStackEvents`, on the root stack and its nested ones (`…:stack/<name>/*`, `…:stack/<name>-*`)
- `dynamodb:Scan` on the cluster table
- `kms:Decrypt` on the cluster's key, by DynamoDB (`kms:ViaService`); the key's own policy asks for an entry in a
  list of people (`ViewerArns`) or in `KeyOperatorArns` as well
- `autoscaling:DescribeAutoScalingGroups` and `autoscaling:DescribeScalingActivities`, which know no resources (`*`)
"""
