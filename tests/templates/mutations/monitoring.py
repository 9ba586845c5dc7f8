"""Mutations of alarms and of the dashboard."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_ALARMS = "monitoring/Resources"
_SHOWN = "alarms_and_graphs_show_metrics_that_are_written"
_SAID = "every_alarm_says_what_to_do_and_tells_whoever_wants_to_know"
_DRAWN = "a_dashboard_has_every_alarm_and_every_metric_of_ours"
_BODY = f"{_ALARMS}/Dashboard/Properties/DashboardBody/Fn::Sub/0"


def _body(widgets: str) -> str:
    return f'{{"widgets":[{widgets}]}}'


MUTATIONS = [
    Mutation(_SHOWN, f"{_ALARMS}/SlotsNotWhole/Properties/MetricName", "SlotsHalf"),
    Mutation(_SHOWN, f"{_ALARMS}/SlotsNotWhole/Properties/Dimensions/0/Name", "Cluster"),
    Mutation(_SHOWN, f"{_ALARMS}/SlotsNotWhole/Properties/Dimensions/0/Value", "demo"),
    Mutation(_SHOWN, f"{_ALARMS}/FunctionFails/Properties/MetricName", "Error"),
    Mutation(_SHOWN, f"{_ALARMS}/ApiUnavailable/Properties/Dimensions/1", GONE),
    Mutation(_SHOWN, f"{_ALARMS}/AuditLogSilent/Properties/Dimensions/0/Value", {"Ref": "FunctionName"}),
    Mutation(_SHOWN, "root/Resources/Monitoring/Properties/Parameters/FunctionName", "reconcile"),
    Mutation(
        _SHOWN,
        _BODY,
        _body('{"type":"metric","properties":{"title":"t","metrics":[["Holdfast","Slots","ClusterUuid","${V1}"]]}}'),
    ),
    Mutation(_SAID, f"{_ALARMS}/NoAgentLeads/Properties/AlarmActions", GONE),
    Mutation(_SAID, f"{_ALARMS}/NoAgentLeads/Properties/OKActions", {"Ref": "AlarmTopicArns"}),
    Mutation(_SAID, f"{_ALARMS}/NoAgentLeads/Properties/AlarmDescription", "Look."),
    Mutation(_SAID, f"{_ALARMS}/NoAgentLeads/Properties/EvaluationPeriods", 500),
    Mutation(_SAID, "monitoring/Conditions/HasAlarmTopics", {"Fn::Equals": [1, 1]}),
    Mutation(_DRAWN, f"{_ALARMS}/Another", {"Type": "AWS::CloudWatch::Alarm", "Properties": {}}),
    Mutation(_DRAWN, _BODY, _body("")),
]
