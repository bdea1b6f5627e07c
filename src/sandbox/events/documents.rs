//! What AWS's services put on the default bus, in the shape that their guides show: CloudTrail User Guide, "CloudTrail
//! record contents" and "AWS Management Console sign-in events"; GuardDuty User Guide, "Creating custom responses to
//! GuardDuty findings with Amazon CloudWatch Events"; AWS Config Developer Guide, "Monitoring AWS Config with Amazon
//! EventBridge".

use serde_json::{Value, json};

use super::raise::Raised;
use crate::model::{AccountId, Arn, Region};
use crate::sandbox::world::{World, iso};

/// An event without its envelope.
pub(super) struct Document {
    pub source: &'static str,
    pub detail_type: &'static str,
    pub detail: Value,
}

/// Where in an account something happens, and when.
struct Scene<'a> {
    world: &'a mut World,
    account: AccountId,
    region: &'a Region,
    /// To the second, as text.
    time: String,
}

const CALL: &str = "AWS API Call via CloudTrail";

/// The document of an event that happens now; `given` is what will be merged into its detail.
pub(super) fn document(
    world: &mut World,
    event: Raised,
    account: AccountId,
    region: &Region,
    moment: f64,
    given: &Value,
) -> Document {
    let mut scene = Scene { world, account, region, time: iso(moment.floor()) };
    match event {
        Raised::SecurityGroup => scene.ingress(json!({ "items": [{ "cidrIp": "10.0.0.0/16" }] }), json!({})),
        Raised::SecurityGroupOpenToWorld => {
            scene.ingress(json!({ "items": [{ "cidrIp": "0.0.0.0/0" }] }), json!({ "items": [{ "cidrIpv6": "::/0" }] }))
        }
        Raised::GuarddutyFinding => scene.finding(),
        Raised::ConfigCompliance => scene.compliance(given["configRuleName"].as_str().unwrap_or("simulated-rule")),
        Raised::ConsoleLogin => {
            let user = scene.user("alice");
            scene.login(user)
        }
        Raised::RootLogin => {
            let root = json!({
                "type": "Root", "principalId": account, "accountId": account, "arn": scene.iam("root"), "accessKeyId": "",
            });
            scene.login(root)
        }
        Raised::IamChange => {
            let parameters = json!({
                "roleName": "application",
                "policyArn": format!("arn:{}:iam::aws:policy/AdministratorAccess", scene.world.partition),
            });
            scene.call("aws.iam", "iam.amazonaws.com", "AttachRolePolicy", parameters, Value::Null)
        }
        Raised::TrailTampering => {
            let name = crate::sandbox::cloudtrail::arn(scene.world, account, region, "trail");
            scene.call(
                "aws.cloudtrail",
                "cloudtrail.amazonaws.com",
                "StopLogging",
                json!({ "name": name }),
                Value::Null,
            )
        }
    }
}

