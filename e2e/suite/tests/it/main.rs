//! End-to-end tests. `cargo xtask e2e` starts a cluster and runs them; a part of them has the name of its module.

mod certificates;
mod chart;
mod cluster;
mod fixtures;
mod live;
mod login;
mod operations;
mod pod_security;
mod policy;
mod unguarded;
mod uninstall;
mod webhook;
