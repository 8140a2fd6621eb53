//! A frame as named fields with the bytes each one stands in, for people to read.
