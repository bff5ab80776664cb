//! `podward` as its users run it: real namespaces, real mounts, the real Azure SDK.

#[cfg(test)]
mod access;
#[cfg(test)]
mod admission_policy;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod check;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod code;
#[cfg(test)]
mod demanded;
#[cfg(test)]
mod durable;
#[cfg(test)]
mod exec;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fix;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod growth;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod host_network;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod image;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod issuers;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod manager;
mod manual;
#[cfg(test)]
mod ordinary_user;
#[cfg(test)]
mod python;
#[cfg(test)]
mod quickstart;
#[cfg(test)]
mod render;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod sdk;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod throttle;
#[cfg(test)]
mod token_service;
#[cfg(test)]
mod values;
