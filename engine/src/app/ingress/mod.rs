//! A reverse proxy for HTTP that chooses by host and path, as ingress controllers do.

pub mod route;
