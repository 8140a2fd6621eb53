//! The wasm entry point.

fn main() {
    everyhop_frontend::mount();
}
