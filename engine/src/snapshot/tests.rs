//! Claims about what is read and what is refused.
