//! How far the model is: for who waits for it, and for who watches over natter.

use crate::domain::Sequence;
use crate::server::store::End;

/// How far the model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here is in it.
    pub applied: Sequence,
    /// What it is doing.
    pub phase: Phase,
    /// The end of LOG that is as far as the model is.
    pub(super) at: End,
}

/// What the model is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It looks at its file and at LOG: do they belong together?
    Opening,
    /// It was begun anew and has not been complete yet.
    Building {
        /// It is then.
        to: Sequence,
    },
    /// It was away for a while.
    CatchingUp {
        /// Where it began.
        from: Sequence,
        /// LOG's end at that time.
        to: Sequence,
    },
    /// It applies what comes.
    Following,
}

impl Progress {
    /// Before anything is known.
    pub(super) fn nothing() -> Self {
        Self {
            applied: Sequence(0),
            phase: Phase::Opening,
            at: End {
                sequence: Sequence(0),
                at_ns: 0,
                created_ns: 0,
                missing: 0,
            },
        }
    }

    /// Has it everything up to `end`?
    pub(super) fn has_reached(&self, end: Sequence) -> bool {
        self.phase == Phase::Following && self.applied >= end
    }

    /// Was the model built from another log than the one that ends at `end`? Asked of progress
    /// from before that reading began: the log cannot have been shorter than what was applied.
    pub(super) fn contradicts(&self, end: &End) -> bool {
        self.phase == Phase::Following
            && (end.created_ns != self.at.created_ns
                || end.sequence < self.applied
                || (end.sequence == self.applied && end.at_ns != self.at.at_ns))
    }

    /// How much of what it has to apply before it can answer is done.
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        let (from, to) = match self.phase {
            Phase::Building { to } => (0, to.0),
            Phase::CatchingUp { from, to } => (from.0, to.0),
            Phase::Opening | Phase::Following => return None,
        };
        let (done, all) = (self.applied.0.saturating_sub(from), to.saturating_sub(from));
        let percent = done.saturating_mul(100).checked_div(all).unwrap_or(100);
        Some(u8::try_from(percent.min(100)).unwrap_or(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn following(sequence: u64, at_ns: i128) -> Progress {
        let at = End {
            sequence: Sequence(sequence),
            at_ns,
            created_ns: 1,
            missing: 0,
        };
        Progress {
            applied: at.sequence,
            phase: Phase::Following,
            at,
        }
    }

    #[test]
    fn a_log_that_is_shorter_or_has_another_last_entry_is_another() {
        let model = following(7, 700);
        let end = |sequence, at_ns| following(sequence, at_ns).at;
        assert!(model.contradicts(&end(6, 600)));
        assert!(model.contradicts(&end(7, 701)));
        assert!(!model.contradicts(&end(7, 700)));
        assert!(!model.contradicts(&end(8, 800)));
        let another = End {
            created_ns: 2,
            ..end(8, 800)
        };
        assert!(model.contradicts(&another));
    }

    #[test]
    fn a_share_of_what_was_missed_is_told() {
        let model = |applied, phase| Progress {
            applied: Sequence(applied),
            phase,
            ..Progress::nothing()
        };
        let (from, to) = (Sequence(100), Sequence(200));
        assert_eq!(model(50, Phase::Building { to }).percent(), Some(25));
        let catching_up = Phase::CatchingUp { from, to };
        assert_eq!(model(150, catching_up).percent(), Some(50));
        let (nothing, building) = (Sequence(0), Sequence(0));
        assert_eq!(
            model(nothing.0, Phase::Building { to: building }).percent(),
            Some(100)
        );
        assert_eq!(model(7, Phase::Following).percent(), None);
    }
}
