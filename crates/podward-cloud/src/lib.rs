//! A local Key Vault and token service that the real clients accept.
#![allow(missing_docs)]
use std::sync::Arc; use std::path::Path; use podward_api::access::Recorder; use podward_api::SecretString;
#[derive(Clone,Default,serde::Deserialize)]
pub struct Tenant{pub id:String}
#[derive(Clone,Default,serde::Deserialize)]
pub struct CloudConfig{pub tenants:Vec<Tenant>}
pub struct ConfigError{pub path:String,pub message:String}
pub struct LocalIssuer{pub url:String,pub jwks:Arc<dyn Fn()->serde_json::Value+Send+Sync>}
pub struct Cloud; pub struct SystemClock; pub trait Clock{} impl Clock for SystemClock{}
#[derive(Clone,Default)] pub struct Caller{pub namespace:String,pub pod:String,pub pod_uid:String,pub service_account:String,pub node:String}
pub struct Keys; pub struct Signer;
#[derive(Debug,thiserror::Error)] #[error("x")] pub struct KeysError;
impl Keys{pub fn load(_:Option<&Path>)->Result<Self,KeysError>{Ok(Keys)} pub fn ca_pem(&self)->String{String::new()} pub fn server_config(&self,_:&[String])->Result<Arc<rustls::ServerConfig>,KeysError>{Err(KeysError)}}
impl Signer{pub fn load(_:Option<&Path>,_:&str)->Result<Self,KeysError>{Ok(Signer)} pub fn jwk(&self)->serde_json::Value{serde_json::Value::Null} pub fn sign(&self,_:&serde_json::Value)->Result<SecretString,KeysError>{Err(KeysError)}}
impl Cloud{pub fn new(_:CloudConfig,_:LocalIssuer,_:Keys,_:Arc<dyn Recorder>,_:Arc<dyn Clock>)->Result<Arc<Self>,ConfigError>{Ok(Arc::new(Cloud))} pub fn host_names(&self)->Vec<String>{vec![]} pub fn router(self:&Arc<Self>)->axum::Router{axum::Router::new()} pub fn set_secret(&self,_:&str,_:&str,_:SecretString)->Result<String,KeysError>{Err(KeysError)}}
