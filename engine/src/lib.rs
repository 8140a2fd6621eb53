//! Everyhop's engine: moves real frames through real Linux tables and records why.
//!
//! Modules, lower first; a module names only itself and what stands before it (`tests/tests/tidy.rs` checks it):
//!
//! `base` ← `wire` ← `skb` ← `trace` ← `netfilter` ← `link` ← `stack` ← `app` ← `world` ← `tool` ← `story` ← `export` ← `yaml` ← `snapshot` ← `kube` ← `lesson`
//!
//! No module knows a browser, a file system or a clock: bytes come in, a trace comes out. Nothing before `kube` knows
//! Kubernetes.

pub mod base;
pub mod wire;

pub mod skb;

pub mod trace;

pub mod netfilter;

pub mod link;

pub mod stack;

pub mod app;

pub mod world;

pub mod tool;

pub mod story;

pub mod export;

pub mod yaml;

pub mod snapshot;

pub mod kube;

pub mod lesson;

#[cfg(all(test, target_arch = "wasm32"))]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
