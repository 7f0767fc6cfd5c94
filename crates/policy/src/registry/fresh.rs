//! Which objects exist without being written down? In the form of documents, and the same as `settings/fresh.rs`.

/// A settings file. The order of the objects gives them their ids.
pub(super) const TEXT: &str = r#"{
    "@fresh": false,
    "MtaVirtualQueue": [
        {"name": "local", "threadsPerNode": 25},
        {"name": "remote", "threadsPerNode": 50},
        {"name": "dsn", "threadsPerNode": 5},
        {"name": "report", "threadsPerNode": 5}
    ],
    "MtaDeliverySchedule": [
        {"name": "local", "queueId": "local"},
        {"name": "remote", "queueId": "remote"},
        {
            "name": "dsn",
            "queueId": "dsn",
            "retry": {"@type": "Custom", "intervals": [
                {"duration": 900000}, {"duration": 1800000}, {"duration": 3600000}, {"duration": 7200000}
            ]},
            "expiry": {"@type": "Attempts", "maxAttempts": 10}
        },
        {
            "name": "report",
            "queueId": "report",
            "retry": {"@type": "Custom", "intervals": [
                {"duration": 1800000}, {"duration": 3600000}, {"duration": 7200000}
            ]},
            "notify": {"@type": "Custom", "intervals": []},
            "expiry": {"@type": "Attempts", "maxAttempts": 8}
        }
    ],
    "MtaTlsStrategy": [{"name": "default"}, {"name": "invalid-tls", "allowInvalidCerts": true}],
    "MtaRoute": [{"@type": "Mx", "name": "mx"}, {"@type": "Local", "name": "local"}],
    "MtaConnectionStrategy": [{"name": "default"}],
    "MtaInboundThrottle": [
        {
            "description": "connections of one address",
            "key": ["remoteIp"],
            "match": "!(remote_ip in ['127.0.0.1', '::1'])",
            "rate": {"count": 5, "period": 1000}
        },
        {
            "description": "mail of one domain to one recipient",
            "key": ["senderDomain", "rcpt"],
            "match": "authenticated_as == '' && !(remote_ip in ['127.0.0.1', '::1'])",
            "rate": {"count": 25, "period": 3600000}
        },
        {
            "description": "messages of one unknown client",
            "key": ["remoteIp"],
            "match": "authenticated_as == '' && !(remote_ip in ['127.0.0.1', '::1'])",
            "rate": {"count": 100, "period": 60000}
        }
    ]
}"#;
