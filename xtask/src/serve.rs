//! `cargo xtask serve`: from a fresh clone to the page in a browser.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::{CommandExt, parent_id};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::page;
use crate::process::{Error, Result, duration_text, failed, timed};

/// The hidden subcommand that waits beside Trunk; see [`announce`].
pub(crate) const ANNOUNCE: &str = "--announce";

const DEFAULT_PORT: u16 = 8080;

pub(crate) fn serve(args: &[&str]) -> Result {
    let port = parse_port(args)?;
    if let Err(problem) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        return failed(format!(
            "cannot serve on 127.0.0.1:{port}: {problem}. Choose another port: cargo xtask serve --port N"
        ));
    }
    timed(
        "Looking for the tools that build the page",
        "1 second when all are there",
        page::prepare,
    )?;
    println!(
        "==> Building the page and serving it (usually 2 minutes the first time, then seconds)"
    );
    start_announcer(port)?;
    let mut trunk = page::trunk("serve")?;
    trunk.args(["--address", "127.0.0.1", "--port", &port.to_string()]);
    // Trunk takes this process' place, so whoever ends the one ends the other.
    let problem = trunk.exec();
    failed(format!("cannot start trunk: {problem}"))
}

fn parse_port(args: &[&str]) -> Result<u16> {
    let usage = || Error::Usage("cargo xtask serve [--port N], N from 1 to 65535".to_owned());
    match args {
        [] => Ok(DEFAULT_PORT),
        ["--port", port] => port.parse().ok().filter(|port| *port != 0).ok_or_else(usage),
        _ => Err(usage()),
    }
}

fn start_announcer(port: u16) -> Result {
    let this = std::env::current_exe()
        .or_else(|problem| failed(format!("cannot find this program: {problem}")))?;
    let mut announcer = std::process::Command::new(this);
    match announcer.args([ANNOUNCE, &port.to_string()]).spawn() {
        Ok(_) => Ok(()),
        Err(problem) => failed(format!("cannot wait for the server: {problem}")),
    }
}

/// Waits until Trunk, this process' parent, serves; says how long that took and whether it serves a fresh build.
///
/// Trunk serves after a failed build too, whatever an earlier one left. Ends with its parent.
pub(crate) fn announce(args: &[&str]) -> Result {
    let port = parse_port(&[&["--port"], args].concat())?;
    let (started, started_at, parent) = (Instant::now(), SystemTime::now(), parent_id());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
        if parent_id() != parent {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    let took = duration_text(started.elapsed());
    if built_since(started_at) {
        println!("    done in {took}");
        println!(
            "==> Open http://127.0.0.1:{port}/ (Ctrl-C ends it; a saved source file is built anew)"
        );
    } else {
        println!("    FAILED after {took}: the build did not succeed, see above");
        println!("==> Save a corrected source file and it is built anew, or end this with Ctrl-C");
    }
    Ok(())
}

fn built_since(time: SystemTime) -> bool {
    let index = fs::metadata(page::dist().join("index.html"));
    index.and_then(|meta| meta.modified()).is_ok_and(|modified| modified >= time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_8080_unless_told() {
        assert_eq!(parse_port(&[]).ok(), Some(8080));
        assert_eq!(parse_port(&["--port", "9000"]).ok(), Some(9000));
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for args in [&["--port"][..], &["--port", "0"], &["--port", "65536"], &["--open"]] {
            assert!(matches!(parse_port(args), Err(Error::Usage(_))), "{args:?}");
        }
    }
}
