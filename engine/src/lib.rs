//! Everyhop engine.
