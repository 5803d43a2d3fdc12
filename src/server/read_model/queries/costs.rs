//! What questions cost SQLite, counted in instructions of its virtual machine: rows that are looked at and
//! statements that are run both show in it, on any machine alike.

#![expect(clippy::print_stdout, reason = "the figures are what it is run for")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, params};

use super::*;
use crate::domain::Username;
use crate::server::Budget;
use crate::server::read_model::schema;
use crate::server::store::Markers;

/// A workspace in which ada is in `general`, in `own` rooms and in direct messages with `partners` people,
/// and others are in as many rooms as they like.
struct Workspace {
    connection: Connection,
    steps: Arc<AtomicU64>,
}

impl Workspace {
    fn new(people: usize, rooms: usize, own: usize, partners: usize) -> Self {
        let connection = schema::in_memory();
        let meta = "INSERT INTO meta (one, log_created, applied, epoch, epoch_place, complete)
                    VALUES (1, '', 0, 0, 0, 1)";
        connection.execute(meta, []).unwrap();
        let mut this = Self {
            connection,
            steps: Arc::default(),
        };
        this.person("ada");
        for number in 0..people {
            this.person(&format!("p{number:05}"));
        }
        let natter = Username::natter();
        this.room("general", "general", v1::RoomKind::Open, natter.as_str());
        for number in 0..rooms {
            let id = format!("r{number:05}");
            this.room(&id, &id, v1::RoomKind::Open, "p00000");
            for member in 0..people.min(20) {
                this.member(&format!("p{member:05}"), &id);
            }
            if number < own {
                this.member("ada", &id);
            }
        }
        for number in 0..partners {
            let (id, other) = (format!("d{number:05}"), format!("p{number:05}"));
            this.room(&id, "", v1::RoomKind::Direct, "ada");
            this.member("ada", &id);
            this.member(&other, &id);
        }
        let steps = Arc::clone(&this.steps);
        let count = move || {
            steps.fetch_add(1, Ordering::Relaxed);
            false
        };
        this.connection.progress_handler(1, Some(count)).unwrap();
        this
    }

    fn person(&self, uid: &str) {
        let member: i32 = v1::Role::Member.into();
        let insert = "INSERT INTO person VALUES (?1, ?1, ?2, 0, '', '', '', 1, 1, 1)";
        self.connection
            .execute(insert, params![uid, member])
            .unwrap();
    }

    fn room(&self, id: &str, name: &str, kind: v1::RoomKind, made_by: &str) {
        let insert =
            "INSERT INTO room (id, name, folded, kind, topic, archived, made_by, maker_removed)
                      VALUES (?1, ?2, nullif(?2, ''), ?3, '', 0, ?4, 0)";
        let values = params![id, name, i32::from(kind), made_by];
        self.connection.execute(insert, values).unwrap();
    }

    fn member(&self, uid: &str, room: &str) {
        let insert = "INSERT INTO member VALUES (?1, ?2, 0, 1, 1)";
        self.connection.execute(insert, [uid, room]).unwrap();
    }

    /// What a question of ada costs the second time: statements are prepared once.
    fn cost<T>(&mut self, ask: impl Fn(&Transaction<'_>, &Viewer) -> T) -> (T, u64) {
        let tables = self.connection.transaction().unwrap();
        let ada = Username::parse("ada").unwrap();
        let viewer = viewer(&tables, &ada).unwrap().unwrap();
        ask(&tables, &viewer);
        self.steps.store(0, Ordering::Relaxed);
        let answer = ask(&tables, &viewer);
        (answer, self.steps.load(Ordering::Relaxed))
    }
}

fn sidebar(tables: &Transaction<'_>, viewer: &Viewer) -> Vec<v1::RoomHead> {
    let budget = &mut Budget::unlimited();
    let heads = room_heads(tables, viewer, &Markers::default(), &[], "", budget);
    heads.unwrap().items
}

#[test]
fn a_sidebar_costs_what_is_in_it_however_large_the_workspace() {
    let (small, of_small) = Workspace::new(20, 10, 5, 3).cost(sidebar);
    let (large, of_large) = Workspace::new(2_000, 1_000, 5, 3).cost(sidebar);
    assert_eq!((small.len(), large.len()), (9, 9));
    println!("sidebar: {of_small} steps of 10 rooms, {of_large} of 1,000");
    assert!(of_large < of_small + of_small / 4, "{of_small}, {of_large}");
    assert_eq!(
        landing(&large).map(|room| room.name),
        Some("general".into())
    );
}

#[test]
fn partners_of_direct_messages_are_who_they_are() {
    let (heads, cost) = Workspace::new(200, 0, 0, 100).cost(sidebar);
    let direct = heads.iter().filter(|head| !head.with.is_empty());
    let with: BTreeSet<_> = direct.map(|head| head.with[0].uid.clone()).collect();
    assert_eq!(with.len(), 100);
    assert!(!with.contains("ada"));
    let each = cost / 100;
    println!("direct messages: {each} steps each");
}

#[test]
fn browsing_costs_by_rooms_and_not_by_who_is_in_them() {
    let browsed = |tables: &Transaction<'_>, viewer: &Viewer| {
        let part = browse(tables, viewer, "", &mut Budget::unlimited());
        part.unwrap().items
    };
    let (few, of_few) = Workspace::new(1, 100, 0, 0).cost(browsed);
    let (many, of_many) = Workspace::new(20, 100, 0, 0).cost(browsed);
    println!("browsing 100 rooms: {of_few} steps with 1 member each, {of_many} with 20");
    let members = |rooms: &[v1::RoomListing]| rooms.iter().map(|room| room.members).max();
    assert_eq!((members(&few), members(&many)), (Some(2), Some(21)));
    assert!(of_many < of_few + of_few / 10, "{of_few}, {of_many}");
}

#[test]
fn a_list_of_everybody_costs_one_look_at_each() {
    let listed = |tables: &Transaction<'_>, viewer: &Viewer| {
        everybody_visible(tables, viewer).unwrap().len()
    };
    let one_by_one = |tables: &Transaction<'_>, viewer: &Viewer| {
        let everybody = everybody(tables).unwrap().into_iter();
        visible_people(tables, viewer, everybody.map(|person| person.uid))
    };
    let mut workspace = Workspace::new(999, 0, 0, 0);
    let (count, cost) = workspace.cost(listed);
    let (_, before) = workspace.cost(one_by_one);
    println!("everybody: {cost} steps for {count}, {before} one by one");
    assert_eq!(count, 1_000);
    assert!(cost < before, "{cost}, {before}");
}
