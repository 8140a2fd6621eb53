//! Runs the program as a stranger would, and files to give it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run left behind.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The one message of a run that failed: exit code 2, nothing on standard output.
    pub(crate) fn refused(self) -> String {
        assert_eq!(self.code, 2, "{}{}", self.out, self.err);
        assert_eq!(self.out, "", "nothing but results goes to standard output");
        assert!(!self.err.contains("panicked"), "{}", self.err);
        let message = self.err.strip_prefix("everyhop: ").expect("the program says its name");
        message.trim_end().to_owned()
    }

    /// What a run that succeeded printed.
    pub(crate) fn printed(self) -> String {
        assert_eq!((self.code, &*self.err), (0, ""), "{}", self.out);
        self.out
    }
}

/// Runs `everyhop` with `stdin` on its standard input.
pub(crate) fn everyhop_with(args: &[&str], stdin: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_everyhop"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    // A program that stops reading early closes the pipe, and that is its right.
    let _ = child.stdin.take().expect("it is piped").write_all(stdin);
    let output = child.wait_with_output().expect("it ends");
    Run {
        code: output.status.code().expect("it ends by itself"),
        out: String::from_utf8(output.stdout).expect("results are text"),
        err: String::from_utf8(output.stderr).expect("messages are text"),
    }
}

/// Runs `everyhop`.
pub(crate) fn everyhop(args: &[&str]) -> Run {
    everyhop_with(args, b"")
}

/// A fresh directory for one test.
pub(crate) fn scratch(test: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("the target folder is writable");
    dir
}

/// Writes a file and returns its path.
pub(crate) fn file(dir: &Path, name: &str, bytes: &[u8]) -> String {
    let path = dir.join(name);
    fs::write(&path, bytes).expect("the directory is writable");
    text(&path)
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("a name in UTF-8").to_owned()
}
