//! Rules, profiles and verdicts on pods.
