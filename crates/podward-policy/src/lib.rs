//! Rules, profiles and verdicts on pods.
#![allow(missing_docs)]
use podward_manifest::{Workload,Position};
#[derive(Clone,Copy,Debug,PartialEq,Eq)]
pub enum Level{Privileged,Baseline,Restricted}
impl std::str::FromStr for Level{type Err=();fn from_str(_:&str)->Result<Self,()>{Ok(Level::Baseline)}}
impl std::fmt::Display for Level{fn fmt(&self,f:&mut std::fmt::Formatter<'_>)->std::fmt::Result{f.write_str("x")}}
pub struct Finding{pub rule:&'static str,pub path:String,pub position:Position,pub field:String,pub message:String,pub why:&'static str,pub mend:String}
pub struct Violation{pub findings:Vec<Finding>}
pub struct Verdict{pub violations:Vec<Violation>}
impl Verdict{pub fn allowed(&self)->bool{true} pub fn forbidden_message(&self,_:&str)->String{String::new()} pub fn warning(&self)->String{String::new()}}
pub fn judge(_:&Workload<'_>,_:Level)->Verdict{Verdict{violations:vec![]}}
pub fn credentials(_:&Workload<'_>)->Vec<Finding>{vec![]}
