//! What a person's broker connection may do. Everything else is refused by the broker.

use super::{Place, RoomId, Username, limits, subject};

/// Allow-lists of subjects for one connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// Subjects it may publish to.
    pub publish: Vec<String>,
    /// Subjects it may subscribe to.
    pub subscribe: Vec<String>,
}

/// What rights hang on: who somebody is, and where they are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who.
    pub uid: Username,
    /// What they are to the workspace.
    pub role: Role,
    /// The closed rooms that they are in.
    pub closed_rooms: Vec<RoomId>,
    /// The open rooms that they were brought into; counts for guests.
    pub open_rooms: Vec<RoomId>,
    /// Those who are in a room with them; counts for guests.
    pub people: Vec<Username>,
}

/// What somebody is to the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// May not come in.
    Suspended,
    /// Sees the rooms that they were brought into, and the people there.
    Guest,
    /// Sees every open room and everybody.
    Member,
    /// The same, and looks after the workspace.
    Administrator,
}

/// The rights of a person, worked out afresh at each connect (design section 3). No other code
/// decides what a connection may do.
///
/// Nothing here is captured by a stream (Must hold, 1), none is an API of JetStream (3), and the
/// inbox is the person's own (7).
///
/// A right that ends in `*` can be subscribed to with `>`, and nats-server then delivers what lies
/// deeper too (tried on 2.15.1): so nothing is ever published below the feeds that end here in `*`.
#[must_use]
pub fn rights_for(standing: &Standing) -> Rights {
    let uid = &standing.uid;
    if standing.role == Role::Suspended {
        return Rights::default();
    }
    let is_guest = standing.role == Role::Guest;
    let mut subscribe = vec![
        format!("{}.>", subject::inbox_prefix(uid)),
        subject::event_user(uid),
        subject::signal_user(uid),
        subject::ping(uid),
    ];
    if is_guest {
        let seen = standing.people.iter().take(limits::PEOPLE_OF_A_GUEST);
        subscribe.extend(seen.map(|person| format!("natter.prs.{person}")));
    } else {
        subscribe.extend(["natter.prs.*", "hello", "hello.>"].map(String::from));
    }
    let closed = standing.closed_rooms.iter().take(limits::CLOSED_ROOMS);
    let open = standing.open_rooms.iter().take(limits::CLOSED_ROOMS);
    for feed in ["evt", "sig"] {
        if is_guest {
            let rooms = open.clone().cloned().map(Place::Open);
            subscribe.extend(rooms.map(|room| format!("natter.{feed}.{room}")));
        } else {
            subscribe.push(format!("natter.{feed}.open.*"));
        }
        subscribe.push(format!("natter.{feed}.dm.{uid}.*"));
        subscribe.push(format!("natter.{feed}.dm.*.{uid}"));
        let rooms = closed.clone().cloned().map(Place::Closed);
        subscribe.extend(rooms.map(|room| format!("natter.{feed}.{room}")));
    }
    let mut publish = vec![
        format!("natter.svc.{uid}.>"),
        subject::echo(uid),
        format!("{}.>", subject::echo(uid)),
        subject::ping(uid),
    ];
    if !is_guest {
        publish.extend(["hello", "hello.>"].map(String::from));
    }
    Rights { publish, subscribe }
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

    const ROLES: [Role; 4] = [
        Role::Suspended,
        Role::Guest,
        Role::Member,
        Role::Administrator,
    ];

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    fn rooms(prefix: &str, count: usize) -> Vec<RoomId> {
        let room = |n| RoomId::parse(&format!("{prefix}{n}")).unwrap();
        (0..count).map(room).collect()
    }

    fn ada(role: Role, closed: usize, open: usize, people: usize) -> Standing {
        let person = |n| name(&format!("person-{n}"));
        Standing {
            uid: name("ada"),
            role,
            closed_rooms: rooms("C", closed),
            open_rooms: rooms("O", open),
            people: (0..people).map(person).collect(),
        }
    }

    /// Every standing there can be, as far as its shape goes.
    fn every() -> Vec<Standing> {
        let counts = [0, 1, 2, limits::CLOSED_ROOMS, limits::CLOSED_ROOMS + 1];
        let mut all = Vec::new();
        for role in ROLES {
            for closed in counts {
                for open in counts {
                    for people in [0, 1, limits::PEOPLE_OF_A_GUEST + 1] {
                        all.push(ada(role, closed, open, people));
                    }
                }
            }
        }
        all
    }

    #[test]
    fn exactly_this_for_a_member() {
        let rights = rights_for(&ada(Role::Member, 1, 1, 1));
        assert_eq!(
            rights.publish,
            [
                "natter.svc.ada.>",
                "ada.echo",
                "ada.echo.>",
                "ada.ping",
                "hello",
                "hello.>"
            ]
        );
        assert_eq!(
            rights.subscribe,
            [
                "_INBOX.ada.>",
                "natter.evt.user.ada",
                "natter.sig.user.ada",
                "ada.ping",
                "natter.prs.*",
                "hello",
                "hello.>",
                "natter.evt.open.*",
                "natter.evt.dm.ada.*",
                "natter.evt.dm.*.ada",
                "natter.evt.closed.C0",
                "natter.sig.open.*",
                "natter.sig.dm.ada.*",
                "natter.sig.dm.*.ada",
                "natter.sig.closed.C0",
            ]
        );
    }

    #[test]
    fn exactly_this_for_a_guest() {
        let rights = rights_for(&ada(Role::Guest, 1, 1, 1));
        assert_eq!(
            rights.publish,
            ["natter.svc.ada.>", "ada.echo", "ada.echo.>", "ada.ping"]
        );
        assert_eq!(
            rights.subscribe,
            [
                "_INBOX.ada.>",
                "natter.evt.user.ada",
                "natter.sig.user.ada",
                "ada.ping",
                "natter.prs.person-0",
                "natter.evt.open.O0",
                "natter.evt.dm.ada.*",
                "natter.evt.dm.*.ada",
                "natter.evt.closed.C0",
                "natter.sig.open.O0",
                "natter.sig.dm.ada.*",
                "natter.sig.dm.*.ada",
                "natter.sig.closed.C0",
            ]
        );
    }

    #[test]
    fn an_administrator_reads_no_more_than_a_member() {
        for closed in [0, 1, 7] {
            let of = |role| rights_for(&ada(role, closed, 2, 3));
            assert_eq!(of(Role::Administrator), of(Role::Member));
        }
    }

    #[test]
    fn who_is_suspended_has_none() {
        for standing in every() {
            if standing.role == Role::Suspended {
                assert_eq!(rights_for(&standing), Rights::default());
            }
        }
    }

    #[test]
    fn nothing_published_reaches_a_stream_an_api_or_another() {
        for standing in every() {
            for subject in rights_for(&standing).publish {
                let own = ["natter.svc.ada.", "ada.echo", "ada.ping", "hello"];
                assert!(own.iter().any(|own| subject.starts_with(own)), "{subject}");
                let tokens = || subject.split('.');
                assert!(!tokens().any(|token| token == "*"), "{subject}");
                assert!(
                    tokens().position(|t| t == ">").is_none_or(|at| at > 0),
                    "{subject}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_heard_but_what_is_named_here() {
        for standing in every() {
            for subject in rights_for(&standing).subscribe {
                let tokens: Vec<_> = subject.split('.').collect();
                let is_heard = match tokens.as_slice() {
                    ["_INBOX", "ada", ">"] | ["ada", "ping"] => true,
                    ["natter", "evt" | "sig", "user", "ada"] => true,
                    ["natter", "evt" | "sig", "dm", "ada", "*"]
                    | ["natter", "evt" | "sig", "dm", "*", "ada"] => true,
                    ["natter", "evt" | "sig", "closed", room] => standing
                        .closed_rooms
                        .iter()
                        .any(|own| own.as_str() == *room),
                    ["natter", "evt" | "sig", "open", "*"]
                    | ["natter", "prs", "*"]
                    | ["hello"]
                    | ["hello", ">"] => standing.role != Role::Guest,
                    ["natter", "evt" | "sig", "open", room] => {
                        standing.open_rooms.iter().any(|own| own.as_str() == *room)
                    }
                    ["natter", "prs", person] => {
                        standing.people.iter().any(|seen| seen.as_str() == *person)
                    }
                    _ => false,
                };
                assert!(is_heard, "{:?} hears {subject}", standing.role);
            }
        }
    }

    #[test]
    fn as_many_closed_rooms_as_one_may_be_in_and_no_more() {
        let count = |closed| {
            let rights = rights_for(&ada(Role::Member, closed, 0, 0));
            let feed = |s: &&String| s.starts_with("natter.evt.closed.");
            rights.subscribe.iter().filter(feed).count()
        };
        assert_eq!(count(limits::CLOSED_ROOMS), limits::CLOSED_ROOMS);
        assert_eq!(count(limits::CLOSED_ROOMS + 9), limits::CLOSED_ROOMS);
    }

    #[test]
    fn there_are_subscriptions_for_every_right_and_some_to_spare() {
        let most = every().iter().map(|s| rights_for(s).subscribe.len()).max();
        assert!(most.unwrap() + 32 <= limits::SUBSCRIPTIONS, "{most:?}");
        // With forty closed rooms, at the limit on connections.
        let usual = rights_for(&ada(Role::Member, 40, 0, 0)).subscribe.len();
        assert!(usual * limits::CONNECTIONS_IN_ALL <= limits::SUBSCRIPTIONS_IN_ALL);
    }

    #[test]
    fn a_service_asks_about_services_and_hears_the_answers() {
        let monitor = rights_of_service(&name("monitor"));
        assert_eq!(monitor.subscribe, ["_INBOX.SERVICE.monitor.>"]);
        assert!(monitor.publish.iter().all(|s| s.starts_with("$SRV.")));
        assert!(!monitor.publish.contains(&"$SRV.>".to_owned()));
    }
}
