//! Round trips, counted as ping(8) counts them.

use std::time::Duration;

/// What became of the pings.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    pub sent: u64,
    round_trips: Vec<Duration>,
}

impl Statistics {
    pub fn answered(&mut self, round_trip: Duration) {
        self.round_trips.push(round_trip);
    }

    pub fn received(&self) -> u64 {
        self.round_trips.len() as u64
    }

    /// Two lines, or one when nothing came.
    pub fn text(&self) -> String {
        let received = self.received();
        let lost = self.sent.saturating_sub(received);
        let loss = (lost * 100).checked_div(self.sent).unwrap_or_default();
        let mut text = format!("{} sent, {received} received, {loss}% lost", self.sent);
        if let Some([min, mean, max, deviation]) = self.spread() {
            text.push_str(&format!(
                "\nround trip min/avg/max/mdev = {min:.3}/{mean:.3}/{max:.3}/{deviation:.3} ms"
            ));
        }
        text
    }

    /// Minimum, mean, maximum and standard deviation, in milliseconds.
    fn spread(&self) -> Option<[f64; 4]> {
        let ms: Vec<f64> = self
            .round_trips
            .iter()
            .map(|trip| trip.as_secs_f64() * 1e3)
            .collect();
        let min = ms.iter().copied().reduce(f64::min)?;
        let max = ms.iter().copied().reduce(f64::max)?;
        let count = ms.len() as f64;
        let mean = ms.iter().sum::<f64>() / count;
        let squares: f64 = ms.iter().map(|trip| (trip - mean).powi(2)).sum();
        Some([min, mean, max, (squares / count).sqrt()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_ping() {
        let mut statistics = Statistics {
            sent: 4,
            ..Statistics::default()
        };
        assert_eq!(statistics.text(), "4 sent, 0 received, 100% lost");
        for ms in [1, 2, 3] {
            statistics.answered(Duration::from_millis(ms));
        }
        assert_eq!(
            statistics.text(),
            "4 sent, 3 received, 25% lost\n\
             round trip min/avg/max/mdev = 1.000/2.000/3.000/0.816 ms"
        );
        assert_eq!(Statistics::default().text(), "0 sent, 0 received, 0% lost");
    }
}
