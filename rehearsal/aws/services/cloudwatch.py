"""What plain moto gets wrong about alarms and dashboards."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around


@correction("cloudwatch", "Dashboards take no tags")
def dashboards_take_tags() -> None:
    from moto.cloudwatch.models import CloudWatchBackend
    from moto.cloudwatch.responses import CloudWatchResponse

    def is_dashboard(backend: Any, arn: str) -> bool:
        return arn in {each.arn for each in backend.dashboards.values()}

    @around(CloudWatchResponse, "put_dashboard")
    def put_dashboard(plain: Any, self: Any) -> Any:
        """Tags of a dashboard that exists are left as they are (CloudWatch API reference, PutDashboard)."""
        name, backend = self._get_param("DashboardName"), self.cloudwatch_backend
        is_new = name not in backend.dashboards
        answer = plain(self)
        if is_new:
            backend.tagger.tag_resource(backend.dashboards[name].arn, self._get_param("Tags", []))
        return answer

    @around(CloudWatchBackend, "delete_dashboards")
    def delete_dashboards(plain: Any, self: Any, dashboards: list[str]) -> Any:
        arns = [self.dashboards[name].arn for name in dashboards if name in self.dashboards]
        error = plain(self, dashboards)
        if error is None:
            for arn in arns:
                self.tagger.delete_all_tags_for_resource(arn)
        return error

    @around(CloudWatchBackend, "tag_resource")
    def tag_resource(plain: Any, self: Any, arn: str, tags: dict[str, str]) -> None:
        if not is_dashboard(self, arn):
            plain(self, arn, tags)
            return
        self.tagger.tag_resource(arn, self.tagger.convert_dict_to_tags_input(tags))

    @around(CloudWatchBackend, "untag_resource")
    def untag_resource(plain: Any, self: Any, arn: str, tag_keys: list[str]) -> None:
        if not is_dashboard(self, arn):
            plain(self, arn, tag_keys)
            return
        self.tagger.untag_resource_using_names(arn, tag_keys)


@correction("cloudwatch", "An alarm notifies a topic of another partition or region")
def an_alarm_notifies_topics_of_its_own_region() -> None:
    from moto.cloudwatch.exceptions import ValidationError
    from moto.cloudwatch.models import CloudWatchBackend
    from moto.utilities.utils import get_partition

    @around(CloudWatchBackend, "put_metric_alarm")
    def put_metric_alarm(plain: Any, self: Any, **values: Any) -> Any:
        """As aws-samples/amazon-cloudwatch-auto-alarms#61 and cds-snc/notification-terraform#128 quote CloudWatch."""
        for arn in [*(values.get("alarm_actions") or ()), *(values.get("ok_actions") or ())]:
            _, partition, service, region, *_ = arn.split(":", 5)
            own_partition = get_partition(self.region_name)
            for what, given, own in (("partition", partition, own_partition), ("region", region, self.region_name)):
                if service == "sns" and given != own:
                    raise ValidationError(f"Invalid {what} {given} specified. Only {own} is supported.")
        return plain(self, **values)
