//! The cluster view: which pod is this, and what may it have.
