//! What natter says of its long-lived tasks.

use reqwest::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use crate::support::{A_MOMENT, Natter, SOON};

#[tokio::test]
async fn a_task_that_ends_makes_natter_unwell() {
    let natter = Natter::start().await;
    let (status, said) = natter.health().await;
    assert_eq!(status, StatusCode::OK, "{said}");
    assert_eq!(said["ended_tasks"], json!([]));
    // Who adds one names it here.
    assert_eq!(
        natter.server.tasks().started(),
        [
            "answering commands",
            "asking where the log ends",
            "closing connections of ended sessions",
            "counting connections",
            "ending connections that lost rights",
            "following the log",
            "forgetting old limits",
            "letting people connect",
            "looking for lost entries of the log",
            "looking for the busiest connections",
            "testing that people can connect",
        ]
    );
    natter.server.tasks().spawn("a task that ends", async {});
    let is_told = async {
        loop {
            let (status, said) = natter.health().await;
            if status == StatusCode::SERVICE_UNAVAILABLE {
                return said;
            }
            tokio::time::sleep(A_MOMENT / 10).await;
        }
    };
    let said = timeout(2 * SOON, is_told).await.expect("it is told");
    assert_eq!(said["status"], "failing", "{said}");
    assert_eq!(said["ended_tasks"], json!(["a task that ends"]));
}
