//! Named network namespaces, as `ip netns` keeps them: listing them and doing something inside one.

use std::fs::{self, File};
use std::path::Path;
use std::thread;

use nix::sched::{CloneFlags, setns};

use crate::problem::{Outcome, Problem};

/// Where `ip netns` keeps the names.
pub(super) const DIR: &str = "/run/netns";

/// All names, sorted.
pub(super) fn names() -> Outcome<Vec<String>> {
    let dir = Path::new(DIR);
    let found = fs::read_dir(dir)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(Problem::in_file(dir))?;
    let mut names: Vec<String> =
        found.iter().map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Does `action` inside the namespace. Sockets made there stay there; a process started there runs there.
///
/// A namespace belongs to a thread, so the action gets a thread of its own and the caller stays where it is.
pub(super) fn within<T: Send>(
    name: &str,
    action: impl FnOnce() -> Outcome<T> + Send,
) -> Outcome<T> {
    let path = Path::new(DIR).join(name);
    let file = File::open(&path).map_err(Problem::in_file(&path))?;
    thread::scope(|scope| {
        let done = scope.spawn(move || {
            setns(&file, CloneFlags::CLONE_NEWNET).map_err(|e| Problem::at(name, e))?;
            action()
        });
        done.join().map_err(|_| Problem::at(name, "the thread in this namespace panicked"))?
    })
}
