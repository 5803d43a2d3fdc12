//! The clock of natter is not that of nats-server, as on two machines.

use std::path::Path;

use serde_json::Value;

use crate::killed::{free_ports, serve_with};

/// Gives a process another time; nats-server, which asks the system itself, has the right one. Debian and
/// others have it in their package "faketime".
const LIBRARY: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

#[tokio::test]
async fn people_get_in_while_the_clocks_differ_by_less_than_a_minute_and_the_difference_is_told() {
    let Some(library) = LIBRARY.iter().find(|file| Path::new(file).exists()) else {
        eprintln!("skipped: there is no libfaketime");
        return;
    };
    for natter_ahead in [7, 50, -50] {
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports();
        // It is ready when a connection was let in through the callout.
        let _natter = serve_with(folder.path(), ports, |command| {
            command.env("LD_PRELOAD", library);
            command.env("FAKETIME", format!("{natter_ahead:+}"));
        })
        .await;
        let health = reqwest::get(format!("http://127.0.0.1:{}/health", ports[0])).await;
        let said: Value = serde_json::from_str(&health.unwrap().text().await.unwrap()).unwrap();
        let told = said["broker_clock_ahead_s"].as_i64().unwrap();
        assert!((told + natter_ahead).abs() <= 2, "{natter_ahead}: {said}");
    }
}
