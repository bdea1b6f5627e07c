//! What a service answers when it is called too often, or breaks down: each in its own words.

use crate::sandbox::dispatch::Service;
use crate::sandbox::wire::{Protocol, Refusal};

/// The refusal of a call that is one too many.
pub(in crate::sandbox) fn throttled(service: &Service) -> Refusal {
    const RATE: &str = "Rate exceeded";
    let (status, code, message) = match (service.name, service.protocol) {
        // Amazon EC2 API Reference, "Error codes for the Amazon EC2 API": a server error.
        (_, Protocol::Ec2Query(_)) => (503, "RequestLimitExceeded", "Request limit exceeded."),
        // Amazon S3 API Reference, "Error responses".
        (_, Protocol::RestXml) => (503, "SlowDown", "Please reduce your request rate."),
        // AWS KMS Developer Guide, "Throttling AWS KMS requests".
        ("kms", _) => (
            400,
            "ThrottlingException",
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
        ),
        // AWS Lambda API Reference, TooManyRequestsException.
        ("lambda", _) => {
            return Refusal::new(429, "TooManyRequestsException", RATE)
                .detail("Type", "User")
                .detail("Reason", "CallerRateLimitExceeded");
        }
        // From memory: GuardDuty's model has no throttling error.
        (_, Protocol::RestJson) => (429, "TooManyRequestsException", "Too Many Requests"),
        // Amazon SQS API Reference, RequestThrottled; the status is from memory.
        (_, Protocol::Json10) => (400, "RequestThrottled", RATE),
        // "Common errors" of AWS CloudTrail, AWS Config and EventBridge.
        (_, Protocol::Json) => (400, "ThrottlingException", RATE),
        // AWS re:Post Knowledge Center, "sns-throttling-exception-errors".
        ("sns", _) => (400, "ThrottlingException", RATE),
        // From memory: what IAM and STS answer.
        (_, Protocol::Query(_)) => (400, "Throttling", RATE),
    };
    Refusal::new(status, code, message)
}

/// The refusal of a call that a service could not carry out through a fault of its own.
pub(in crate::sandbox) fn broken(service: &Service) -> Refusal {
    const UNKNOWN: &str = "The request processing has failed because of an unknown error, exception or failure.";
    let (code, message) = match (service.name, service.protocol) {
        (_, Protocol::Ec2Query(_)) => ("InternalError", "An internal error has occurred"),
        (_, Protocol::RestXml) => ("InternalError", "We encountered an internal error. Please try again."),
        ("kms", _) => ("KMSInternalException", UNKNOWN),
        ("events", _) => ("InternalException", UNKNOWN),
        ("iam", _) => ("ServiceFailure", UNKNOWN),
        ("sns", _) => ("InternalError", UNKNOWN),
        ("lambda", _) => {
            return Refusal::new(500, "ServiceException", UNKNOWN).detail("Type", "Service").detail("Message", UNKNOWN);
        }
        ("guardduty", _) => ("InternalServerErrorException", UNKNOWN),
        _ => ("InternalFailure", UNKNOWN),
    };
    Refusal::new(500, code, message)
}
