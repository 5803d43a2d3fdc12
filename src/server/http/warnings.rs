//! What is wrong with this natter, in words for its administrators.

use super::AppState;

/// One text for each thing; none when all is well.
pub(super) fn warnings(state: &AppState) -> Vec<String> {
    let mut warnings = Vec::new();
    let missing = state.read_model.missing();
    if missing.count > 0 {
        warnings.push(format!(
            "{missing}. The store of nats-server is damaged, or somebody removed them. Natter still shows \
             what it has read before. Copy the data folder before anything else, then put its folder nats/ back \
             from a backup. “natter verify” reads everything."
        ));
    }
    if let Some(why) = state.space.unwritable() {
        warnings.push(format!(
            "No messages are taken, since {why}. People can read, and messages wait in their browsers."
        ));
    }
    let ahead = state.broker_clock.ahead();
    if ahead != 0 {
        warnings.push(format!(
            "The clocks of Natter and of nats-server differ by {} s. Past a minute nobody can connect: \
             synchronise both machines.",
            ahead.abs()
        ));
    }
    warnings
}
