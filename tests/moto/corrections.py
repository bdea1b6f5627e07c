"""What moto 5.2.5 remembers otherwise than AWS documents it, put right in the server.

These take what was said before into account, which a proxy that sees one call at a time cannot; what it can put right is
in `CORRECTIONS` of tests/moto.rs.
"""

import json
from urllib.parse import unquote

from moto.config.models import ConfigBackend, ConfigRule
from moto.config.responses import ConfigResponse
from moto.guardduty import urls as guardduty_urls
from moto.guardduty.models import Detector
from moto.guardduty.responses import GuardDutyResponse
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket


def keep_other_features():
    """`UpdateDetector` changes the features that it names (GuardDuty API Reference, `UpdateDetector`, `features`:
    "provides the features that will be updated"); moto forgets the others (guardduty/models.py, `Detector.update`)."""
    update = Detector.update

    def update_named(self, enable, finding_publishing_frequency, data_sources, features):
        kept = {feature["name"]: feature for feature in self.features}
        for feature in features or []:
            kept[feature["name"]] = {**kept.get(feature["name"], {}), **feature}
        update(self, enable, finding_publishing_frequency, data_sources, list(kept.values()))

    Detector.update = update_named


def tag_detectors():
    """moto shows a detector's tags, and lacks GuardDuty's `TagResource` (GuardDuty API Reference)."""

    def tag_resource(self):
        detector = self.guardduty_backend.get_detector(unquote(self.path).split("/")[-1])
        detector.tags = {**detector.tags, **self._get_param("tags")}
        return json.dumps({})

    GuardDutyResponse.tag_resource = tag_resource
    guardduty_urls.url_paths["{0}/tags/(?P<arn>.+)$"] = GuardDutyResponse.dispatch


def deliver_nothing_yet():
    """moto lacks `DescribeDeliveryChannelStatus` (AWS Config API Reference). Nothing was tried yet: the members that would
    tell of an attempt are left out."""

    def describe_delivery_channel_status(self):
        names = list(self.config_backend.delivery_channels)
        return json.dumps({"DeliveryChannelsStatus": [{"name": name} for name in names]})

    ConfigResponse.describe_delivery_channel_status = describe_delivery_channel_status


def untag_detectors():
    """moto lacks GuardDuty's `UntagResource` (GuardDuty API Reference); the path is that of `TagResource`."""

    def untag_resource(self):
        detector = self.guardduty_backend.get_detector(unquote(self.path).split("/")[-1])
        gone = self.querystring.get("tagKeys", [])
        detector.tags = {key: value for key, value in detector.tags.items() if key not in gone}
        return json.dumps({})

    GuardDutyResponse.untag_resource = untag_resource


def list_filters():
    """moto keeps a detector's filters, and lacks GuardDuty's `ListFilters` (GuardDuty API Reference)."""

    def list_filters(self):
        detector = self.guardduty_backend.get_detector(self.path.split("/")[-2])
        return json.dumps({"filterNames": list(detector.filters)})

    GuardDutyResponse.list_filters = list_filters


def aggregate_everything():
    """moto lacks `DescribeConfigurationAggregatorSourcesStatus` (AWS Config API Reference). Nothing fails here."""

    def describe_configuration_aggregator_sources_status(self):
        return json.dumps({"AggregatedSourceStatusList": []})

    ConfigResponse.describe_configuration_aggregator_sources_status = describe_configuration_aggregator_sources_status


def keep_tags_of_config():
    """Config takes tags at creation and ignores them afterwards (AWS Config API Reference, `PutConfigRule`,
    `PutAggregationAuthorization` and `PutConfigurationAggregator`: "tags will not be updated"); moto takes none for an
    order to remove them (config/models.py, `modify_fields` and the two operations)."""
    modify_fields = ConfigRule.modify_fields
    put_aggregator = ConfigBackend.put_configuration_aggregator
    put_authorization = ConfigBackend.put_aggregation_authorization

    def modify_but_tags(self, region, config_rule, tags):
        modify_fields(self, region, config_rule, vars(self).get("tags", tags))

    def listed(resource):
        return [{"Key": key, "Value": value} for key, value in resource.tags.items()]

    def put_aggregator_but_tags(self, config_aggregator):
        seen = self.config_aggregators.get(config_aggregator["ConfigurationAggregatorName"])
        return put_aggregator(self, {**config_aggregator, "Tags": listed(seen)} if seen else config_aggregator)

    def put_authorization_but_tags(self, authorized_account, authorized_region, tags):
        seen = self.aggregation_authorizations.get(f"{authorized_account}/{authorized_region}")
        return put_authorization(self, authorized_account, authorized_region, listed(seen) if seen else tags)

    ConfigRule.modify_fields = modify_but_tags
    ConfigBackend.put_configuration_aggregator = put_aggregator_but_tags
    ConfigBackend.put_aggregation_authorization = put_authorization_but_tags


def judge_no_conditions():
    """A statement whose condition does not hold does not apply (IAM User Guide, "Policy evaluation logic"); moto knows no
    conditions of bucket policies and takes a Deny with one for a Deny of everything, and an Allow with one for a Deny
    (iam/access_control.py, `is_action_permitted`). Here no condition holds: TLS is used, and nobody is a service."""
    get_permission = FakeBucket.get_permission

    def get_permission_of_the_unconditional(self, action, resource):
        if self.policy is None:
            return get_permission(self, action, resource)
        whole = self.policy
        document = json.loads(whole)
        document["Statement"] = [one for one in document["Statement"] if "Condition" not in one]
        if not document["Statement"]:
            return PermissionResult.NEUTRAL
        try:
            self.policy = json.dumps(document).encode()
            return get_permission(self, action, resource)
        finally:
            self.policy = whole

    FakeBucket.get_permission = get_permission_of_the_unconditional


def correct():
    judge_no_conditions()
    keep_other_features()
    tag_detectors()
    deliver_nothing_yet()
    untag_detectors()
    list_filters()
    aggregate_everything()
    keep_tags_of_config()
