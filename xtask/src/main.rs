//! The project's own commands, run as `cargo xtask`: serve the page, run every check, compare with the kernel, measure.
//!
//! It starts other programs and times them. It knows the workspace's layout and nothing of networks.

mod bench;
mod budget;
mod conform;
mod fuzz;
mod page;
mod process;
mod serve;
mod split;
mod system;
mod test;
mod tools;
mod version;
mod wasm;

use std::env;
use std::process::ExitCode;

use process::Error;

const USAGE: &str = "\
cargo xtask COMMAND

  serve [--port N]        build the page and serve it on http://127.0.0.1:8080 (or port N)
  test [--only A,B,...]   run every check, or the named ones; stops at the first failure
  test --list             name the checks
  conform [--record]      compare the engine with the kernel, or record the kernel anew
  conform --clusters      compare clusters in each flavour of CNI alone
  conform --random N      make N labs from seeds and compare; --seed S to begin elsewhere
  fidelity                write docs/fidelity.md anew from the labs
  fuzz [--seconds N]      feed the parsers with what nobody wrote, N seconds each
  bench                   measure datagrams per second: native, wasm, and the kernel
  bench --page            measure the page: from key press to paint, and from frame to frame

What is missing is installed: into .tools/ beside the sources, and on Debian as root with apt-get.";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["serve", rest @ ..] => serve::serve(rest),
        [serve::ANNOUNCE, rest @ ..] => serve::announce(rest),
        [split::page::COMMAND] => split::page::split_page(),
        ["test", rest @ ..] => test::test(rest),
        ["conform", rest @ ..] => conform::conform(rest),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        ["fidelity"] => conform::fidelity(),
        ["bench"] => bench::bench(),
        ["bench", "--page"] => bench::page(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Error::Usage(USAGE.to_owned())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Failed(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(1)
        }
        Err(Error::Usage(message)) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}
