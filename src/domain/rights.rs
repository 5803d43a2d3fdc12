//! What a person's broker connection may do. Everything else is refused by the broker.

use super::{Username, subject};

/// Allow-lists of subjects for one connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// Subjects it may publish to.
    pub publish: Vec<String>,
    /// Subjects it may subscribe to.
    pub subscribe: Vec<String>,
}

/// The rights of a member, worked out afresh at each connect (design section 3).
///
/// Nothing here is captured by a stream (Must hold, 1), none is an API of JetStream (3), and the
/// inbox is the person's own (7).
///
/// A right that ends in `*` can be subscribed to with `>`, and nats-server then delivers what lies
/// deeper too (tried on 2.15.1): so nothing is ever published below the feeds that end here in `*`.
#[must_use]
pub fn rights_for(uid: &Username) -> Rights {
    let mut subscribe = vec![
        format!("_INBOX.{uid}.>"),
        format!("natter.evt.user.{uid}"),
        "natter.prs.*".into(),
        format!("{uid}.ping"),
        "hello".into(),
        "hello.>".into(),
    ];
    for feed in ["evt", "sig"] {
        subscribe.push(format!("natter.{feed}.open.*"));
        subscribe.push(format!("natter.{feed}.dm.{uid}.*"));
        subscribe.push(format!("natter.{feed}.dm.*.{uid}"));
    }
    Rights {
        publish: vec![
            format!("natter.svc.{uid}.>"),
            format!("{uid}.echo"),
            format!("{uid}.echo.>"),
            format!("{uid}.ping"),
            "hello".into(),
            "hello.>".into(),
        ],
        subscribe,
    }
}

/// The rights of a service's credentials: to ask natter how its services are (ADR-32), and to hear
/// the answers.
#[must_use]
pub fn rights_of_service(name: &Username) -> Rights {
    let requests = ["PING", "INFO", "STATS"].into_iter();
    Rights {
        publish: requests
            .flat_map(|verb| [format!("$SRV.{verb}"), format!("$SRV.{verb}.>")])
            .collect(),
        subscribe: vec![format!("{}.>", subject::service_inbox_prefix(name))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Rights {
        rights_for(&Username::parse("ada").unwrap())
    }

    #[test]
    fn nothing_published_reaches_a_stream_or_an_api() {
        for subject in ada().publish {
            for captured in ["natter.log.", "natter.evt.", "$JS.", "$KV.", "$O.", "$SYS."] {
                assert!(!subject.starts_with(captured), "{subject}");
            }
            assert_ne!(subject, ">");
            assert!(!subject.starts_with('*') && !subject.starts_with("natter.>"));
        }
    }

    #[test]
    fn a_service_asks_about_services_and_hears_the_answers() {
        let monitor = rights_of_service(&Username::parse("monitor").unwrap());
        assert_eq!(monitor.subscribe, ["_INBOX.SERVICE.monitor.>"]);
        assert!(monitor.publish.iter().all(|s| s.starts_with("$SRV.")));
        assert!(!monitor.publish.contains(&"$SRV.>".to_owned()));
    }

    #[test]
    fn only_the_own_inbox_is_heard() {
        let inboxes: Vec<_> = ada()
            .subscribe
            .into_iter()
            .filter(|s| s.starts_with("_INBOX"))
            .collect();
        assert_eq!(inboxes, ["_INBOX.ada.>"]);
    }

    #[test]
    fn the_directory_is_nobodys_feed() {
        for subject in ada().subscribe {
            assert!(!subject.starts_with("natter.evt.dir"), "{subject}");
            assert!(!subject.starts_with("natter.log"), "{subject}");
            assert!(!["natter.>", "natter.evt.>", "natter.evt.*", ">"].contains(&subject.as_str()));
        }
    }
}