impl Scene<'_> {
    fn iam(&self, resource: &str) -> Arn {
        Arn::new(self.world.partition, "iam", None, Some(self.account), resource)
    }

    fn user(&mut self, name: &str) -> Value {
        json!({
            "type": "IAMUser", "principalId": self.world.ids.unique("AIDA", 17), "accountId": self.account,
            "arn": self.iam(&format!("user/{name}")), "userName": name,
        })
    }

    /// What is common to everything that CloudTrail records.
    fn record(&mut self, identity: Value, source: &str, name: &str) -> Value {
        json!({
            "eventVersion": "1.09", "userIdentity": identity, "eventTime": self.time, "eventSource": source,
            "eventName": name, "awsRegion": self.region, "sourceIPAddress": "198.51.100.7",
            "userAgent": "aws-cli/2.15.0", "eventID": self.world.ids.uuid(), "readOnly": false,
            "managementEvent": true, "recipientAccountId": self.account, "eventCategory": "Management",
        })
    }

    fn call(
        &mut self,
        source: &'static str,
        endpoint: &str,
        name: &str,
        parameters: Value,
        response: Value,
    ) -> Document {
        let user = self.user("alice");
        let mut detail = self.record(user, endpoint, name);
        detail["eventType"] = json!("AwsApiCall");
        detail["requestParameters"] = parameters;
        detail["responseElements"] = response;
        detail["requestID"] = json!(self.world.ids.uuid());
        Document { source, detail_type: CALL, detail }
    }

    fn ingress(&mut self, ranges: Value, ranges_v6: Value) -> Document {
        let parameters = json!({
            "groupId": "sg-0123456789abcdef0",
            "ipPermissions": { "items": [{
                "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {}, "ipRanges": ranges,
                "ipv6Ranges": ranges_v6, "prefixListIds": {},
            }] },
        });
        let response = json!({ "requestId": self.world.ids.uuid(), "_return": true });
        self.call("aws.ec2", "ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", parameters, response)
    }

    fn login(&mut self, identity: Value) -> Document {
        let mut detail = self.record(identity, "signin.amazonaws.com", "ConsoleLogin");
        detail["eventType"] = json!("AwsConsoleSignIn");
        detail["userAgent"] = json!("Mozilla/5.0");
        detail["requestParameters"] = Value::Null;
        detail["responseElements"] = json!({ "ConsoleLogin": "Success" });
        detail["additionalEventData"] = json!({
            "LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "No",
        });
        Document { source: "aws.signin", detail_type: "AWS Console Sign In via CloudTrail", detail }
    }

    fn finding(&mut self) -> Document {
        let detector = self.world.ids.uuid().replace('-', "");
        let id = self.world.ids.uuid().replace('-', "");
        let resource = format!("detector/{detector}/finding/{id}");
        let arn = Arn::new(self.world.partition, "guardduty", Some(self.region), Some(self.account), resource);
        let detail = json!({
            "schemaVersion": "2.0", "accountId": self.account, "region": self.region,
            "partition": self.world.partition, "id": id, "arn": arn,
            "type": "UnauthorizedAccess:EC2/SSHBruteForce",
            "resource": { "resourceType": "Instance", "instanceDetails": {
                "instanceId": "i-0123456789abcdef0", "instanceType": "t3.micro", "instanceState": "running",
                "availabilityZone": format!("{}a", self.region),
            } },
            "service": {
                "serviceName": "guardduty", "detectorId": detector, "archived": false, "count": 1,
                "action": { "actionType": "NETWORK_CONNECTION", "networkConnectionAction": {
                    "connectionDirection": "INBOUND", "protocol": "TCP", "blocked": false,
                    "localPortDetails": { "port": 22, "portName": "SSH" },
                    "remoteIpDetails": { "ipAddressV4": "198.51.100.7" },
                } },
                "resourceRole": "TARGET", "eventFirstSeen": self.time, "eventLastSeen": self.time,
            },
            "severity": 8, "createdAt": self.time, "updatedAt": self.time,
            "title": "198.51.100.7 is performing SSH brute force attacks against i-0123456789abcdef0.",
            "description": "198.51.100.7 is performing SSH brute force attacks against i-0123456789abcdef0.",
        });
        Document { source: "aws.guardduty", detail_type: "GuardDuty Finding", detail }
    }

    fn compliance(&mut self, name: &str) -> Document {
        let rule = Arn::new(
            self.world.partition,
            "config",
            Some(self.region),
            Some(self.account),
            format!("config-rule/config-rule-{}", self.world.ids.unique("", 6).to_lowercase()),
        );
        let result = |verdict: &str| {
            json!({
                "evaluationResultIdentifier": {
                    "evaluationResultQualifier": {
                        "configRuleName": name, "resourceType": "AWS::::Account",
                        "resourceId": self.account,
                    },
                    "orderingTimestamp": self.time,
                },
                "complianceType": verdict, "resultRecordedTime": self.time, "configRuleInvokedTime": self.time,
            })
        };
        let detail = json!({
            "resourceId": self.account, "resourceType": "AWS::::Account", "awsRegion": self.region,
            "awsAccountId": self.account, "configRuleName": name, "configRuleARN": rule, "recordVersion": "1.0",
            "messageType": "ComplianceChangeNotification", "newEvaluationResult": result("NON_COMPLIANT"),
            "oldEvaluationResult": result("COMPLIANT"), "notificationCreationTime": self.time,
        });
        Document { source: "aws.config", detail_type: "Config Rules Compliance Change", detail }
    }
}
