//! Starting programs in the checkout, with the project's tools first on PATH, and saying how long they took.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Why a command ends without having done what it was asked.
#[derive(Debug)]
pub(crate) enum Error {
    /// Something ran and failed: exit 1.
    Failed(String),
    /// The command line makes no sense: exit 2.
    Usage(String),
}

pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

/// Shorthand for the common error.
pub(crate) fn failed<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::Failed(message.into()))
}

/// The checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the checkout")
}

/// Where the project keeps tools of its own; git-ignored.
pub(crate) fn tools_dir() -> PathBuf {
    root().join(".tools")
}

/// Where programs are looked for. Debian keeps `iptables` and its like in sbin, which only root has on PATH.
fn search_dirs() -> Vec<PathBuf> {
    let own = [tools_dir().join("bin"), tools_dir().join("npm/node_modules/.bin")];
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let mut dirs: Vec<PathBuf> = Vec::new();
    for dir in own.into_iter().chain(env::split_paths(&path)).chain(system) {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    dirs
}

fn search_path() -> Result<OsString> {
    env::join_paths(search_dirs()).map_err(|problem| {
        Error::Failed(format!("the checkout lies in a folder that cannot be on PATH: {problem}"))
    })
}

/// The first executable of this name, where `command` would find it.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    search_dirs().into_iter().map(|dir| dir.join(program)).find(|path| {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// A program to start in the checkout.
pub(crate) fn command(program: &str, args: &[&str]) -> Result<Command> {
    let mut command = Command::new(find(program).unwrap_or_else(|| PathBuf::from(program)));
    command.args(args).current_dir(root()).env("PATH", search_path()?);
    Ok(command)
}

/// Runs to the end; anything but exit status 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result {
    let shown = shown(command);
    println!("    $ {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(format!("`{shown}` ended with {status}")),
        Err(problem) => failed(format!("cannot start `{shown}`: {problem}")),
    }
}

pub(crate) fn run_program(program: &str, args: &[&str]) -> Result {
    run(&mut command(program, args)?)
}

/// Standard output of a program that ended well, else None.
pub(crate) fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = command(program, args).ok()?.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// The command line as one would type it, without the folders.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut words = vec![name.to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Says what comes and how long it usually takes, does it, and says how long it took.
pub(crate) fn timed<T>(what: &str, usually: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {what} (usually {usually})");
    let started = Instant::now();
    let result = work();
    let ended = if result.is_ok() { "done in" } else { "FAILED after" };
    println!("    {ended} {}", duration_text(started.elapsed()));
    result
}

/// `0.4 s`, `12.0 s`, `3 min 05 s`.
pub(crate) fn duration_text(duration: Duration) -> String {
    if duration < Duration::from_mins(1) {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    let seconds = duration.as_secs();
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_a_person_would_say_them() {
        assert_eq!(duration_text(Duration::from_millis(440)), "0.4 s");
        assert_eq!(duration_text(Duration::from_secs(59)), "59.0 s");
        assert_eq!(duration_text(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["fmt", "--all"]);
        assert_eq!(shown(&command), "cargo fmt --all");
    }

    #[test]
    fn a_program_that_is_nowhere_is_not_found() {
        assert_eq!(find("no-program-has-this-name"), None);
    }

    #[test]
    fn a_program_that_fails_is_an_error() {
        assert!(run_program("false", &[]).is_err());
        assert!(run_program("no-program-has-this-name", &[]).is_err());
    }
}
